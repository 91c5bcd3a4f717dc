import { readdir, readFile } from "node:fs/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { AgentPlace, eventually } from "../../../test/support/agent/agent-place.ts";
import { FakeJob } from "../../../test/support/agent/fake-job.ts";
import { describeWithSandbox } from "../../../test/support/agent/sandbox-here.ts";
import { describeWithTerraform } from "../../../test/support/terraform.ts";
import { JobOutcome } from "../../gen/windlass/agent/v1/job_pb.ts";

let place: AgentPlace;
beforeEach(async () => {
  place = await AgentPlace.make();
});
afterEach(() => place[Symbol.asyncDispose]());

/** Nobody else on this machine sleeps that long. */
const long = `${1_000_000 + process.pid}.${Date.now() % 1_000_000}`;
const sleeps = async (): Promise<number> => {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const lines = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")));
  return lines.filter((line) => line === `sleep\0${long}\0`).length;
};

const detached = `
resource "terraform_data" "daemon" {
  provisioner "local-exec" {
    command = "setsid sh -c 'touch up; exec sleep ${long}' >/dev/null 2>&1 </dev/null & while [ ! -e up ]; do sleep 0.05; done"
  }
}
`;

async function applied(sandbox: "bwrap" | "none"): Promise<FakeJob> {
  place.start("a", { sandbox });
  await eventually(() => place.controlPlane.hellos.length > 0 && place.controlPlane.isConnected, "connected");
  const plan = new FakeJob({
    id: "job_plan",
    runId: "run_1",
    configuration: await place.pack({ "main.tf": detached }),
  });
  place.controlPlane.offer(plan);
  await eventually(() => plan.result, "the plan", 60_000);
  expect(plan.logText).not.toContain("left running");
  const made = plan.uploadedPlan === undefined ? {} : { plan: plan.uploadedPlan.plan };
  const apply = new FakeJob({ id: "job_apply", runId: "run_1", configuration: plan.configuration, ...made });
  place.controlPlane.offer(apply);
  await eventually(() => apply.result, "the apply", 60_000);
  expect(apply.result).toMatchObject({ outcome: JobOutcome.FINISHED, errorMessage: "" });
  return apply;
}

describeWithTerraform("without a sandbox", () => {
  test("a process that a provisioner detached is ended with the apply, and the log says so", async () => {
    const apply = await applied("none");
    expect(await sleeps()).toBe(0);
    expect(apply.logText).toMatch(
      /\nWindlass: these processes had been left running and were ended: sleep \(process \d+\)\. /,
    );
  });
});

describeWithSandbox("in a sandbox", () => {
  test("it ends with the sandbox", async () => {
    const apply = await applied("bwrap");
    expect(await sleeps()).toBe(0);
    expect(apply.logText).not.toContain("left running");
  });
});
