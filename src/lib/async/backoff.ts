import type { Random } from "../random.ts";

/** A wait that grows: `firstMs` bounds the first one, each bound is `factor` times the last, up to `capMs`. */
export interface BackoffPolicy {
  readonly firstMs: number;
  readonly capMs: number;
  /** 2 when absent. */
  readonly factor?: number | undefined;
}

/** An idle agent's reconnection: anywhere in the first 5 s, later anywhere in up to 30 s. */
export const reconnectBackoff: BackoffPolicy = { firstMs: 5_000, capMs: 30_000 };

/** The same for an agent with jobs: somebody waits for their logs, and there are never many of them. */
export const busyReconnectBackoff: BackoffPolicy = { firstMs: 1_000, capMs: 10_000 };

/**
 * How long to wait before the given attempt (0 is the first retry): uniform between 0 and the bound.
 * Chance is applied after the cap and from the first try on, so that clients that lost one server spread out.
 */
export function backoffMs(policy: BackoffPolicy, attempt: number, random: Random): number {
  const bound = Math.min(policy.capMs, policy.firstMs * (policy.factor ?? 2) ** attempt);
  return bound * random.fraction();
}
