import { WindlassError } from "../words/errors.ts";

/** How much of a key is wanted: beside others who want no more than that, or alone. */
export type LockMode = "shared" | "alone";

/** What is locked together, and how. */
export type LockSet = ReadonlyMap<string, LockMode>;

interface Waiter {
  readonly mode: LockMode;
  readonly grant: () => void;
}

interface KeyState {
  shared: number;
  isAlone: boolean;
  readonly waiting: Waiter[];
}

/** Every set of locks is taken in this order, so that nobody waits for somebody who waits for them. */
export const inLockOrder = (locks: LockSet): readonly (readonly [string, LockMode])[] =>
  [...locks].toSorted(([a], [b]) => (a < b ? -1 : 1));

/**
 * Locks by key within this process: first come, first served, also for those who want a key alone. A key is remembered
 * only while it is locked.
 */
export class KeyedLocks {
  readonly #keys = new Map<string, KeyState>();
  readonly #maxWaiting: number;

  /** Refuses whoever would be one more that waits for a key than `maxWaiting`. */
  constructor(maxWaiting: number) {
    this.#maxWaiting = maxWaiting;
  }

  /** How many keys are locked. */
  get size(): number {
    return this.#keys.size;
  }

  /** All of these at last, until they are disposed of. Rejects with the signal's reason, and then holds none. */
  async take(locks: LockSet, signal?: AbortSignal): Promise<Disposable> {
    const taken: (readonly [string, LockMode])[] = [];
    const free = () => {
      for (const [key, mode] of taken.splice(0)) this.#free(key, mode);
    };
    try {
      for (const [key, mode] of inLockOrder(locks)) {
        await this.#takeOne(key, mode, signal);
        taken.push([key, mode]);
      }
    } catch (error) {
      free();
      throw error;
    }
    return { [Symbol.dispose]: free };
  }

  async #takeOne(key: string, mode: LockMode, signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted();
    const state = this.#keys.get(key) ?? { shared: 0, isAlone: false, waiting: [] };
    this.#keys.set(key, state);
    if (state.waiting.length === 0 && mayHave(state, mode)) return have(state, mode);
    if (state.waiting.length >= this.#maxWaiting) throw tooMany();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiter: Waiter = { mode, grant: resolve };
    state.waiting.push(waiter);
    const onAbort = () => {
      const at = state.waiting.indexOf(waiter);
      if (at < 0) return; // granted in this very moment
      state.waiting.splice(at, 1);
      this.#grant(key, state);
      reject(signal?.reason);
    };
    signal?.addEventListener("abort", onAbort, { once: true });
    try {
      await promise;
    } finally {
      signal?.removeEventListener("abort", onAbort);
    }
  }

  #free(key: string, mode: LockMode): void {
    const state = this.#keys.get(key);
    if (state === undefined) return;
    if (mode === "alone") state.isAlone = false;
    else state.shared -= 1;
    this.#grant(key, state);
  }

  /** The lock is theirs before they know it: nobody comes in between. */
  #grant(key: string, state: KeyState): void {
    for (let [next] = state.waiting; next !== undefined && mayHave(state, next.mode); [next] = state.waiting) {
      state.waiting.shift();
      have(state, next.mode);
      next.grant();
    }
    if (state.waiting.length === 0 && state.shared === 0 && !state.isAlone) this.#keys.delete(key);
  }
}

const mayHave = ({ shared, isAlone }: KeyState, mode: LockMode): boolean =>
  !isAlone && (mode === "shared" || shared === 0);

function have(state: KeyState, mode: LockMode): void {
  if (mode === "alone") state.isAlone = true;
  else state.shared += 1;
}

const tooMany = () =>
  new WindlassError("storage_unavailable", "too many writes wait for the same rows: try again later", {
    retryAfterMs: 1_000,
  });
