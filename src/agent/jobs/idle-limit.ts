import type { Clock } from "../../lib/clock.ts";

/** What is looked at, and whom to tell. */
export interface Idler {
  /** True while it could have a job and has none. */
  readonly isIdle: () => boolean;
  readonly drain: (reason: string) => void;
}

/** How often at least. */
const lookMs = 1_000;

/** Drains an agent that has held no job for so long. Ends then, or with the signal; never rejects. */
export async function leaveWhenIdle(
  idler: Idler,
  { clock, idleTimeoutMs }: { readonly clock: Clock; readonly idleTimeoutMs: number },
  signal: AbortSignal,
): Promise<void> {
  let sinceMs = clock.monotonicMs();
  while (!signal.aborted) {
    const nowMs = clock.monotonicMs();
    if (!idler.isIdle()) sinceMs = nowMs;
    if (nowMs - sinceMs >= idleTimeoutMs) return idler.drain(`without a job for ${Math.round(idleTimeoutMs / 1000)} s`);
    await clock.sleep(Math.min(lookMs, idleTimeoutMs), signal).catch(() => {});
  }
}
