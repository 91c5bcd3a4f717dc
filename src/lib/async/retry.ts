import type { Clock } from "../clock.ts";

export interface Retrying {
  readonly clock: Clock;
  /**
   * How long to wait after an error; `failures` counts those before it. Throws what another attempt would not mend, and the
   * signal's reason where that is to be told instead of the error.
   */
  readonly waitMs: (error: unknown, failures: number) => number;
}

/** Makes attempts until one succeeds. Else it ends with what `waitMs` throws, or with the signal's reason while it waits. */
export async function retry<T>(
  { clock, waitMs }: Retrying,
  attempt: (failures: number) => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  for (let failures = 0; ; failures += 1) {
    try {
      return await attempt(failures);
    } catch (error) {
      await clock.sleep(waitMs(error, failures), signal);
    }
  }
}
