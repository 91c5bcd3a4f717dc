import { describe, expect, test } from "vitest";
import { ManualClock } from "../../../test/support/manual-clock.ts";
import { Lease } from "./lease.ts";

const never = new AbortController().signal;

describe("a lease", () => {
  test("counts from when the heartbeat was sent, not from when it was answered", async () => {
    const clock = new ManualClock();
    const lease = new Lease(clock);
    const sentAtMs = clock.monotonicMs();
    await clock.advance(4_000);
    lease.renew(sentAtMs, 5_000);
    await clock.advance(999);
    expect(lease.hasEnded).toBe(false);
    await clock.advance(1);
    expect(lease.hasEnded).toBe(true);
  });

  test("ends when nobody renews it, and not before", async () => {
    const clock = new ManualClock();
    const lease = new Lease(clock);
    let hasEnded = false;
    void lease.untilEnd(never).then(() => {
      hasEnded = true;
    });
    for (let beat = 0; beat < 5; beat++) {
      lease.renew(clock.monotonicMs(), 15_000);
      await clock.advance(10_000);
    }
    expect(hasEnded).toBe(false);
    await clock.advance(5_000);
    expect(hasEnded).toBe(true);
  });

  test("is waited for when it has ended", async () => {
    const clock = new ManualClock();
    const lease = new Lease(clock);
    await clock.advance(120_000);
    let isValid = false;
    const waiting = lease.untilValid(never).then(() => {
      isValid = true;
    });
    await clock.advance(1_000);
    expect(isValid).toBe(false);
    lease.renew(clock.monotonicMs(), 1_000);
    await waiting;
    expect(isValid).toBe(true);
  });
});
