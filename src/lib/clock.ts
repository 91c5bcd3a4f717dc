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
  sleep,
};

/** Node's own makes an error with its stack for each sleep that is cut short, which most are. */
function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  if (signal?.aborted) {
    reject(signal.reason);
    return promise;
  }
  const timer = setTimeout(() => {
    signal?.removeEventListener("abort", wake);
    resolve();
  }, ms);
  const wake = () => {
    clearTimeout(timer);
    reject(signal?.reason);
  };
  signal?.addEventListener("abort", wake, { once: true });
  return promise;
}
