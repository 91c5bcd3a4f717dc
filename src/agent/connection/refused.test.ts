import { afterEach, beforeEach, expect, test } from "vitest";
import { AgentPlace, eventually } from "../../../test/support/agent/agent-place.ts";
import { FakeJob } from "../../../test/support/agent/fake-job.ts";
import { describeWithTerraform } from "../../../test/support/terraform.ts";
import { SessionMessage } from "../../gen/windlass/agent/v1/agent_gateway_service_pb.ts";
import { JobOutcome } from "../../gen/windlass/agent/v1/job_pb.ts";

let place: AgentPlace;
beforeEach(async () => {
  place = await AgentPlace.make();
});
afterEach(() => place[Symbol.asyncDispose]());

const { HEARTBEAT, JOB_RESULT, LOG_CHUNK, START_REQUEST } = SessionMessage;
const always = Number.MAX_SAFE_INTEGER;

/** Offers a plan to a new agent, with refusals of these kinds. */
async function offerPlan(...refusals: readonly (readonly [SessionMessage, number])[]): Promise<FakeJob> {
  place.start();
  await eventually(() => place.controlPlane.hellos.length > 0 && place.controlPlane.isConnected, "connected");
  const configuration = await place.pack({ "main.tf": 'output "a" {\n  value = "b"\n}\n' });
  const plan = new FakeJob({ id: "job_plan", runId: "run_1", configuration });
  for (const [kind, times] of refusals) place.controlPlane.knobs.refusals.set(kind, times);
  place.controlPlane.offer(plan);
  return plan;
}

const gone = () => eventually(async () => (await place.jobDirectories()).length === 0, "its directory is gone");
/** So many heartbeats more have come: whatever is repeated would have been. */
async function beats(count: number): Promise<void> {
  const { heartbeats } = place.controlPlane;
  const from = heartbeats.length;
  await eventually(() => heartbeats.length >= from + count, "more heartbeats");
}

describeWithTerraform("what the server refuses is never sent again as it was", () => {
  test("a result is told without its texts, and taken", async () => {
    const plan = await offerPlan([JOB_RESULT, 1]);
    await eventually(() => plan.result, "its result");
    await gone();
    const [whole, bare, ...more] = place.controlPlane.results;
    // A heartbeat in between repeats it.
    expect(more.filter(({ engineVersion }) => engineVersion !== "")).toEqual([]);
    expect(whole?.engineVersion).not.toBe("");
    expect(bare).toMatchObject({ outcome: JobOutcome.FINISHED, hasChanges: true, engineVersion: "", inFlight: [] });
    expect(bare?.planSha256).toBe(whole?.planSha256);
  });

  test("a result that is refused even so is given up: the directory stays, and says why", async () => {
    await offerPlan([JOB_RESULT, always]);
    await eventually(() => place.controlPlane.heartbeats.at(-1)?.kept[0], "a kept directory is told");
    const { length } = place.controlPlane.results;
    await beats(3);
    expect(place.controlPlane.results).toHaveLength(length);
    expect(place.controlPlane.results.filter(({ engineVersion }) => engineVersion !== "")).toHaveLength(1);
    expect(place.controlPlane.heartbeats.at(-1)).toMatchObject({
      jobs: [],
      kept: [{ reason: "the control plane refused its result: refused by the test" }],
    });
  });

  test("a log of which a chunk is refused ends there, and the result says that the rest is lost", async () => {
    const plan = await offerPlan([LOG_CHUNK, always]);
    await eventually(() => plan.result, "its result");
    await gone();
    expect(plan.result).toMatchObject({ outcome: JobOutcome.FINISHED, logLost: true });
    expect(plan.logText).toBe("");
    expect(always - (place.controlPlane.knobs.refusals.get(LOG_CHUNK) ?? 0)).toBeLessThan(5);
  });

  test("a start request is followed by a decline, and the job is forgotten", async () => {
    await offerPlan([START_REQUEST, 1]);
    await eventually(() => place.controlPlane.declines[0], "a decline");
    await gone();
    await beats(3);
    expect(place.controlPlane.declines).toEqual(["its start request was refused"]);
    expect(place.controlPlane.startRequests).toEqual([]);
  });

  test("a heartbeat is followed at once by one that only keeps leases", async () => {
    place.controlPlane.knobs.heartbeatMs = 3_000;
    const plan = await offerPlan([HEARTBEAT, 1]);
    await eventually(() => plan.result, "its result");
    await beats(3);
    const { hellos, heartbeats } = place.controlPlane;
    expect(hellos).toHaveLength(1);
    for (const { kept, engines } of heartbeats.slice(1))
      expect({ kept, engines }).toEqual({ kept: [], engines: undefined });
  });

  test("a result of a job that was not granted, as the server says, is preceded by another start request", async () => {
    place.controlPlane.knobs.ungrantedResults = 1;
    const plan = await offerPlan();
    await eventually(() => plan.result, "its result");
    expect(place.controlPlane.startRequests).toHaveLength(2);
    expect(plan.grants).toBe(2);
    await gone();
  });
});
