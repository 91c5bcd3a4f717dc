import type { Clock } from "../clock.ts";

/** Largest piece of a log: windows are a number of them. */
const chunkBytes = 64 * 1024;
/** What all agents together may have under way: it is memory here, and what comes behind it waits for it. */
const totalBytes = 8 * 1024 * 1024;
/** One piece is stored while the next one comes. */
const leastBytes = 2 * chunkBytes;
/** The window of a stream that begins: nobody knows yet how many begin with it. */
export const firstWindowBytes = 4 * chunkBytes;
/** Who has sent nothing for one to two of these sends no more. */
const rememberedMs = 250;

/**
 * How many log bytes one agent may have under way: fewer, the more agents send at the same time. A line now and then does not
 * count as sending.
 */
export class LogWindows {
  readonly #clock: Clock;
  #senders = new Set<string>();
  #sendersBefore = new Set<string>();
  #turnedAtMs: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#turnedAtMs = clock.monotonicMs();
  }

  /** The window of each who sends now, in bytes; `mostBytes` for one that sends alone. */
  share(mostBytes: number): number {
    this.#turn();
    const senders = Math.max(1, this.#senders.size, this.#sendersBefore.size);
    const share = Math.floor(totalBytes / senders / chunkBytes) * chunkBytes;
    return Math.min(mostBytes, Math.max(leastBytes, share));
  }

  /** A piece came. */
  note(sender: string, bytes: number): void {
    if (bytes < chunkBytes / 2) return;
    this.#turn();
    this.#senders.add(sender);
  }

  #turn(): void {
    const nowMs = this.#clock.monotonicMs();
    const passedMs = nowMs - this.#turnedAtMs;
    if (passedMs < rememberedMs) return;
    this.#sendersBefore = passedMs < 2 * rememberedMs ? this.#senders : new Set();
    this.#senders = new Set();
    this.#turnedAtMs = nowMs;
  }
}
