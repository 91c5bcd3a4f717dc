import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { JobOutcome } from "../gen/windlass/agent/v1/job_pb.ts";
import { describeWithTerraform, sandbox } from "../terraform/testing.ts";
import { AgentPlace, eventually } from "./testing/agent-place.ts";
import { FakeJob } from "./testing/fake-job.ts";

let place: AgentPlace;
beforeEach(async () => {
  place = await AgentPlace.make();
});
afterEach(() => place[Symbol.asyncDispose]());

const configuration = { "main.tf": 'resource "terraform_data" "a" { input = 1 }\n' };

describeWithTerraform("a plan of another version than the agent's terraform", () => {
  test("is not applied: the version that made it is named, whatever the workspace allows", async () => {
    await using box = await sandbox(configuration);
    await box.terraform("plan", "-input=false", "-out=p");
    const { terraform_version: made } = JSON.parse((await box.terraform("version", "-json")).stdout);
    const other = place.path("bin/terraform");
    await mkdir(dirname(other));
    await writeFile(other, `#!/bin/sh\necho '{"terraform_version":"99.0.0"}'\n`, { mode: 0o755 });

    place.start("a", { searchPath: dirname(other) });
    await eventually(() => place.controlPlane.isConnected && place.controlPlane.hellos.length > 0, "connected");
    const job = new FakeJob({
      id: "job_apply",
      runId: "run_1",
      configuration: await place.pack(configuration),
      plan: await readFile(box.path("p")),
      spec: { engineVersion: ">= 1.0" },
    });
    place.controlPlane.offer(job);
    const result = await eventually(() => job.result, "the result");
    expect(result).toMatchObject({ outcome: JobOutcome.ERRORED, engineVersion: "" });
    expect(result.errorMessage).toBe(
      `the plan was made with terraform ${made}, this agent has 99.0.0 (${other}): install that version, or plan again`,
    );
  });
});
