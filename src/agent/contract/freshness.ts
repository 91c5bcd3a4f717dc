import { abortable } from "../../lib/async/abort.ts";
import type { Clock } from "../../lib/clock.ts";

/** A wall clock that has gone this much further than the monotonic one: the machine was suspended, or somebody set it. */
const suspendedMs = 5_000;

/** When a heartbeat was sent, by both clocks. */
export interface BeatTime {
  readonly monotonicMs: number;
  /** How far the wall clock is ahead of the monotonic one, which stands still while the machine is suspended. */
  readonly aheadMs: number;
}

export const beatTime = (clock: Clock): BeatTime => {
  const monotonicMs = clock.monotonicMs();
  return { monotonicMs, aheadMs: clock.now().getTime() - monotonicMs };
};

/**
 * Whether what the control plane said last can still be believed. After a suspension every lease may be over, though no
 * clock of this process says so: before anything is done that others see, a heartbeat has to be answered.
 */
export class Freshness {
  readonly #clock: Clock;
  readonly #askForHeartbeat: () => void;
  #confirmed: BeatTime;
  #answered = Promise.withResolvers<void>();

  constructor(clock: Clock, askForHeartbeat: () => void) {
    this.#clock = clock;
    this.#askForHeartbeat = askForHeartbeat;
    this.#confirmed = beatTime(clock);
  }

  get isDoubtful(): boolean {
    return beatTime(this.#clock).aheadMs - this.#confirmed.aheadMs > suspendedMs;
  }

  /** A heartbeat that was sent then has been answered. */
  confirm(beat: BeatTime): void {
    this.#confirmed = beat;
    this.#answered.resolve();
    this.#answered = Promise.withResolvers();
  }

  /** Resolves at once, or after a suspension when a heartbeat that was sent since has been answered. */
  async untilFresh(signal: AbortSignal): Promise<void> {
    while (this.isDoubtful) {
      this.#askForHeartbeat();
      await abortable(this.#answered.promise, signal);
    }
  }
}
