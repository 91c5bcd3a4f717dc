import { describe, expect, test } from "vitest";
import { ManualClock } from "./manual-clock.ts";

describe("the manual clock", () => {
  test("sleepers wake in order, each at its own moment", async () => {
    const clock = new ManualClock(new Date("2026-03-01T00:00:00Z"));
    const woken: string[] = [];
    const note = (name: string) => () => void woken.push(`${name} at ${clock.monotonicMs()}`);
    const sleeps = [clock.sleep(20).then(note("late")), clock.sleep(10).then(note("early"))];
    await clock.advance(15);
    expect(woken).toEqual(["early at 10"]);
    await clock.advance(10);
    await Promise.all(sleeps);
    expect(woken).toEqual(["early at 10", "late at 20"]);
    expect(clock.now().toISOString()).toBe("2026-03-01T00:00:00.025Z");
  });

  test("a sleeper that sleeps again is woken within one advance", async () => {
    const clock = new ManualClock();
    let ticks = 0;
    const stop = new AbortController();
    const ticking = (async () => {
      while (true) {
        await clock.sleep(10, stop.signal);
        ticks++;
      }
    })();
    await clock.advance(35);
    expect(ticks).toBe(3);
    stop.abort(new Error("enough"));
    await expect(ticking).rejects.toThrow("enough");
    expect(clock.sleeping).toBe(0);
  });

  test("an aborted signal ends a sleep before it begins", async () => {
    await expect(new ManualClock().sleep(1, AbortSignal.abort(new Error("no")))).rejects.toThrow("no");
  });
});
