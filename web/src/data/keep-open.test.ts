import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { keepOpen, noticeAnswer, tryNow } from "./keep-open.ts";

const page = () => Object.assign(new EventTarget(), { hidden: false });
const timers = () => ({
  setTimeout: (work: () => void, ms: number) => setTimeout(work, ms),
  clearTimeout: (timer: NodeJS.Timeout | undefined) => clearTimeout(timer),
});

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("document", page());
  vi.stubGlobal("window", Object.assign(new EventTarget(), timers()));
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

/** A stream that breaks each time, after so many breaks that it waits for half a minute at least. */
async function longBroken() {
  const ending = new AbortController();
  const read = vi.fn(async () => "broken" as const);
  const ended = keepOpen(read, () => undefined, ending.signal);
  await vi.advanceTimersByTimeAsync(0);
  for (let breaks = 1; breaks < 8; breaks += 1) {
    tryNow();
    await vi.advanceTimersByTimeAsync(0);
  }
  return {
    attempts: () => read.mock.calls.length,
    [Symbol.asyncDispose]: async () => {
      ending.abort();
      await ended;
    },
  };
}

test("a stream that waits tries again as soon as the server has answered another call", async () => {
  await using stream = await longBroken();
  const before = stream.attempts();
  await vi.advanceTimersByTimeAsync(1_500);
  expect(stream.attempts()).toBe(before);
  noticeAnswer();
  await vi.advanceTimersByTimeAsync(0);
  expect(stream.attempts()).toBe(before + 1);
});

test("answers make a stream try once a second at most", async () => {
  await using stream = await longBroken();
  const before = stream.attempts();
  for (let answers = 0; answers < 30; answers += 1) {
    noticeAnswer();
    await vi.advanceTimersByTimeAsync(100);
  }
  expect(stream.attempts() - before).toBeLessThanOrEqual(3);
  expect(stream.attempts() - before).toBeGreaterThanOrEqual(2);
});
