import { expect, test } from "vitest";
import { ManualClock } from "../../../test/support/manual-clock.ts";
import { leaveWhenIdle } from "./idle-limit.ts";

test("an agent without a job leaves after its time, counted from its last job", async () => {
  const clock = new ManualClock();
  const reasons: string[] = [];
  let isIdle = true;
  const idler = { isIdle: () => isIdle, drain: (reason: string) => void reasons.push(reason) };
  const ended = leaveWhenIdle(idler, { clock, idleTimeoutMs: 60_000 }, new AbortController().signal);
  for (let second = 0; second < 59; second += 1) await clock.advance(1_000);
  isIdle = false;
  for (let second = 0; second < 100; second += 1) await clock.advance(1_000);
  isIdle = true;
  for (let second = 0; second < 59; second += 1) await clock.advance(1_000);
  expect(reasons).toEqual([]);
  for (let second = 0; second < 2; second += 1) await clock.advance(1_000);
  await ended;
  expect(reasons).toEqual(["without a job for 60 s"]);
});

test("one that is stopped is not drained", async () => {
  const clock = new ManualClock();
  const stop = new AbortController();
  const idler = { isIdle: () => true, drain: () => expect.fail("it was drained") };
  const ended = leaveWhenIdle(idler, { clock, idleTimeoutMs: 60_000 }, stop.signal);
  stop.abort();
  await ended;
});
