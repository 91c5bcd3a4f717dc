import type { Clock } from "../clock.ts";
import { type ErrorCode, WindlassError } from "../words/errors.ts";
import { linkSignals } from "./abort.ts";

export interface BudgetOptions {
  /** What is shared out, as messages name it: `state bytes on their way`. */
  readonly what: string;
  readonly total: number;
  /** The most that one key has at a time. */
  readonly perKey: number;
  /** How long somebody waits before it is sent away. */
  readonly waitMs: number;
  /** How many may wait for each key; who comes after them is sent away at once. */
  readonly maxWaiting: number;
  /** What they are told; default: `rate_limited`. */
  readonly refusal?: Extract<ErrorCode, "rate_limited" | "storage_unavailable"> | undefined;
  readonly clock: Clock;
}

interface Waiting {
  readonly key: string;
  readonly amount: number;
  readonly enter: () => void;
}

/**
 * Shares a bounded amount out among keys that take turns, so that one key's crowd does not hold up another. A share that is
 * larger than a key may have counts as all that it may have.
 */
export class Budget {
  readonly #options: BudgetOptions;
  readonly #taken = new Map<string, number>();
  /** The number of each key's last turn, as long as it waits or has something. */
  readonly #turns = new Map<string, number>();
  #waiting: readonly Waiting[] = [];
  #total = 0;
  #turn = 0;

  constructor(options: BudgetOptions) {
    this.#options = options;
  }

  /** Waits for a share. Throws `rate_limited` if it does not come in time, and the signal's reason if that is aborted. */
  async take(key: string, wanted: number, signal?: AbortSignal): Promise<Disposable> {
    const { perKey, total, maxWaiting } = this.#options;
    const amount = Math.min(wanted, perKey, total);
    signal?.throwIfAborted();
    if (this.#waiting.length === 0 && this.#hasRoom({ key, amount })) return this.#give({ key, amount });
    if (this.#waiting.filter((other) => other.key === key).length >= maxWaiting) throw this.#tooMany();
    await this.#wait(key, amount, signal);
    return this.#shareOf({ key, amount });
  }

  #hasRoom({ key, amount }: Pick<Waiting, "key" | "amount">): boolean {
    return this.#total + amount <= this.#options.total && this.#hasKeyRoom({ key, amount });
  }

  #hasKeyRoom({ key, amount }: Pick<Waiting, "key" | "amount">): boolean {
    return (this.#taken.get(key) ?? 0) + amount <= this.#options.perKey;
  }

  #give(share: Pick<Waiting, "key" | "amount">): Disposable {
    this.#add(share.key, share.amount);
    return this.#shareOf(share);
  }

  #shareOf({ key, amount }: Pick<Waiting, "key" | "amount">): Disposable {
    let isOut = true;
    return {
      [Symbol.dispose]: () => {
        if (!isOut) return;
        isOut = false;
        this.#add(key, -amount);
        this.#admit();
      },
    };
  }

  #add(key: string, amount: number): void {
    this.#total += amount;
    const now = (this.#taken.get(key) ?? 0) + amount;
    if (now > 0) this.#taken.set(key, now);
    else this.#taken.delete(key);
    if (amount > 0) this.#turns.set(key, ++this.#turn);
    else if (now <= 0 && this.#waiting.every((other) => other.key !== key)) this.#turns.delete(key);
  }

  async #wait(key: string, amount: number, signal: AbortSignal | undefined): Promise<void> {
    const { clock, waitMs } = this.#options;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiting = { key, amount, enter: resolve };
    this.#waiting = [...this.#waiting, waiting];
    this.#admit();
    using over = linkSignals(signal);
    const leave = (reason: unknown) => {
      if (!this.#waiting.includes(waiting)) return;
      this.#waiting = this.#waiting.filter((other) => other !== waiting);
      reject(reason);
      this.#admit();
    };
    clock.sleep(waitMs, over.signal).then(
      () => leave(this.#tooMany()),
      () => leave(signal?.reason),
    );
    try {
      await promise;
    } finally {
      over.abort();
    }
  }

  /**
   * Lets callers in, those first whose key has waited longest for a turn. One that only its own key holds up lets
   * others pass.
   */
  #admit(): void {
    const turnOf = ({ key }: Waiting) => this.#turns.get(key) ?? 0;
    for (const waiting of this.#waiting.toSorted((a, b) => turnOf(a) - turnOf(b))) {
      if (!this.#hasKeyRoom(waiting)) continue;
      if (!this.#hasRoom(waiting)) return;
      this.#waiting = this.#waiting.filter((other) => other !== waiting);
      this.#add(waiting.key, waiting.amount);
      waiting.enter();
    }
  }

  #tooMany(): WindlassError {
    const { what, waitMs, refusal = "rate_limited" } = this.#options;
    return new WindlassError(refusal, `too many ${what}: wait for the end of others, then try again`, {
      metadata: { limit: what },
      retryAfterMs: Math.min(waitMs, 5_000),
    });
  }
}
