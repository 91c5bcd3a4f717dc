import type { Clock } from "../clock.ts";
import { abortable, notAwaited } from "./abort.ts";

/** Most topics whose last notification is remembered one by one; older ones are remembered together. */
const rememberedTopics = 10_000;

export interface WaitOptions {
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Tells readers that there may be something new to read. It carries no data and loses no wake-up:
 *
 *     for (;;) {
 *       const seen = wake.version(topic);
 *       position = await readFrom(position);
 *       await wake.changedSince(topic, seen, { timeoutMs, signal });
 *     }
 *
 * A wake-up without news is possible; memory is bounded whatever the number of topics.
 */
export class WakeUps {
  readonly #clock: Clock;
  readonly #maxTopics: number;
  readonly #last = new Map<string, number>();
  readonly #waiters = new Map<string, Set<() => void>>();
  #sequence = 0;
  #relay: ((topic: string) => void) | undefined;
  /** The newest notification that is no longer remembered by topic: every forgotten topic may have had it. */
  #forgotten = 0;

  constructor(clock: Clock, maxTopics = rememberedTopics) {
    this.#clock = clock;
    this.#maxTopics = maxTopics;
  }

  /** Wakes everyone who waits for this topic, and everyone who read its version before this call and will wait. */
  notify(topic: string): void {
    this.hear(topic);
    this.#relay?.(topic);
  }

  /** From now on topics that are notified here are told to this as well; not those that are only heard. */
  relay(relay: (topic: string) => void): void {
    this.#relay = relay;
  }

  /** As `notify`, for what comes from elsewhere. */
  hear(topic: string): void {
    this.#last.delete(topic);
    this.#last.set(topic, ++this.#sequence);
    if (this.#last.size > this.#maxTopics) this.#forgetOldest();
    const waiters = this.#waiters.get(topic);
    if (waiters === undefined) return;
    this.#waiters.delete(topic);
    for (const wake of waiters) wake();
  }

  /** Every topic may have been notified elsewhere: wakes everyone. */
  hearAll(): void {
    this.#forgotten = ++this.#sequence;
    this.#last.clear();
    const all = [...this.#waiters.values()];
    this.#waiters.clear();
    for (const waiters of all) for (const wake of waiters) wake();
  }

  /** The same mark for all topics at once: for who learns by reading what they are. */
  mark(): number {
    return this.#sequence;
  }

  /** A mark to take before reading; hand it to `changedSince` afterwards. Several topics have one common mark. */
  version(...topics: readonly string[]): number {
    return Math.max(this.#forgotten, ...topics.map((topic) => this.#last.get(topic) ?? 0));
  }

  /**
   * Resolves "changed" once one of the topics was notified after `seen` was taken, at once if that has happened
   * already, or "timeout". Rejects with the signal's reason when aborted.
   */
  async changedSince(
    topics: string | readonly string[],
    seen: number,
    { timeoutMs, signal }: WaitOptions = {},
  ): Promise<"changed" | "timeout"> {
    const names = typeof topics === "string" ? [topics] : topics;
    signal?.throwIfAborted();
    if (this.version(...names) > seen) return "changed";
    const { promise, resolve } = Promise.withResolvers<"changed">();
    const wake = () => resolve("changed");
    for (const name of names) this.#join(name, wake);
    try {
      return await this.#bounded(promise, timeoutMs, signal);
    } finally {
      for (const name of names) this.#leave(name, wake);
    }
  }

  /** How many topics have somebody waiting. */
  get waitedTopics(): number {
    return this.#waiters.size;
  }

  async #bounded(
    changed: Promise<"changed">,
    timeoutMs: number | undefined,
    signal: AbortSignal | undefined,
  ): Promise<"changed" | "timeout"> {
    if (timeoutMs === undefined) return abortable(changed, signal);
    const awake = new AbortController();
    const timeout = this.#clock.sleep(timeoutMs, awake.signal).then(
      () => "timeout" as const,
      () => "timeout" as const,
    );
    try {
      return await abortable(Promise.race([changed, timeout]), signal);
    } finally {
      awake.abort(notAwaited);
    }
  }

  #join(topic: string, wake: () => void): void {
    const waiters = this.#waiters.get(topic);
    if (waiters === undefined) this.#waiters.set(topic, new Set([wake]));
    else waiters.add(wake);
  }

  #leave(topic: string, wake: () => void): void {
    const waiters = this.#waiters.get(topic);
    if (waiters?.delete(wake) && waiters.size === 0) this.#waiters.delete(topic);
  }

  #forgetOldest(): void {
    const [oldest] = this.#last;
    if (oldest === undefined) return;
    this.#last.delete(oldest[0]);
    this.#forgotten = oldest[1];
  }
}
