import type { Clock } from "../clock.ts";

/** Waits for many things for the same time: one timer for all of them, where each would have its own. */
export class SharedTimeout {
  readonly #clock: Clock;
  readonly #ms: number;
  readonly #over: AbortSignal;
  /** What to do when each is late, in the order in which they began. */
  readonly #waiting = new Map<() => void, number>();
  #isWatching = false;

  /** `ms` is how long anything may take; with the signal it stops to look. */
  constructor(clock: Clock, ms: number, over: AbortSignal) {
    this.#clock = clock;
    this.#ms = ms;
    this.#over = over;
  }

  /** Calls `late` once, when the time is over, unless it is taken back before. */
  begin(late: () => void): void {
    this.#waiting.set(late, this.#clock.monotonicMs() + this.#ms);
    if (!this.#isWatching) void this.#watch();
  }

  end(late: () => void): void {
    this.#waiting.delete(late);
  }

  async #watch(): Promise<void> {
    this.#isWatching = true;
    for (let waitMs = this.#ms; !this.#over.aborted && this.#waiting.size > 0; waitMs = this.#untilNextMs()) {
      await this.#clock.sleep(waitMs, this.#over).catch(() => {});
      this.#tellLate();
    }
    this.#isWatching = false;
  }

  #untilNextMs(): number {
    const [dueMs] = this.#waiting.values();
    return dueMs === undefined ? this.#ms : Math.max(1, dueMs - this.#clock.monotonicMs());
  }

  #tellLate(): void {
    const now = this.#clock.monotonicMs();
    for (const [late, dueMs] of this.#waiting) {
      if (dueMs > now) return;
      this.#waiting.delete(late);
      late();
    }
  }
}
