import { abortable, linkSignals } from "../../lib/async/abort.ts";
import type { Clock } from "../../lib/clock.ts";

/** The lease of a control plane that names none. */
const defaultLeaseMs = 120_000;

/**
 * The time in which a claim is this agent's for certain: it counts from when the heartbeat was sent that renewed it, by a
 * clock that nobody can set.
 */
export class Lease {
  readonly #clock: Clock;
  #endsMs: number;
  #renewed = Promise.withResolvers<void>();

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#endsMs = clock.monotonicMs() + defaultLeaseMs;
  }

  get hasEnded(): boolean {
    return this.#clock.monotonicMs() >= this.#endsMs;
  }

  renew(sentAtMs: number, lengthMs = defaultLeaseMs): void {
    this.#endsMs = sentAtMs + lengthMs;
    this.#renewed.resolve();
    this.#renewed = Promise.withResolvers();
  }

  /** Resolves when it is valid: at once, or when it is renewed. */
  async untilValid(signal: AbortSignal): Promise<void> {
    while (this.hasEnded) await abortable(this.#renewed.promise, signal);
  }

  /** A renewal may also shorten it. */
  async #endOrRenewal(signal: AbortSignal): Promise<void> {
    using waiting = linkSignals(signal);
    const end = this.#clock.sleep(this.#endsMs - this.#clock.monotonicMs(), waiting.signal);
    try {
      await Promise.race([end, this.#renewed.promise]);
    } finally {
      waiting.abort();
      end.catch(() => {});
    }
  }

  /** Resolves when it has ended, however often it is renewed meanwhile; rejects when aborted. */
  async untilEnd(signal: AbortSignal): Promise<void> {
    while (!this.hasEnded) await this.#endOrRenewal(signal);
  }
}
