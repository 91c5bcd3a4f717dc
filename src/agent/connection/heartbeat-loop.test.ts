import { describe, expect, test } from "vitest";
import { ManualClock } from "../../../test/support/manual-clock.ts";
import { type Random, systemRandom } from "../../lib/random.ts";
import { HeartbeatLoop } from "./heartbeat-loop.ts";

function started(fraction: number) {
  const clock = new ManualClock();
  const random: Random = { ...systemRandom, fraction: () => fraction };
  const beats: number[] = [];
  const silences: number[] = [];
  const loop = new HeartbeatLoop({
    clock,
    random,
    intervalMs: 10_000,
    beat: () => void beats.push(clock.monotonicMs()),
    onSilence: (count) => silences.push(count),
  });
  const stop = new AbortController();
  return { clock, loop, beats, silences, stop, running: loop.run(stop.signal) };
}

describe("heartbeat", () => {
  test.each([
    [0, 8_000],
    [0.5, 10_000],
    [1, 12_000],
  ])("comes after the interval ± 20 %% (chance %f: %i ms)", async (fraction, expectedMs) => {
    const { clock, beats, stop, running } = started(fraction);
    await clock.advance(expectedMs - 1);
    expect(beats).toEqual([]);
    await clock.advance(1);
    expect(beats).toEqual([expectedMs]);
    stop.abort();
    await running;
  });

  test("takes the interval that the answer names", async () => {
    const { clock, loop, beats, stop, running } = started(0.5);
    await clock.advance(10_000);
    loop.answered(2_000);
    await clock.advance(12_000);
    loop.answered(2_000);
    await clock.advance(2_000);
    expect(beats).toEqual([10_000, 20_000, 22_000, 24_000]);
    stop.abort();
    await running;
  });

  test("three without an answer are a silence, reported once", async () => {
    const { clock, beats, silences, running } = started(0.5);
    await clock.advance(60_000);
    await running;
    expect(beats).toEqual([10_000, 20_000, 30_000]);
    expect(silences).toEqual([3]);
  });

  test("those beside the regular ones find nobody silent sooner", async () => {
    const { clock, loop, silences, running } = started(0.5);
    for (let count = 0; count < 5; count++) loop.beat();
    await clock.advance(39_999);
    expect(silences).toEqual([]);
    await clock.advance(1);
    await running;
    expect(silences).toEqual([3]);
  });

  test("an answer ends the count", async () => {
    const { clock, loop, silences, stop, running } = started(0.5);
    for (let count = 0; count < 10; count++) {
      await clock.advance(20_000);
      loop.answered(0);
    }
    expect(silences).toEqual([]);
    stop.abort();
    await running;
  });
});
