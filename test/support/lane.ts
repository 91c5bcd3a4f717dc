import { once } from "node:events";
import type { Socket } from "node:net";
import { setTimeout as pause } from "node:timers/promises";

/** What happens to the bytes of one direction; each kind ends when another one is set. */
export type Shape =
  | { readonly kind: "clean" }
  /** Nothing passes, and nobody is told. */
  | { readonly kind: "stall" }
  /** Each byte arrives so much later; how many do so at a time is not changed. */
  | { readonly kind: "delay"; readonly ms: number }
  /** All connections share it, and each has half a second of it in a queue at most. */
  | { readonly kind: "throttle"; readonly bytesPerSecond: number }
  /** Each byte travels alone. */
  | { readonly kind: "slice" };

/** The way of one direction, which all connections share. */
export class Road {
  #shape: Shape = { kind: "clean" };
  #usual: Shape = { kind: "clean" };
  #changed = Promise.withResolvers<void>();
  /** When a throttled road has passed on what it has taken so far. */
  #freeAtMs = 0;

  get shape(): Shape {
    return this.#shape.kind === "clean" ? this.#usual : this.#shape;
  }

  get changed(): Promise<void> {
    return this.#changed.promise;
  }

  set(shape: Shape): void {
    this.#shape = shape;
    this.#freeAtMs = 0;
    this.wake();
  }

  /** How it is from now on whenever it is set to be clean. */
  setUsual(shape: Shape): void {
    this.#usual = shape;
    this.set(this.#shape);
  }

  wake(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  /** How long a piece waits for its turn and its own time on a throttled road. */
  takeTurn(bytes: number, bytesPerSecond: number): number {
    const nowMs = performance.now();
    this.#freeAtMs = Math.max(nowMs, this.#freeAtMs) + (bytes / bytesPerSecond) * 1000;
    return this.#freeAtMs - nowMs;
  }
}

/** As much as a connection may have under way on a road that only delays: 80 Mbit/s at 400 ms. */
const maxUnderWay = 4 * 1024 * 1024;
/** About a packet: what is sent at a time where connections share a slow road. */
const packetBytes = 1400;

interface Parcel {
  readonly bytes: Buffer;
  readonly arrivedMs: number;
}

export interface LaneParts {
  readonly road: Road;
  readonly from: Socket;
  readonly to: Socket;
}

/** One direction of one connection. */
export class Lane {
  readonly #parts: LaneParts;
  readonly #queue: Parcel[] = [];
  #queued = 0;
  #moved = Promise.withResolvers<void>();
  #isRead = false;
  #isForgotten = false;
  #left: { readonly bytes: number; readonly cut: () => void } | undefined;

  constructor(parts: LaneParts) {
    this.#parts = parts;
  }

  get isForgotten(): boolean {
    return this.#isForgotten;
  }

  /** From now on everything disappears that comes. */
  forget(): void {
    this.#isForgotten = true;
    this.#parts.road.wake();
  }

  /** Calls `cut` after so many more bytes; undefined is never. */
  limit(left: { readonly bytes: number; readonly cut: () => void } | undefined): void {
    this.#left = left;
  }

  /** Carries until one side has ended. A reset of one side ends it; what that side had sent before is lost with it. */
  async run(): Promise<void> {
    await Promise.all([this.#read(), this.#write()]);
  }

  async #read(): Promise<void> {
    try {
      for await (const bytes of this.#parts.from.iterator({ destroyOnReturn: false })) {
        if (this.#isForgotten) continue;
        this.#queue.push({ bytes, arrivedMs: performance.now() });
        this.#queued += bytes.length;
        this.#move();
        while (this.#queued > this.#room() && !this.#parts.to.destroyed) await this.#next();
      }
      this.#isRead = true;
    } finally {
      if (!this.#isRead) this.#isForgotten = true;
      this.#move();
    }
  }

  async #write(): Promise<void> {
    for (;;) {
      const parcel = this.#queue[0];
      if (this.#isForgotten || this.#parts.to.destroyed) return;
      if (parcel === undefined) {
        if (this.#isRead) return void this.#parts.to.end();
        await this.#next();
        continue;
      }
      const passed = await this.#pass(parcel);
      if (passed === undefined) continue;
      this.#queue.shift();
      this.#queued -= passed.length;
      const rest = parcel.bytes.subarray(passed.length);
      if (rest.length > 0) this.#queue.unshift({ ...parcel, bytes: rest });
      this.#move();
      await this.#send(passed);
    }
  }

  #move(): void {
    this.#moved.resolve();
    this.#moved = Promise.withResolvers();
  }

  /** Waits until something about this lane or its road is different. */
  #next(): Promise<unknown> {
    return Promise.race([this.#moved.promise, this.#parts.road.changed]);
  }

  #room(): number {
    const { shape } = this.#parts.road;
    if (shape.kind === "delay") return maxUnderWay;
    return shape.kind === "throttle" ? Math.max(packetBytes, shape.bytesPerSecond / 2) : 0;
  }

  /** Waits as long as the road says; answers what passes then, or undefined when the road has changed. */
  async #pass({ bytes, arrivedMs }: Parcel): Promise<Buffer | undefined> {
    const { road } = this.#parts;
    const { shape, changed } = road;
    switch (shape.kind) {
      case "clean":
        return bytes;
      case "slice":
        return bytes.subarray(0, 1);
      case "stall":
        await changed;
        return undefined;
      case "delay":
        return (await isOver(arrivedMs + shape.ms - performance.now(), changed)) ? bytes : undefined;
      case "throttle": {
        const piece = bytes.subarray(0, packetBytes);
        return (await isOver(road.takeTurn(piece.length, shape.bytesPerSecond), changed)) ? piece : undefined;
      }
    }
  }

  async #send(bytes: Buffer): Promise<void> {
    const { to } = this.#parts;
    const left = this.#left;
    if (this.#isForgotten || to.destroyed) return;
    const isLast = left !== undefined && left.bytes <= bytes.length;
    if (left !== undefined) this.#left = { ...left, bytes: left.bytes - bytes.length };
    const isTaken = to.write(isLast ? bytes.subarray(0, left.bytes) : bytes);
    if (isLast) return left.cut();
    if (!isTaken) await Promise.race([once(to, "drain"), once(to, "close")]).catch(() => {});
  }
}

/** True after the time, false if the road has changed before. */
async function isOver(ms: number, changed: Promise<void>): Promise<boolean> {
  if (ms <= 0) return true;
  const stop = new AbortController();
  const over = pause(ms, true, { signal: stop.signal }).catch(() => false);
  const isPassed = await Promise.race([over, changed.then(() => false)]);
  stop.abort();
  return isPassed;
}
