import { type BackoffPolicy, backoffMs, busyReconnectBackoff, reconnectBackoff } from "../../lib/async/backoff.ts";
import type { Random } from "../../lib/random.ts";
import type { ConnectionOutcome } from "../contract/connection-outcome.ts";
import type { AgentOutcome } from "../contract/outcome.ts";

/** The first try after a stream that worked, when the server said nothing: anywhere in one second. */
export const quickWindowMs = 1_000;
/** The next server, when one cannot serve: the others bear the whole fleet of that one. */
export const elsewhereWindowMs = 1_000;
/** A stream that lived this long has worked: the back-off starts anew. */
export const workedAfterMs = 3_000;
/** After a refusal that only people can end: anywhere in this window, and never sooner than half of it. */
export const refusedWindowMs = 60_000;

/** What to do after a connection ended. */
export type NextStep =
  /** `failures` counts the attempts in a row that did not work, for the next decision. */
  | { readonly kind: "dial"; readonly afterMs: number; readonly failures: number }
  | { readonly kind: "stop"; readonly outcome: AgentOutcome };

export interface Situation {
  /** Attempts in a row that did not work. */
  readonly failures: number;
  /** True while jobs are held that somebody may still have to hear of. */
  readonly hasJobs: boolean;
  /** True if another server may be well that was not tried yet. */
  readonly isElsewhere?: boolean | undefined;
  readonly random: Random;
  readonly policy?: BackoffPolicy | undefined;
}

/** Decides what follows a connection's end: only a rejected token, a refused version, a deletion or a good-bye is final. */
export function nextStep(
  outcome: ConnectionOutcome,
  { failures, hasJobs, isElsewhere, random, policy }: Situation,
): NextStep {
  const backoff = (attempt: number) =>
    backoffMs(policy ?? (hasJobs ? busyReconnectBackoff : reconnectBackoff), attempt, random);
  const dial = (afterMs: number, count: number): NextStep => ({ kind: "dial", afterMs, failures: count });
  const slowly = () => dial(refusedWindowMs * (0.5 + random.fraction() / 2), failures + 1);
  switch (outcome.kind) {
    case "unavailable":
      if (isElsewhere) return dial(elsewhereWindowMs * random.fraction(), failures + 1);
      return dial((outcome.retryAfterMs ?? 0) + backoff(failures), failures + 1);
    case "lost":
      if (outcome.livedMs >= workedAfterMs) return dial(quickWindowMs * random.fraction(), 0);
      if (failures === 0 || isElsewhere) return dial(quickWindowMs * random.fraction(), failures + 1);
      return dial(backoff(failures), failures + 1);
    case "changed":
      return dial(0, 0);
    case "told_to_reconnect":
      return dial(outcome.afterMs + outcome.maxDelayMs * random.fraction(), 0);
    case "superseded":
    case "protocol_broken":
      return slowly();
    case "token_rejected":
      return hasJobs ? slowly() : { kind: "stop", outcome };
    case "version_refused":
      return hasJobs ? slowly() : { kind: "stop", outcome };
    case "deleted":
      return { kind: "stop", outcome };
    case "left":
      return { kind: "stop", outcome: { kind: "drained" } };
    case "stopped":
      return { kind: "stop", outcome };
  }
}
