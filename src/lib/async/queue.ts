import { abortable } from "./abort.ts";

/** Control goes out before bulk, so that a flood of log bytes delays a heartbeat by at most one item. */
export type QueueLane = "control" | "bulk";

export interface QueueLimits {
  readonly maxItems: number;
  readonly maxBytes: number;
}

/** Why nothing more comes out of a queue: `ended` delivers what was queued, `closed` and `overflowed` drop it. */
export type QueueState =
  | { readonly kind: "open" }
  | { readonly kind: "ended" }
  | { readonly kind: "closed"; readonly reason: unknown }
  | { readonly kind: "overflowed" };

interface Entry<T> {
  readonly item: T;
  readonly bytes: number;
}

/**
 * A bounded queue with two lanes and one reader. Items leave one at a time, when the reader asks: a reader that honours
 * the back-pressure of its socket holds the queue back, and producers of bulk await `room`. A producer that pushes
 * past a limit closes the queue: the stream that it feeds has a peer that does not keep up.
 */
export class OutQueue<T> implements AsyncIterable<T> {
  readonly #limits: QueueLimits;
  readonly #lanes: Readonly<Record<QueueLane, Entry<T>[]>> = { control: [], bulk: [] };
  #bytes = 0;
  #state: QueueState = { kind: "open" };
  #arrival = Promise.withResolvers<void>();
  #departure = Promise.withResolvers<void>();

  constructor(limits: QueueLimits) {
    this.#limits = limits;
  }

  get state(): QueueState {
    return this.#state;
  }

  get items(): number {
    return this.#lanes.control.length + this.#lanes.bulk.length;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Queues the item; false when the queue has ended, was closed, or is closed now because this item overflows it. */
  push(lane: QueueLane, item: T, bytes: number): boolean {
    if (this.#state.kind !== "open") return false;
    if (this.items + 1 > this.#limits.maxItems || this.#bytes + bytes > this.#limits.maxBytes) {
      this.#finish({ kind: "overflowed" });
      return false;
    }
    this.#lanes[lane].push({ item, bytes });
    this.#bytes += bytes;
    this.#arrival.resolve();
    return true;
  }

  /** Resolves once the queue is at most half full, or has ended; rejects with the signal's reason. */
  async room(signal?: AbortSignal): Promise<void> {
    while (this.#state.kind === "open" && this.#isHalfFull()) await abortable(this.#departure.promise, signal);
  }

  /** Takes nothing more; what is queued still goes out, then the reader is done. */
  end(): void {
    if (this.#state.kind !== "open") return;
    this.#state = { kind: "ended" };
    this.#arrival.resolve();
    this.#departure.resolve();
  }

  /** Drops what is queued. The reader is done; when there is a reason, it fails with it. */
  close(reason?: unknown): void {
    if (this.#state.kind === "open" || this.#state.kind === "ended") this.#finish({ kind: "closed", reason });
  }

  /** For one reader. One that stops early closes the queue. */
  [Symbol.asyncIterator](): AsyncIterator<T, void> & AsyncIterable<T> {
    const iterator = {
      next: () => this.#next(),
      return: async () => {
        this.close();
        return { done: true, value: undefined } as const;
      },
      throw: async (error: unknown) => {
        this.close(error);
        throw error;
      },
      [Symbol.asyncIterator]: () => iterator,
    };
    return iterator;
  }

  async #next(): Promise<IteratorResult<T, void>> {
    for (;;) {
      const entry = this.#lanes.control.shift() ?? this.#lanes.bulk.shift();
      if (entry !== undefined) return { done: false, value: this.#taken(entry) };
      if (this.#state.kind === "overflowed") throw new Error("the peer reads too slowly: the out-queue is full");
      if (this.#state.kind === "closed" && this.#state.reason !== undefined) throw this.#state.reason;
      if (this.#state.kind !== "open") return { done: true, value: undefined };
      this.#arrival = Promise.withResolvers();
      await this.#arrival.promise;
    }
  }

  #taken({ item, bytes }: Entry<T>): T {
    this.#bytes -= bytes;
    this.#departure.resolve();
    this.#departure = Promise.withResolvers();
    return item;
  }

  #isHalfFull(): boolean {
    return this.items * 2 > this.#limits.maxItems || this.#bytes * 2 > this.#limits.maxBytes;
  }

  #finish(state: QueueState): void {
    this.#state = state;
    this.#lanes.control.length = 0;
    this.#lanes.bulk.length = 0;
    this.#bytes = 0;
    this.#arrival.resolve();
    this.#departure.resolve();
  }
}
