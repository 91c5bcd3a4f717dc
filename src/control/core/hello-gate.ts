import { abortable } from "../../lib/async/abort.ts";

/** How many agents may be resumed at once: enough to keep the database busy, few enough that heartbeats stay in time. */
const defaultWidth = 16;

interface Waiter {
  readonly enter: () => void;
}

/**
 * Lets connecting agents through a few at a time, those with jobs first: when everybody comes back at once, the jobs
 * that run are heard of before the agents that are idle.
 */
export class HelloGate {
  #free: number;
  readonly #withJobs: Waiter[] = [];
  readonly #idle: Waiter[] = [];

  constructor(width = defaultWidth) {
    this.#free = width;
  }

  /** Runs `work` when it is the caller's turn; rejects with the signal's reason if that comes first. */
  async pass<T>(hasJobs: boolean, work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    await this.#enter(hasJobs ? this.#withJobs : this.#idle, signal);
    try {
      return await work();
    } finally {
      this.#leave();
    }
  }

  async #enter(queue: Waiter[], signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#free > 0) {
      this.#free--;
      return;
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    const waiter: Waiter = { enter: resolve };
    queue.push(waiter);
    try {
      await abortable(promise, signal);
    } catch (error) {
      const at = queue.indexOf(waiter);
      // Let in at the moment of the abort: the place goes to the next one.
      if (at === -1) this.#leave();
      else queue.splice(at, 1);
      throw error;
    }
  }

  #leave(): void {
    const next = this.#withJobs.shift() ?? this.#idle.shift();
    if (next === undefined) this.#free++;
    else next.enter();
  }
}
