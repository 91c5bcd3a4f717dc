import { expect, test } from "vitest";
import { systemRandom } from "../../lib/random.ts";
import { newId } from "../../lib/words/ids.ts";
import { Declines } from "./declines.ts";

const job = newId("job", systemRandom);

test("each decline of a job keeps it from the agent for longer, up to five minutes", () => {
  const declines = new Declines();
  let nowMs = 0;
  const pauses = [1, 2, 3, 4, 5, 6].map(() => {
    declines.note(job, "a download failed", nowMs);
    const fromMs = nowMs;
    while (declines.reasonOf(job, nowMs) !== undefined) nowMs += 1_000;
    return (nowMs - fromMs) / 1000;
  });
  expect(pauses).toEqual([5, 15, 45, 135, 300, 300]);
});

test("other jobs are not kept from it, and what was declined is told while it counts", () => {
  const declines = new Declines();
  declines.note(job, "a download failed", 0);
  expect(declines.reasonOf(newId("job", systemRandom), 0)).toBeUndefined();
  expect(declines.last(4_999)).toBe("a download failed");
  expect([4_999, 5_000].map((ms) => declines.pause(ms))).toEqual(["a download failed", ""]);
  expect(declines.last(5_000)).toBe("");
});

test("a job that was not declined for a while begins with the short pause again, and takes no room", () => {
  const declines = new Declines();
  declines.note(job, "x", 0);
  expect(declines.last(400_000)).toBe("");
  expect(declines.isEmpty).toBe(true);
});
