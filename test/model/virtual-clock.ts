import type { Clock } from "../../src/lib/clock.ts";
import { quiet } from "./turns.ts";

interface Sleeper {
  readonly dueMs: number;
  readonly wake: () => void;
}

/** One clock for all sides of a schedule. Time goes on only by `advance` and `jump`, and only once everything rests. */
export class VirtualClock implements Clock {
  readonly #startMs = Date.parse("2026-01-01T00:00:00Z");
  readonly #sleepers = new Set<Sleeper>();
  #elapsedMs = 0;

  now(): Date {
    return new Date(this.#startMs + this.#elapsedMs);
  }

  monotonicMs(): number {
    return this.#elapsedMs;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const onAbort = () => {
      this.#sleepers.delete(sleeper);
      reject(signal?.reason);
    };
    const wake = () => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    };
    const sleeper: Sleeper = { dueMs: this.#elapsedMs + ms, wake };
    signal?.addEventListener("abort", onAbort, { once: true });
    this.#sleepers.add(sleeper);
    return promise;
  }

  /** Moves time on, waking each sleeper at its own moment. */
  async advance(ms: number): Promise<void> {
    const endMs = this.#elapsedMs + ms;
    await quiet();
    for (let next = this.#next(endMs); next !== undefined; next = this.#next(endMs)) {
      this.#elapsedMs = Math.max(this.#elapsedMs, next.dueMs);
      this.#wake(next);
      await quiet();
    }
    this.#elapsedMs = endMs;
  }

  /** Time was lost, as when a machine is suspended: whoever slept wakes late, all at once. */
  async jump(ms: number): Promise<void> {
    this.#elapsedMs += ms;
    for (const due of [...this.#sleepers].filter((sleeper) => sleeper.dueMs <= this.#elapsedMs)) this.#wake(due);
    await quiet();
  }

  #wake(sleeper: Sleeper): void {
    this.#sleepers.delete(sleeper);
    sleeper.wake();
  }

  #next(endMs: number): Sleeper | undefined {
    let next: Sleeper | undefined;
    for (const sleeper of this.#sleepers)
      if (sleeper.dueMs <= endMs && (next === undefined || sleeper.dueMs < next.dueMs)) next = sleeper;
    return next;
  }
}
