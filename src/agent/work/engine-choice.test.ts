import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { AgentPlace, eventually } from "../../../test/support/agent/agent-place.ts";
import { FakeJob } from "../../../test/support/agent/fake-job.ts";
import { ManualClock } from "../../../test/support/manual-clock.ts";
import { describeWithTerraform, sandbox } from "../../../test/support/terraform.ts";
import type { AgentEngines } from "../../gen/windlass/agent/v1/agent_gateway_service_pb.ts";
import { JobEngine, JobOutcome } from "../../gen/windlass/agent/v1/job_pb.ts";

let place: AgentPlace;
beforeEach(async () => {
  place = await AgentPlace.make();
});
afterEach(() => place[Symbol.asyncDispose]());

const configurationFiles = { "main.tf": 'resource "terraform_data" "a" { input = 1 }\n' };

/** A program that says only which version it is. */
async function program(path: string, version: string): Promise<string> {
  const file = place.path(path);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, `#!/bin/sh\necho '{"terraform_version":"${version}"}'\n`, { mode: 0o755 });
  return file;
}

const told = (engines: AgentEngines | undefined) =>
  engines?.programs.map(({ engine, version }) => `${engine === JobEngine.TOFU ? "tofu" : "terraform"} ${version}`);

describe("what an agent has", () => {
  test("is announced with its hello, and again when it changes; a job without its program asks for a start that says so", async () => {
    await program("bin/tofu", "1.12.6");
    const terraform = place.path("bin/terraform");
    const engineDownloads = { mirror: "http://me:secret@127.0.0.1:1/engines" };
    place.start("a", { searchPath: dirname(terraform) });
    const hello = await eventually(() => place.controlPlane.hellos[0], "the hello");
    expect(told(hello.engines)).toEqual(["tofu 1.12.6"]);
    expect(hello.engines?.downloads).toEqual([]);
    const configuration = await place.pack(configurationFiles);
    await program("bin/terraform", "1.11.4");
    place.controlPlane.offer(
      new FakeJob({ id: "job_1", runId: "run_1", configuration, spec: { engineVersion: "9.9.9" } }),
    );
    const asking = await eventually(() => place.controlPlane.startRequests[0], "it has asked");
    expect(asking.engineMissing).toMatch(/asks for terraform 9.9.9, this agent has 1.11.4/);
    const news = await eventually(() => place.controlPlane.heartbeats.find(({ engines }) => engines), "the news");
    expect(told(news.engines)).toEqual(["terraform 1.11.4", "tofu 1.12.6"]);

    place.start("b", { searchPath: dirname(terraform), enginePaths: [terraform], engineDownloads });
    const second = await eventually(() => place.controlPlane.hellos[1], "the second hello");
    expect(second.engines?.downloads).toMatchObject([{ engine: JobEngine.TOFU, source: "http://127.0.0.1:1/engines" }]);
  });

  test("does not keep an agent from its control plane while a program there does not answer", async () => {
    await writeFile(await program("bin/terraform", "1"), "#!/bin/sh\nexec sleep 30\n", { mode: 0o755 });
    const clock = new ManualClock();
    place.start("a", { searchPath: place.path("bin") }, clock);
    const hello = await eventually(async () => {
      await clock.advance(1_000);
      return place.controlPlane.hellos[0];
    }, "the hello");
    expect(hello.engines).toBeUndefined();
  });
});

describeWithTerraform("a plan of another version than the agent's terraform", () => {
  test.each([
    ["as the control plane knows", true],
    ["as the plan says, if it does not", false],
  ])("is not applied: the version that made it is named, whatever the workspace allows (%s)", async (_, isKnown) => {
    await using box = await sandbox(configurationFiles);
    await box.terraform("plan", "-input=false", "-out=p");
    const { terraform_version: made } = JSON.parse((await box.terraform("version", "-json")).stdout);
    const other = place.path("bin/terraform");
    await program("bin/terraform", "99.0.0");

    place.start("a", { searchPath: dirname(other) });
    await eventually(() => place.controlPlane.isConnected && place.controlPlane.hellos.length > 0, "connected");
    const job = new FakeJob({
      id: "job_apply",
      runId: "run_1",
      configuration: await place.pack(configurationFiles),
      plan: await readFile(box.path("p")),
      spec: { engineVersion: ">= 1.0", planEngineVersion: isKnown ? made : "" },
    });
    place.controlPlane.offer(job);
    const result = await eventually(() => job.result, "the result");
    expect(result).toMatchObject({ outcome: JobOutcome.ERRORED, engineVersion: "" });
    expect(result.errorMessage).toBe(
      `the plan was made with terraform ${made}, this agent has 99.0.0 (${other}): install that version, or plan again`,
    );
  });
});
