import { setImmediate as nextTurn } from "node:timers/promises";
import type { ContextValues } from "@connectrpc/connect";
import { Budget } from "../../lib/async/budget.ts";
import type { Clock } from "../../lib/clock.ts";
import { callerName } from "../calls/caller.ts";

const mib = 1024 * 1024;
/** Messages with no more values are decoded as they come. */
const cheapValues = 200;

/** The large requests of all callers: how many bytes of them are held at a time, and that they are decoded one by one. */
export class LargeRequests {
  readonly #held: Budget;
  #lastTurn: Promise<void> = Promise.resolve();

  constructor(clock: Clock) {
    const what = "large requests at once";
    this.#held = new Budget({ what, total: 64 * mib, perKey: 4 * mib, waitMs: 20_000, maxWaiting: 100, clock });
  }

  /** Waits until so many more bytes may be held for the caller of these values. */
  enter(values: ContextValues, bytes: number, signal: AbortSignal): Promise<Disposable> {
    return this.#held.take(callerName(values), bytes, signal);
  }

  /**
   * Waits for a turn of the loop in which no other message of many values is decoded: between two of them others get
   * theirs.
   */
  async turnFor(values: number): Promise<void> {
    if (values <= cheapValues) return;
    this.#lastTurn = this.#lastTurn.then(() => nextTurn());
    await this.#lastTurn;
  }
}
