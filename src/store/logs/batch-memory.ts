import type { LogOperation } from "./operations.ts";

type Append = Extract<LogOperation, { readonly kind: "append" }>;

/** Memory for small batches is not made anew for each that is a little larger. */
const leastBytes = 256 * 1024;

/**
 * The bytes of batches, in memory that both threads see, used again when a batch is done: whatever is made for each batch is
 * garbage of both threads.
 */
export class BatchMemory {
  readonly #free: SharedArrayBuffer[] = [];

  /** Copies the bytes of a batch: those of one stream stand behind each other. `free` is called when nobody reads them any more. */
  pack(operations: readonly LogOperation[]): {
    readonly operations: readonly LogOperation[];
    readonly free: () => void;
  } {
    const total = operations.reduce((sum, each) => sum + (each.kind === "append" ? each.bytes.length : 0), 0);
    if (total === 0) return { operations, free: () => {} };
    const memory = this.#memory(total);
    const starts = startsOf(operations);
    const packed = operations.map((operation) => {
      if (operation.kind !== "append") return operation;
      const { stream, bytes: given } = operation;
      const start = starts.get(stream) ?? 0;
      starts.set(stream, start + given.length);
      const bytes = new Uint8Array(memory, start, given.length);
      bytes.set(given);
      return { ...operation, bytes };
    });
    return { operations: packed, free: () => void this.#free.push(memory) };
  }

  /** One that is too small is given up for a larger one. */
  #memory(bytes: number): SharedArrayBuffer {
    const found = this.#free.pop();
    if (found !== undefined && found.byteLength >= bytes) return found;
    return new SharedArrayBuffer(Math.max(leastBytes, 2 ** Math.ceil(Math.log2(bytes))));
  }
}

/** Where the bytes of each stream begin. */
function startsOf(operations: readonly LogOperation[]): Map<string, number> {
  const appends = operations.filter((operation): operation is Append => operation.kind === "append");
  let start = 0;
  const starts = new Map<string, number>();
  for (const [stream, ofStream] of Map.groupBy(appends, (append) => append.stream)) {
    starts.set(stream, start);
    for (const { bytes } of ofStream) start += bytes.length;
  }
  return starts;
}
