import { addPiece } from "../../lib/values/pieces.ts";

/** Reads a body in the sizes that its reader asks for. Pieces are kept as they came and joined once, unless they are small. */
export class BodyReader {
  readonly #source: AsyncIterator<Uint8Array>;
  readonly #pieces: Uint8Array[] = [];
  #held = 0;

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** How many bytes are here. */
  get held(): number {
    return this.#held;
  }

  /** Waits until so many bytes are here or no more come; true if they are here. */
  async holds(bytes: number): Promise<boolean> {
    while (this.#held < bytes) {
      const step = await this.#source.next();
      if (step.done === true) return false;
      addPiece(this.#pieces, step.value);
      this.#held += step.value.length;
    }
    return true;
  }

  /** Takes so many of the bytes that are here. */
  take(bytes: number): Buffer {
    const taken: Uint8Array[] = [];
    let missing = bytes;
    while (missing > 0) {
      const piece = this.#pieces.shift();
      if (piece === undefined) break;
      if (piece.length > missing) this.#pieces.unshift(piece.subarray(missing));
      taken.push(piece.subarray(0, missing));
      missing -= Math.min(missing, piece.length);
    }
    this.#held -= bytes - missing;
    return joined(taken);
  }
}

function joined(pieces: readonly Uint8Array[]): Buffer {
  const [only, ...more] = pieces;
  if (only === undefined) return Buffer.alloc(0);
  return more.length === 0 ? Buffer.from(only.buffer, only.byteOffset, only.length) : Buffer.concat(pieces);
}
