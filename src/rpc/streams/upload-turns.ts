import type { Principal } from "../../domain/people/principal.ts";
import { abortable, deadlineAfter } from "../../lib/async/abort.ts";
import type { Clock } from "../../lib/clock.ts";
import { WindlassError } from "../../lib/words/errors.ts";

/** How long an upload waits for the one before it: one that was given up for it has ended long before. */
const waitMs = 2_000;

interface Turn {
  readonly over: Promise<void>;
  /** True while somebody waits for its end. */
  isAwaited: boolean;
}

/** One upload of a kind at a time for each job: what is collected in memory is bounded by the jobs that run. */
export class UploadTurns {
  readonly #clock: Clock;
  readonly #turns = new Map<string, Turn>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Resolves with the turn of an upload; dispose it at the upload's end. An agent that has a newer state gives the older
   * upload up, and its end may come behind the next call: one waits for that. Throws `storage_unavailable` where the one
   * before goes on, or another one waits.
   */
  async take(who: Principal, kind: "plan" | "state", signal: AbortSignal): Promise<Disposable> {
    const key = who.kind === "job" ? `${who.jobId}/${kind}` : kind;
    const before = this.#turns.get(key);
    if (before !== undefined) await this.#untilOver(before, signal);
    signal.throwIfAborted();
    if (this.#turns.has(key)) throw busy(kind);
    const { promise: over, resolve } = Promise.withResolvers<void>();
    this.#turns.set(key, { over, isAwaited: false });
    return {
      [Symbol.dispose]: () => {
        this.#turns.delete(key);
        resolve();
      },
    };
  }

  async #untilOver(turn: Turn, signal: AbortSignal): Promise<void> {
    if (turn.isAwaited) return;
    turn.isAwaited = true;
    using patience = deadlineAfter(this.#clock, waitMs, signal);
    await abortable(turn.over, patience.signal).catch(() => {});
    turn.isAwaited = false;
  }
}

const busy = (kind: string): WindlassError =>
  new WindlassError("storage_unavailable", `another upload of this job's ${kind} is on its way: wait for its end`, {
    retryAfterMs: 1_000,
  });
