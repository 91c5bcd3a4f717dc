import type { Clock } from "../clock.ts";

export interface PaceLimits {
  /** A piece never gets smaller. */
  readonly minBytes: number;
  /** The first one has this size; the smallest if absent. */
  readonly startBytes?: number | undefined;
  /** Nor larger. */
  readonly maxBytes: number;
  /** How many are in flight at most. */
  readonly maxLanes: number;
}

/** A piece that is quicker leaves room for more. */
const quickMs = 1_000;
/** A piece that is slower fills the link: what is in flight waits in some queue, and pings wait behind it. */
const slowMs = 2_500;

/** A place for one piece. Say `arrived` when it is there; dispose it in any case. */
export interface TransferLane extends Disposable {
  readonly bytes: number;
  arrived(bytes: number): void;
}

/**
 * How large pieces are and how many are in flight, for all transfers that share a link in one direction. It starts
 * small, grows while pieces are quick, and shrinks when they are slow or fail: so that a slow link never holds much
 * more than two seconds of them.
 */
export class TransferPace {
  readonly #clock: Clock;
  readonly #limits: PaceLimits;
  readonly #waiting: (() => void)[] = [];
  #bytes: number;
  #lanes = 1;
  #taken = 0;

  constructor(clock: Clock, limits: PaceLimits) {
    this.#clock = clock;
    this.#limits = limits;
    this.#bytes = limits.startBytes ?? limits.minBytes;
  }

  /** How large the next piece is, and how many may be in flight. */
  get now(): { readonly bytes: number; readonly lanes: number } {
    return { bytes: this.#bytes, lanes: this.#lanes };
  }

  /** Whether another piece could be begun at once. */
  get hasRoom(): boolean {
    return this.#taken < this.#lanes && this.#waiting.length === 0;
  }

  /** Waits for a place among the pieces in flight. */
  async lane(signal: AbortSignal): Promise<TransferLane> {
    while (this.#taken >= this.#lanes) await this.#turn(signal);
    signal.throwIfAborted();
    this.#taken += 1;
    const startedMs = this.#clock.monotonicMs();
    const bytes = this.#bytes;
    let hasArrived = false;
    return {
      bytes,
      arrived: (got) => {
        hasArrived = true;
        // The end of an object says little.
        if (got * 2 >= bytes) this.#learn(this.#clock.monotonicMs() - startedMs);
      },
      [Symbol.dispose]: () => {
        this.#taken -= 1;
        if (!hasArrived && !signal.aborted) this.#broke();
        this.#waiting.shift()?.();
      },
    };
  }

  async #turn(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const enter = () => resolve();
    this.#waiting.push(enter);
    signal.addEventListener("abort", enter, { once: true });
    await promise;
    signal.removeEventListener("abort", enter);
    const place = this.#waiting.indexOf(enter);
    if (place >= 0) this.#waiting.splice(place, 1);
    if (!signal.aborted) return;
    // Its turn is another one's.
    if (place < 0) this.#waiting.shift()?.();
    signal.throwIfAborted();
  }

  #learn(ms: number): void {
    const { minBytes, maxBytes, maxLanes } = this.#limits;
    if (ms < quickMs) {
      const isFull = this.#bytes >= maxBytes;
      this.#bytes = Math.min(maxBytes, this.#bytes * 2);
      if (isFull || ms < quickMs / 2) this.#lanes = Math.min(maxLanes, this.#lanes + 1);
      this.#waiting.shift()?.();
    } else if (ms > slowMs) {
      if (this.#lanes > 1) this.#lanes -= 1;
      else this.#bytes = Math.max(minBytes, Math.floor(this.#bytes / 2));
    }
  }

  #broke(): void {
    this.#lanes = 1;
    this.#bytes = Math.max(this.#limits.minBytes, Math.floor(this.#bytes / 2));
  }
}
