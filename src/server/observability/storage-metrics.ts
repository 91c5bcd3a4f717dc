import { Gauge, type Registry } from "prom-client";
import type { Control } from "../../control/core/control.ts";
import type { Clock } from "../../lib/clock.ts";
import type { BlobStore, BlobUsage } from "../../store/ports/blobs.ts";

/** Counting reads the name of every object: not at each scrape. */
const countEveryMs = 10 * 60_000;

/** The gauges of what is stored; `refresh` fills them, before each scrape. */
export interface StorageMetrics extends AsyncDisposable {
  refresh(): Promise<void>;
}

/** Makes the gauges that show how what is stored grows, and that what is freed is given back. */
export function storageMetrics(registry: Registry, control: Control): StorageMetrics {
  const registers = [registry];
  const labelNames = ["kind"];
  const bytes = new Gauge({
    name: "windlass_storage_bytes",
    help: "What rows, logs and objects take; objects are counted every ten minutes",
    labelNames,
    registers,
  });
  const free = new Gauge({
    name: "windlass_storage_free_bytes",
    help: "Of the files of SQLite, what holds nothing and is used before they grow",
    labelNames,
    registers,
  });
  const objects = new Gauge({ name: "windlass_objects", help: "Objects: archives, plans, states", registers });
  const oldest = new Gauge({
    name: "windlass_oldest_run_seconds",
    help: "How long ago the oldest run that is kept has ended; 0 if none has",
    registers,
  });
  const { store, logs, blobs, clock } = control;
  const tally = new ObjectTally(blobs, clock);
  return {
    refresh: async () => {
      for (const [kind, place] of [["rows", store] as const, ["logs", logs] as const]) {
        const space = await place.space();
        bytes.set({ kind }, space.bytes);
        if (space.freeBytes !== null) free.set({ kind }, space.freeBytes);
      }
      const firstEnd = await store.read((q) => q.upkeep.firstEnd());
      oldest.set(firstEnd === null ? 0 : Math.max(0, clock.now().getTime() - firstEnd.getTime()) / 1000);
      const usage = tally.lastKnown();
      if (usage === undefined) return;
      objects.set(usage.count);
      bytes.set({ kind: "objects" }, usage.bytes);
    },
    [Symbol.asyncDispose]: () => tally[Symbol.asyncDispose](),
  };
}

/** How many objects there were when they were last counted: one count at a time, in the background. */
class ObjectTally implements AsyncDisposable {
  readonly #blobs: BlobStore;
  readonly #clock: Clock;
  #known: BlobUsage | undefined;
  #beganMs = Number.NEGATIVE_INFINITY;
  #counting: Promise<void> = Promise.resolve();

  constructor(blobs: BlobStore, clock: Clock) {
    this.#blobs = blobs;
    this.#clock = clock;
  }

  /** Undefined until they were counted for the first time. */
  lastKnown(): BlobUsage | undefined {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#beganMs >= countEveryMs) {
      this.#beganMs = nowMs;
      this.#counting = this.#counting.then(() => this.#count());
    }
    return this.#known;
  }

  async #count(): Promise<void> {
    try {
      this.#known = await this.#blobs.usage();
    } catch {
      // What was known stays: the next count may do better.
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#counting;
  }
}
