import { setTimeout as sleep } from "node:timers/promises";

/** Where time comes from. Tests use a manual one; programs use `systemClock`. */
export interface Clock {
  /** Wall clock, for rows and display. */
  now(): Date;
  /** Monotonic milliseconds, for timeouts and leases; its zero means nothing. */
  monotonicMs(): number;
  /**
   * Resolves after `ms`; rejects with the signal's reason when aborted. Does not keep the process alive by itself once
   * aborted.
   */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  now: () => new Date(),
  monotonicMs: () => performance.now(),
  sleep: (ms, signal) => sleep(ms, undefined, signal === undefined ? {} : { signal }),
};
