import { type BackoffPolicy, backoffMs } from "../../lib/async/backoff.ts";
import { retry } from "../../lib/async/retry.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Random } from "../../lib/random.ts";
import { foreignText } from "../../lib/way/own-answer.ts";

export interface Patience {
  readonly clock: Clock;
  readonly random: Random;
  /** Says whether an error is worth another try; anything else is thrown. */
  readonly mayPass: (error: unknown) => boolean;
  readonly onRetry?: ((error: unknown, attempt: number) => void) | undefined;
  readonly policy?: BackoffPolicy | undefined;
}

/** What waits is the end of a job: after an outage it should not wait much longer than the connection did. */
const defaultPolicy: BackoffPolicy = { firstMs: 1_000, capMs: 5_000 };

/** What somebody else refuses is not mended in seconds, and each try may send much. */
const foreignPolicy: BackoffPolicy = { firstMs: 1_000, capMs: 20_000 };

const policyAfter = (error: unknown): BackoffPolicy =>
  foreignText(error) === undefined ? defaultPolicy : foreignPolicy;

/** Does something until it succeeds, with growing pauses; throws what cannot pass, and the signal's reason. */
export function persist<T>(attempt: () => Promise<T>, patience: Patience, signal: AbortSignal): Promise<T> {
  const waitMs = (error: unknown, failures: number) => {
    signal.throwIfAborted();
    if (!patience.mayPass(error)) throw error;
    patience.onRetry?.(error, failures);
    return backoffMs(patience.policy ?? policyAfter(error), failures, patience.random);
  };
  const unlessAborted = async () => {
    signal.throwIfAborted();
    return attempt();
  };
  return retry({ clock: patience.clock, waitMs }, unlessAborted, signal);
}
