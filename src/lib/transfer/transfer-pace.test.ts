import { describe, expect, test } from "vitest";
import { ManualClock } from "../../../test/support/manual-clock.ts";
import { inOrder } from "./in-order.ts";
import { sendParts } from "./send-parts.ts";
import { TransferMeter } from "./transfer-meter.ts";
import { TransferPace } from "./transfer-pace.ts";

const kib = 1024;
const limits = { minBytes: 32 * kib, maxBytes: 512 * kib, maxLanes: 4 };
const never = new AbortController().signal;

/** Moves so many bytes over a link of this pace and round trip, which carries one byte after the other. */
async function over(link: { readonly bytesPerSecond: number; readonly roundTripMs: number }, bytes: number) {
  const clock = new ManualClock();
  const pace = new TransferPace(clock, limits);
  let freeAtMs = 0;
  let mostQueuedMs = 0;
  const sizes: number[] = [];
  const startedMs = clock.monotonicMs();
  let isDone = false;
  const moving = inOrder<void>(
    {
      ...{ pace, from: 0, to: bytes, take: async () => {} },
      move: async (stretch) => {
        sizes.push(stretch.bytes);
        const nowMs = clock.monotonicMs();
        freeAtMs = Math.max(freeAtMs, nowMs) + (stretch.bytes * 1000) / link.bytesPerSecond;
        mostQueuedMs = Math.max(mostQueuedMs, freeAtMs - nowMs);
        await clock.sleep(freeAtMs - nowMs + link.roundTripMs);
      },
    },
    never,
  ).finally(() => {
    isDone = true;
  });
  while (!isDone) await clock.advance(10);
  await moving;
  return { seconds: (clock.monotonicMs() - startedMs) / 1000, mostQueuedMs, sizes, lanes: pace.now.lanes };
}

describe("the pace of transfers", () => {
  test("a link of 250 kbit/s never has more than two and a half seconds of pieces queued, and is used to its full", async () => {
    const { seconds, mostQueuedMs } = await over({ bytesPerSecond: 31_250, roundTripMs: 100 }, 1_000_000);
    expect(mostQueuedMs).toBeLessThan(2_500);
    expect(seconds).toBeLessThan(36);
  });

  test("20 MB at 300 ms of round trip on a fast link take less than six seconds", async () => {
    const { seconds, sizes, lanes } = await over({ bytesPerSecond: 12_500_000, roundTripMs: 300 }, 20_000_000);
    expect(seconds).toBeLessThan(6);
    expect(Math.max(...sizes)).toBe(512 * kib);
    expect(lanes).toBe(4);
  });

  test("pieces that fail make the next ones smaller, and one at a time", async () => {
    const clock = new ManualClock();
    const pace = new TransferPace(clock, limits);
    for (let count = 0; count < 4; count += 1) {
      using lane = await pace.lane(never);
      lane.arrived(lane.bytes);
    }
    expect(pace.now).toEqual({ bytes: 512 * kib, lanes: 4 });
    for (let count = 0; count < 8; count += 1) (await pace.lane(never))[Symbol.dispose]();
    expect(pace.now).toEqual({ bytes: 32 * kib, lanes: 1 });
  });

  test("who waits for a place and goes leaves it to the next", async () => {
    const pace = new TransferPace(new ManualClock(), limits);
    const first = await pace.lane(never);
    const leaving = new AbortController();
    const gone = pace.lane(leaving.signal);
    const second = pace.lane(never);
    leaving.abort(new Error("gone"));
    await expect(gone).rejects.toThrow("gone");
    first[Symbol.dispose]();
    (await second)[Symbol.dispose]();
  });
});

describe("an object that is sent in parts", () => {
  /** The other side, which may fail. */
  function receiver(size: number) {
    const has = new Uint8Array(size);
    let failures = 0;
    const seen: number[] = [];
    return {
      seen,
      fail: (count: number) => {
        failures = count;
      },
      put: async (offset: number, chunk: Uint8Array) => {
        if (chunk.length > 0) seen.push(offset);
        if (chunk.length > 0 && failures > 0) {
          failures -= 1;
          throw new Error("broken");
        }
        has.fill(1, offset, offset + chunk.length);
        const missing = has.indexOf(0);
        return missing === -1 ? size : missing;
      },
    };
  }

  test("goes on where the other side says that something is missing", async () => {
    const size = 300 * kib;
    const pace = new TransferPace(new ManualClock(), limits);
    const other = receiver(size);
    const parts = {
      ...{ pace, sizeBytes: size, put: other.put, onSent: () => {} },
      read: async (_offset: number, bytes: number) => new Uint8Array(bytes),
    };
    await other.put(0, new Uint8Array(100 * kib));
    other.seen.length = 0;
    other.fail(1);
    await expect(sendParts(parts, never)).rejects.toThrow("broken");
    await sendParts(parts, never);
    expect(other.seen[0]).toBe(100 * kib);
    expect(Math.min(...other.seen)).toBe(100 * kib);
    expect(await other.put(0, new Uint8Array())).toBe(size);
  });

  test("is given up when the other side takes nothing more", async () => {
    const pace = new TransferPace(new ManualClock(), limits);
    const parts = {
      ...{ pace, sizeBytes: 100_000, onSent: () => {}, put: async () => 5 },
      read: async (_offset: number, bytes: number) => new Uint8Array(bytes),
    };
    await expect(sendParts(parts, never)).rejects.toThrow("takes no more");
  });
});

test("how far a transfer is and how fast it goes are told after the first seconds", async () => {
  const clock = new ManualClock();
  const meter = new TransferMeter(clock);
  expect(meter.text(0, 30_000_000)).toBe("");
  await clock.advance(2_000);
  expect(meter.text(800_000, 30_000_000)).toBe("0.8 of 30 MB, 0.4 MB/s");
  await clock.advance(60_000);
  expect(meter.text(800_000, 30_000_000)).toBe("0.8 of 30 MB, 0.0 MB/s");
  expect(meter.text(12_000_000, 30_000_000)).toMatch(/^12 of 30 MB/);
});
