import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { AgentPlace, eventually } from "../../../test/support/agent/agent-place.ts";
import { FakeJob, type FakeJobOptions } from "../../../test/support/agent/fake-job.ts";
import { sandboxesHere } from "../../../test/support/agent/sandbox-here.ts";
import { describeWithTerraform } from "../../../test/support/terraform.ts";
import { JobOutcome } from "../../gen/windlass/agent/v1/job_pb.ts";
import type { AgentConfig } from "../contract/config.ts";

let place: AgentPlace;
let configuration: Uint8Array;
beforeEach(async () => {
  place = await AgentPlace.make();
  configuration = await place.pack({
    "app/main.tf": `resource "terraform_data" "here" {
  input = path.cwd
  provisioner "local-exec" {
    command = "cat \${path.cwd}/main.tf > /dev/null && pwd"
  }
}
`,
    "app/note.txt": "x",
  });
});
afterEach(() => place[Symbol.asyncDispose]());

type Sandbox = AgentConfig["sandbox"];

/** Runs a job on an agent of its own, which leaves then. */
async function on(name: string, sandbox: Sandbox, options: Omit<FakeJobOptions, "configuration">): Promise<FakeJob> {
  const { hellos } = place.controlPlane;
  const before = hellos.length;
  const agent = place.start(name, { sandbox });
  await eventually(() => hellos.length > before, "connected");
  const spec = { workspaceId: "ws_1", workingDirectory: "app" };
  const job = new FakeJob({ configuration, ...options, spec });
  place.controlPlane.offer(job);
  await eventually(() => job.result, `the result of ${job.claim.jobId}`);
  await agent[Symbol.asyncDispose]();
  expect(job.result, job.logText).toMatchObject({ outcome: JobOutcome.FINISHED, errorMessage: "" });
  return job;
}

/** Plans on one agent, applies on another one. */
async function run(runId: string, [planner, applier]: readonly [Sandbox, Sandbox], state?: FakeJobOptions["state"]) {
  const given = state === undefined ? {} : { state };
  const plan = await on("planner", planner, { id: `plan_${runId}`, runId, ...given });
  if (plan.logText.includes("No changes.")) return undefined;
  const uploaded = plan.uploadedPlan?.plan ?? new Uint8Array();
  const apply = await on("applier", applier, { id: `apply_${runId}`, runId, ...given, plan: uploaded });
  const last = apply.states.at(-1);
  const content = last?.content ?? Buffer.alloc(0);
  const { lineage = "", serial = 0n } = last?.header ?? {};
  const cwd: string = JSON.parse(content.toString()).resources[0].instances[0].attributes.input.value;
  return { cwd, state: { content, lineage, serial: Number(serial) } };
}

describeWithTerraform("the directory in which terraform runs", () => {
  describe.skipIf(!sandboxesHere.includes("auto"))("in a sandbox", () => {
    test("is the same at each run of a workspace, on any agent", async () => {
      const first = await run("run_1", ["auto", "auto"]);
      expect(first?.cwd).toBe(place.path("work", "ws_1", "config", "app"));
      expect(await run("run_2", ["auto", "auto"], first?.state)).toBeUndefined();
    });

    test.each<readonly [Sandbox, Sandbox, string]>([
      ["auto", "none", "ws_1"],
      ["none", "auto", "run_1"],
    ])("is that of the plan where the sandbox is another one: %s, then %s", async (planner, applier, name) => {
      const found = await run("run_1", [planner, applier]);
      expect(found?.cwd).toBe(place.path("work", name, "config", "app"));
    });
  });

  test("is the run's without one, and that of its plan", async () => {
    expect((await run("run_1", ["none", "none"]))?.cwd).toBe(place.path("work", "run_1", "config", "app"));
  });
});
