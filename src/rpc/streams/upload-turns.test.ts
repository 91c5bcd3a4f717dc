import { beforeEach, expect, test } from "vitest";
import { ManualClock } from "../../../test/support/manual-clock.ts";
import type { Principal } from "../../domain/people/principal.ts";
import { UploadTurns } from "./upload-turns.ts";

const who = (jobId: `job_${string}`): Principal => ({ kind: "job", jobId, epoch: 1 });
const { signal } = new AbortController();

let clock: ManualClock;
let turns: UploadTurns;
beforeEach(() => {
  clock = new ManualClock();
  turns = new UploadTurns(clock);
});

test("jobs, and kinds of uploads of one job, have turns of their own", async () => {
  using _state = await turns.take(who("job_1"), "state", signal);
  using _plan = await turns.take(who("job_1"), "plan", signal);
  using _other = await turns.take(who("job_2"), "state", signal);
});

test("an upload waits for the end of one that is given up for it", async () => {
  const first = await turns.take(who("job_1"), "state", signal);
  const second = turns.take(who("job_1"), "state", signal);
  first[Symbol.dispose]();
  using _second = await second;
});

test("one waits; more are refused at once", async () => {
  using _first = await turns.take(who("job_1"), "state", signal);
  const second = turns.take(who("job_1"), "state", signal);
  const refused = expect(second).rejects.toMatchObject({ code: "storage_unavailable" });
  await expect(turns.take(who("job_1"), "state", signal)).rejects.toMatchObject({ code: "storage_unavailable" });
  await clock.advance(2_000);
  await refused;
});

test("what comes between an end and who waited for it has the turn", async () => {
  const first = await turns.take(who("job_1"), "state", signal);
  const waiting = turns.take(who("job_1"), "state", signal);
  first[Symbol.dispose]();
  const taken = turns.take(who("job_1"), "state", signal);
  const ends = await Promise.allSettled([waiting, taken]);
  expect(ends.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected"]);
});

test("a caller that leaves waits no longer, and has no turn", async () => {
  const first = await turns.take(who("job_1"), "state", signal);
  const leaving = new AbortController();
  const waiting = turns.take(who("job_1"), "state", leaving.signal);
  leaving.abort(new Error("gone"));
  await expect(waiting).rejects.toThrow("gone");
  first[Symbol.dispose]();
  using _next = await turns.take(who("job_1"), "state", signal);
});
