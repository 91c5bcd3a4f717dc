import { afterEach, beforeEach, expect, test } from "vitest";
import { AgentPlace, eventually } from "../../../test/support/agent/agent-place.ts";
import { FakeJob } from "../../../test/support/agent/fake-job.ts";
import { describeWithTerraform } from "../../../test/support/terraform.ts";
import { DesiredState, JobOutcome } from "../../gen/windlass/agent/v1/job_pb.ts";
import { type Clock, systemClock } from "../../lib/clock.ts";

let place: AgentPlace;
let suspendedMs: number;
beforeEach(async () => {
  place = await AgentPlace.make();
  suspendedMs = 0;
});
afterEach(() => place[Symbol.asyncDispose]());

/** After a suspension the wall clock is ahead of what the monotonic one has counted. */
const clock: Clock = { ...systemClock, now: () => new Date(systemClock.now().getTime() + suspendedMs) };
const hello = 'resource "terraform_data" "greeting" {\n  input = "hello"\n}\n';
const journal = () => place.read("a", "jobs", "job_plan-1", "journal");
const beats = async (count: number) => {
  const { length } = place.controlPlane.heartbeats;
  await eventually(() => place.controlPlane.heartbeats.length >= length + count, "heartbeats");
};

/** Brings a plan to its start request, suspends the machine, and grants the start. */
async function grantedAfterSuspension(): Promise<FakeJob> {
  place.start("a", {}, clock);
  await eventually(() => place.controlPlane.isConnected && place.controlPlane.hellos.length > 0, "connected");
  const plan = new FakeJob({ id: "job_plan", runId: "run_1", configuration: await place.pack({ "main.tf": hello }) });
  plan.isUndecided = true;
  place.controlPlane.offer(plan);
  await eventually(() => place.controlPlane.startRequests.length > 0, "it has asked");
  place.controlPlane.knobs.isSilent = true;
  suspendedMs = 600_000;
  place.controlPlane.grant(plan, place.controlPlane.registrations[0]?.incarnation ?? "");
  await beats(2);
  expect(await journal()).not.toContain("exec");
  return plan;
}

describeWithTerraform("after a suspension of the machine", () => {
  test("a granted job is started when the control plane has been heard again", async () => {
    const plan = await grantedAfterSuspension();
    place.controlPlane.knobs.isSilent = false;
    await eventually(() => plan.result, "its result");
    expect(plan.result).toMatchObject({ outcome: JobOutcome.FINISHED, errorMessage: "" });
    expect(plan.grants).toBe(1);
  });

  test("a granted job that is not wanted any more is never started", async () => {
    const plan = await grantedAfterSuspension();
    plan.desired = DesiredState.GONE;
    place.controlPlane.knobs.isSilent = false;
    await eventually(async () => (await place.jobDirectories()).length === 0, "its directory is gone");
    expect(plan.log).toHaveLength(0);
    expect(place.records.map(({ msg }) => msg)).not.toContain("job started");
  });

  test("a state is uploaded only when the control plane has been heard again", async () => {
    place.start("a", {}, clock);
    await eventually(() => place.controlPlane.isConnected && place.controlPlane.hellos.length > 0, "connected");
    const wait = `while [ ! -e ${place.dir}/go ]; do sleep 0.05; done`;
    const files = {
      "main.tf": `${hello}resource "terraform_data" "patient" {\n  provisioner "local-exec" { command = "echo begun; ${wait}" }\n}\n`,
    };
    const plan = new FakeJob({ id: "job_plan", runId: "run_1", configuration: await place.pack(files) });
    place.controlPlane.offer(plan);
    await eventually(() => plan.result, "the plan's result");
    const made = plan.uploadedPlan?.plan ?? new Uint8Array();
    const apply = new FakeJob({ id: "job_apply", runId: "run_1", configuration: plan.configuration, plan: made });
    place.controlPlane.offer(apply);
    await eventually(() => apply.states.length > 0 && apply.logText.includes("begun"), "it applies");
    place.controlPlane.knobs.isSilent = true;
    suspendedMs = 600_000;
    const { length } = apply.states;
    await place.write("go");
    await eventually(
      async () => (await place.read("a/jobs/job_apply-1/journal")).includes("step_ended"),
      "terraform has ended",
    );
    await beats(2);
    expect(apply.states).toHaveLength(length);
    place.controlPlane.knobs.isSilent = false;
    await eventually(() => apply.result, "its result");
    expect(apply.states.at(-1)?.header.isLast).toBe(true);
  });
});
