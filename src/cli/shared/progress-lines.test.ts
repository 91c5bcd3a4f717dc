import { expect, test } from "vitest";
import { ManualClock } from "../../../test/support/manual-clock.ts";
import { ProgressLines } from "./progress-lines.ts";

const line = (done: number) =>
  `plan queued: agent vm-1 prepares the job: it downloads from the server (${done} of 30 MB)`;

test("how far something is, is said each half minute; everything else at once", async () => {
  const clock = new ManualClock();
  const told = new ProgressLines(clock);
  expect(told.isNews(line(1))).toBe(true);
  await clock.advance(29_999);
  expect([told.isNews(line(2)), told.isNews(line(3))]).toEqual([false, false]);
  await clock.advance(1);
  expect([told.isNews(line(4)), told.isNews(line(5))]).toEqual([true, false]);
  expect([told.isNews("planning on vm-1"), told.isNews("planning on vm-1")]).toEqual([true, false]);
  expect(told.isNews(line(5))).toBe(true);
});
