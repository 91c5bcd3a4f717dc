import type { LentMemory } from "../ports/logs.ts";

/** Of this size for small reads, and of the other one for larger ones. */
const narrowBytes = 256 * 1024;

/** Memory for one read. What holds the bytes by then is told with `holding`: memory changes its object on its way between threads. */
export interface MemoryLoan extends Disposable {
  readonly memory: ArrayBuffer;
  holding(memory: ArrayBufferLike): LentMemory;
}

/**
 * Memory that reads use one after the other. New memory for each is garbage outside of the heap, and each 64 MiB of that make Node look
 * through all that a server holds. Who finds none free reads as if nobody lent any.
 */
export class ReadMemory {
  readonly #wideBytes: number;
  readonly #maxBytes: number;
  readonly #free: ArrayBuffer[] = [];
  /** Of all that is free or lent. */
  #bytes = 0;

  /** Reads are at most so large, and all memory together. */
  constructor(wideBytes: number, maxBytes: number) {
    this.#wideBytes = wideBytes;
    this.#maxBytes = maxBytes;
  }

  /** Room for so many bytes; undefined if too much is lent. */
  take(bytes: number): MemoryLoan | undefined {
    const size = bytes <= narrowBytes ? narrowBytes : this.#wideBytes;
    const at = this.#free.findIndex(({ byteLength }) => byteLength === size);
    const [memory = this.#made(size)] = at === -1 ? [] : this.#free.splice(at, 1);
    return memory && this.#loan(memory);
  }

  /** What lies free in the other size makes room. */
  #made(size: number): ArrayBuffer | undefined {
    while (this.#bytes + size > this.#maxBytes) {
      const freed = this.#free.shift();
      if (freed === undefined) return undefined;
      this.#bytes -= freed.byteLength;
    }
    this.#bytes += size;
    return new ArrayBuffer(size);
  }

  #loan(memory: ArrayBuffer): MemoryLoan {
    const size = memory.byteLength;
    let isLent = true;
    const end = (returned?: ArrayBuffer) => {
      if (!isLent) return;
      isLent = false;
      if (returned?.byteLength === size) this.#free.push(returned);
      else this.#bytes -= size;
    };
    return {
      memory,
      holding: (held) => ({
        giveBack: () => end(held instanceof ArrayBuffer ? held : undefined),
        [Symbol.dispose]: () => end(),
      }),
      [Symbol.dispose]: () => end(),
    };
  }
}
