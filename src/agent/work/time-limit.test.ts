import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { afterEach, beforeEach, expect, test } from "vitest";
import { AgentPlace, eventually } from "../../../test/support/agent/agent-place.ts";
import { FakeJob, type FakeJobOptions } from "../../../test/support/agent/fake-job.ts";
import { describeWithTerraform } from "../../../test/support/terraform.ts";
import { JobOutcome } from "../../gen/windlass/agent/v1/job_pb.ts";

let place: AgentPlace;
beforeEach(async () => {
  place = await AgentPlace.make();
});
afterEach(() => place[Symbol.asyncDispose]());

const slow = `
resource "terraform_data" "quick" {
  input = "quick"
}
resource "terraform_data" "slow" {
  depends_on = [terraform_data.quick]
  provisioner "local-exec" {
    command = "echo begun; exec sleep 120"
  }
}
`;

async function finished(options: FakeJobOptions): Promise<FakeJob> {
  const job = new FakeJob(options);
  await eventually(() => place.controlPlane.isConnected, "the agent is connected");
  place.controlPlane.offer(job);
  await eventually(() => job.result, `the result of ${job.claim.jobId}`);
  return job;
}

describeWithTerraform("the time limit of a phase", () => {
  test("cancels an apply gracefully, and the run says so; its state is delivered", async () => {
    place.start("a");
    const configuration = await place.pack({ "main.tf": slow });
    const job = { runId: "run_1", configuration };
    const plan = await finished({ ...job, id: "job_plan", spec: { timeout: durationFromMs(60_000) } });
    expect(plan.result).toMatchObject({ outcome: JobOutcome.FINISHED, errorMessage: "" });
    const apply = await finished({
      ...{ ...job, id: "job_apply", plan: plan.uploadedPlan?.plan ?? new Uint8Array() },
      spec: { timeout: durationFromMs(3_000) },
    });
    expect(apply.result?.outcome).toBe(JobOutcome.ERRORED);
    expect(apply.result?.errorMessage).toMatch(/^canceled after 3 s, the time limit of this phase/);
    expect(apply.logText).toContain("Interrupt received.");
    expect(apply.logText).toContain("canceled after 3 s");
    expect(apply.states.at(-1)?.content.toString()).toContain("quick");
  });
});
