import type { Clock } from "../../lib/clock.ts";
import { WindlassError } from "../../lib/words/errors.ts";

/** How many may come at once, after a pause. */
const burst = 30;
/** Of heartbeats agents send one for each interval; this many are let through. */
const perInterval = 10;

/**
 * Counts heartbeats, or refused messages, of one stream: each costs a look at the database or an answer, and a broken
 * agent could send nothing else.
 */
export class HeartbeatMeter {
  readonly #clock: Clock;
  readonly #what: string;
  readonly #refillMs: number;
  #left = burst;
  #countedAtMs: number;

  constructor(clock: Clock, intervalMs: number, what = "heartbeats") {
    this.#what = what;
    this.#clock = clock;
    this.#refillMs = intervalMs / perInterval;
    this.#countedAtMs = clock.monotonicMs();
  }

  /** Takes one into account. Throws `rate_limited` if there were too many. */
  count(): void {
    const nowMs = this.#clock.monotonicMs();
    this.#left = Math.min(burst, this.#left + (nowMs - this.#countedAtMs) / this.#refillMs);
    this.#countedAtMs = nowMs;
    if (this.#left < 1) {
      const message = `too many ${this.#what}: one every ${this.#refillMs * perInterval} ms is expected. The stream is closed`;
      throw new WindlassError("rate_limited", message, {
        metadata: { limit: "heartbeat-interval" },
        retryAfterMs: this.#refillMs * perInterval,
      });
    }
    this.#left -= 1;
  }
}
