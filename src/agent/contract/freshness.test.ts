import { beforeEach, describe, expect, test } from "vitest";
import { ManualClock } from "../../../test/support/manual-clock.ts";
import { beatTime, Freshness } from "./freshness.ts";

/** A machine that can be suspended: the wall clock goes on, the monotonic one does not. */
class SleepyClock extends ManualClock {
  #sleptMs = 0;

  suspend(ms: number): void {
    this.#sleptMs += ms;
  }

  override now(): Date {
    return new Date(super.now().getTime() + this.#sleptMs);
  }
}

describe("after a suspension", () => {
  let clock: SleepyClock;
  let asked: number;
  let freshness: Freshness;
  let isFresh: boolean;
  beforeEach(() => {
    clock = new SleepyClock();
    asked = 0;
    isFresh = false;
    freshness = new Freshness(clock, () => {
      asked++;
    });
  });

  const waiting = () =>
    freshness.untilFresh(new AbortController().signal).then(() => {
      isFresh = true;
    });

  test("nothing is believed until a heartbeat that was sent since is answered", async () => {
    const before = beatTime(clock);
    clock.suspend(60_000);
    const done = waiting();
    expect(asked).toBe(1);
    freshness.confirm(before);
    await clock.advance(1);
    expect(isFresh).toBe(false);
    expect(asked).toBe(2);
    freshness.confirm(beatTime(clock));
    await done;
    expect(isFresh).toBe(true);
  });

  test.each([
    ["no time is lost", 0],
    ["clocks differ by a little", 4_000],
    ["the wall clock was set back", -3_600_000],
  ])("when %s, nobody waits", async (_why, ms) => {
    await clock.advance(3_600_000);
    clock.suspend(ms);
    await waiting();
    expect(asked).toBe(0);
  });

  test("a wait can be given up", async () => {
    clock.suspend(60_000);
    const over = new AbortController();
    const wait = freshness.untilFresh(over.signal);
    over.abort(new Error("enough"));
    await expect(wait).rejects.toThrow("enough");
  });
});
