import { afterEach, beforeEach, expect, test } from "vitest";
import { AgentPlace, eventually } from "../../../test/support/agent/agent-place.ts";
import { FakeJob, type FakeJobOptions } from "../../../test/support/agent/fake-job.ts";
import { ManualClock } from "../../../test/support/manual-clock.ts";
import { DesiredState } from "../../gen/windlass/agent/v1/job_pb.ts";
import type { Clock } from "../../lib/clock.ts";

let place: AgentPlace;
beforeEach(async () => {
  place = await AgentPlace.make();
});
afterEach(() => place[Symbol.asyncDispose]());

/** Starts an agent whose downloads of states stand still. */
async function begin(clock?: Clock): Promise<void> {
  place.start("a", {}, clock);
  await eventually(() => place.controlPlane.isConnected, "the agent is connected");
  place.controlPlane.knobs.isStateStalled = true;
}

const state = { content: Buffer.from("{}"), lineage: "l", serial: 1 };

async function offered(more: Partial<FakeJobOptions> = {}): Promise<FakeJob> {
  const job = new FakeJob({
    id: "job_a",
    runId: "run_1",
    configuration: await place.pack({ "main.tf": "" }),
    state,
    ...more,
  });
  place.controlPlane.offer(job);
  return job;
}

const isTidy = async () =>
  (await place.jobDirectories()).length === 0 && place.controlPlane.knobs.stalledDownloads === 0;

test("a download that cannot succeed ends the ones beside it before its job goes on", async () => {
  await begin();
  const configuration = { sizeBytes: 1n, sha256: "0".repeat(64) };
  const job = await offered({ spec: { configuration } });
  await eventually(() => job.result, "its result");
  expect(job.result?.errorMessage).toContain("not what was announced");
  await eventually(isTidy, "nothing of it is left");
});

test("a job that nobody wants any more ends its downloads, and leaves nothing", async () => {
  await begin();
  const job = await offered();
  await eventually(() => place.controlPlane.knobs.stalledDownloads === 1, "its state is being downloaded");
  place.controlPlane.desire(job, DesiredState.GONE);
  await eventually(isTidy, "nothing of it is left");
});

test("a download to which nothing comes is told of after 30 seconds, and given back after 50, whatever is under way", async () => {
  const clock = new ManualClock();
  await begin(clock);
  await offered();
  await eventually(() => place.controlPlane.knobs.stalledDownloads === 1, "its state is being downloaded");
  const { declines } = place.controlPlane;
  const isTold = () => place.records.some(({ msg }) => msg === "cannot download what it needs: trying again");
  const startMs = clock.monotonicMs();
  // In steps: the session goes on meanwhile.
  const untilIs = async (look: () => boolean) => {
    while (!look() && clock.monotonicMs() - startMs < 90_000) await clock.advance(250);
    return (clock.monotonicMs() - startMs) / 1000;
  };
  expect(await untilIs(isTold)).toBeGreaterThanOrEqual(30);
  expect(declines).toEqual([]);
  expect(await untilIs(() => declines.length > 0)).toBeGreaterThanOrEqual(50);
  expect(declines).toEqual([expect.stringMatching(/^a download failed: the server has sent nothing for 30 seconds: /)]);
  const isTidyInTime = async () => {
    await clock.advance(100);
    return isTidy();
  };
  await eventually(isTidyInTime, "nothing of it is left");
});
