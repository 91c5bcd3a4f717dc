import { expect, test } from "vitest";
import { ManualClock } from "../../../test/support/manual-clock.ts";
import { LogWindows } from "./log-windows.ts";

const kib = 1024;
const most = 4096 * kib;

function sharedBy(senders: number): { readonly clock: ManualClock; readonly windows: LogWindows } {
  const clock = new ManualClock();
  const windows = new LogWindows(clock);
  for (let index = 0; index < senders; index++) windows.note(`agt_${index}`, 64 * kib);
  return { clock, windows };
}

test("a window is smaller the more agents send, in whole pieces, and never less than two of them", () => {
  const shares = [0, 1, 2, 3, 20, 50, 1_000].map((senders) => sharedBy(senders).windows.share(most) / kib);
  expect(shares).toEqual([4096, 4096, 4096, 2688, 384, 128, 128]);
});

test("who sends alone gets no more than its window", () => {
  expect(sharedBy(1).windows.share(100 * kib)).toBe(100 * kib);
});

test("a line now and then does not count as sending", () => {
  const { windows } = sharedBy(0);
  for (let index = 0; index < 50; index++) windows.note(`agt_${index}`, 100);
  expect(windows.share(most)).toBe(most);
});

test("who has sent nothing for half a second sends no more", async () => {
  const { clock, windows } = sharedBy(50);
  await clock.advance(250);
  windows.note("agt_0", 64 * kib);
  expect(windows.share(most)).toBe(128 * kib);
  await clock.advance(250);
  expect(windows.share(most)).toBe(most);
});
