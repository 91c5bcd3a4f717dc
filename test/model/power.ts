import { WindlassError } from "../../src/lib/words/errors.ts";
import type { BlobStore } from "../../src/store/ports/blobs.ts";
import type { LogStore } from "../../src/store/ports/logs.ts";
import type { Store } from "../../src/store/ports/store.ts";
import { counted } from "./turns.ts";

/** What becomes of a later write of the control plane. */
export type WriteFault =
  /** The process dies before it is done. */
  | "dies-before"
  /** The process dies after the commit, before anybody hears of it. */
  | "dies-after"
  /** The database refuses it. */
  | "refused";

interface Trip {
  readonly fault: WriteFault;
  left: number;
}

/** The life of one process of the control plane: after its end nothing of it reaches a disk or a caller. */
export class Power {
  readonly #onDeath: () => void;
  #isOn = true;
  #trip: Trip | undefined;

  constructor(onDeath: () => void) {
    this.#onDeath = onDeath;
  }

  get isOn(): boolean {
    return this.#isOn;
  }

  off(): void {
    if (!this.#isOn) return;
    this.#isOn = false;
    this.#onDeath();
  }

  /** Arms a fault for the write after `later` others. */
  arm(fault: WriteFault, later: number): void {
    this.#trip = { fault, left: later };
  }

  disarm(): void {
    this.#trip = undefined;
  }

  async read<T>(work: () => Promise<T>): Promise<T> {
    this.demand();
    const result = await counted(work());
    this.demand();
    return result;
  }

  async write<T>(work: () => Promise<T>): Promise<T> {
    this.demand();
    const fault = this.#fault();
    if (fault === "refused") throw new WindlassError("storage_unavailable", "refused by the schedule");
    if (fault === "dies-before") this.off();
    this.demand();
    const result = await counted(work());
    if (fault === "dies-after") this.off();
    this.demand();
    return result;
  }

  demand(): void {
    if (!this.#isOn) throw new Error(deadMessage);
  }

  #fault(): WriteFault | undefined {
    if (this.#trip === undefined) return undefined;
    if (this.#trip.left-- > 0) return undefined;
    const { fault } = this.#trip;
    this.#trip = undefined;
    return fault;
  }
}

/** What the code of a process that is dead is told. */
export const deadMessage = "this process has ended";

export const poweredStore = (store: Store, power: Power): Store => ({
  engine: store.engine,
  changes: store.changes,
  read: (fn) => power.read(() => store.read(fn)),
  write: (fn) => power.write(() => store.write(fn)),
  step: (fn) => power.write(() => store.step(fn)),
  space: () => power.read(() => store.space()),
  giveBack: (pages) => power.write(() => store.giveBack(pages)),
  [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
});

export const poweredLogs = (logs: LogStore, power: Power): LogStore => ({
  append: (stream, offset, bytes) => power.write(() => logs.append(stream, offset, bytes)),
  nextOffset: (stream) => power.read(() => logs.nextOffset(stream)),
  seal: (stream, length, sha256) => power.write(() => logs.seal(stream, length, sha256)),
  sealWithGap: (stream, missingBytes) => power.write(() => logs.sealWithGap(stream, missingBytes)),
  reopen: (stream) => power.write(() => logs.reopen(stream)),
  read: (stream, offset, maxBytes) => power.read(() => logs.read(stream, offset, maxBytes)),
  times: (stream, from, to) => power.read(() => logs.times(stream, from, to)),
  list: (after, limit) => power.read(() => logs.list(after, limit)),
  archive: (stream, move) => power.write(() => logs.archive(stream, move)),
  empty: (stream) => power.write(() => logs.empty(stream)),
  delete: (stream) => power.write(() => logs.delete(stream)),
  space: () => power.read(() => logs.space()),
  giveBack: (pages) => power.write(() => logs.giveBack(pages)),
  [Symbol.asyncDispose]: () => logs[Symbol.asyncDispose](),
});

export const poweredBlobs = (blobs: BlobStore, power: Power): BlobStore => ({
  put: (bytes, limits) => power.write(() => blobs.put(bytes, limits)),
  async *get(key, from, to) {
    power.demand();
    yield* blobs.get(key, from, to);
  },
  has: (key) => power.read(() => blobs.has(key)),
  async *list(options) {
    power.demand();
    yield* blobs.list(options);
  },
  usage: () => power.read(() => blobs.usage()),
  deleteOlder: (keys, before) => power.write(() => blobs.deleteOlder(keys, before)),
  claim: (owner, options) => power.write(() => blobs.claim(owner, options)),
  delete: (key) => power.write(() => blobs.delete(key)),
  [Symbol.asyncDispose]: () => blobs[Symbol.asyncDispose](),
});
