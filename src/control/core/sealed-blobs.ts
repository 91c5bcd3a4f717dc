import { createHash } from "node:crypto";
import { setImmediate as nextTurn } from "node:timers/promises";
import { WindlassError } from "../../lib/words/errors.ts";
import type { Control } from "./control.ts";

type Stores = Pick<Control, "blobs" | "vault">;

/** How much is hashed or encrypted before others get their turn. */
const pieceBytes = 256 * 1024;

/** Views of the bytes, in order. */
function* pieces(bytes: Uint8Array): Generator<Uint8Array, void> {
  for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
}

/** Bytes in memory that threads share: nothing is copied when another one reads them. */
export const sharedBuffer = (length: number): Buffer => Buffer.from(new SharedArrayBuffer(length));

/** Encrypts bytes for a subject and stores them; answers their key. */
export const storeSealed = (stores: Stores, plain: Uint8Array, subject: string): Promise<string> =>
  storeSealedPieces(stores, pieces(plain), { subject, maxBytes: plain.length });

/** The same with bytes that come in pieces: none of them is held. */
export async function storeSealedPieces(
  { blobs, vault }: Stores,
  plain: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  { subject, maxBytes }: { readonly subject: string; readonly maxBytes: number },
): Promise<string> {
  return (await blobs.put(vault.sealPieces(plain, subject), { maxBytes: maxBytes + maxSealBytes })).key;
}

/** What sealing adds, at most. */
const maxSealBytes = 64;

/** Pieces that are counted and hashed while they pass. */
export class CountedPieces implements AsyncIterable<Uint8Array> {
  readonly #pieces: AsyncIterable<Uint8Array>;
  readonly #hash = createHash("sha256");
  #bytes = 0;

  constructor(pieces: AsyncIterable<Uint8Array>) {
    this.#pieces = pieces;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void> {
    for await (const piece of this.#pieces) {
      this.#bytes += piece.length;
      this.#hash.update(piece);
      yield piece;
    }
  }

  /** What has passed; ask once, at the end. */
  get seen(): { readonly bytes: number; readonly sha256: string } {
    return { bytes: this.#bytes, sha256: this.#hash.digest("hex") };
  }
}

/**
 * A sealed object in clear, piece by piece. It is read twice: nothing is given out before all of it is known to be genuine.
 */
export async function* readSealed({ blobs, vault }: Stores, key: string, subject: string): AsyncGenerator<Uint8Array> {
  for await (const _checked of vault.openPieces(blobs.get(key), subject)) {
    // Only its end counts.
  }
  yield* vault.openPieces(blobs.get(key), subject);
}

/**
 * Objects that were found genuine in this process: they never change, and a range of one need not be looked at as a
 * whole again.
 */
const genuine = new WeakMap<Stores["blobs"], Set<string>>();
const mostGenuine = 10_000;

/** The same from a byte on. Of an object that was read before only what is wanted is read. */
export async function* readSealedFrom(
  { blobs, vault }: Stores,
  { key, subject }: { readonly key: string; readonly subject: string },
  from: number,
): AsyncGenerator<Uint8Array> {
  const known = genuine.get(blobs) ?? new Set();
  genuine.set(blobs, known);
  const name = `${key} ${subject}`;
  if (!known.has(name)) {
    for await (const _checked of vault.openPieces(blobs.get(key), subject)) {
      // Only its end counts.
    }
    if (known.size >= mostGenuine) known.clear();
    known.add(name);
  }
  yield* vault.openFrom((at) => blobs.get(key, at), from, subject);
}

/** A sealed object of at most `maxBytes` in clear, in memory that threads share. */
export async function loadSealed(
  { blobs, vault }: Stores,
  { key, subject, maxBytes }: { readonly key: string; readonly subject: string; readonly maxBytes: number },
): Promise<Buffer> {
  const all = sharedBuffer(maxBytes);
  let length = 0;
  for await (const piece of vault.openPieces(blobs.get(key), subject)) {
    if (length + piece.length > maxBytes) throw tooLarge(subject, maxBytes);
    all.set(piece, length);
    length += piece.length;
  }
  return all.subarray(0, length);
}

/** After so many bytes others get their turn. */
const turnBytes = 16 * 1024 * 1024;

const tooLarge = (subject: string, maxBytes: number): WindlassError =>
  new WindlassError("validation", `${subject} has more than the ${maxBytes} bytes that are looked into`);

/** The SHA-256 in hex, taken piece by piece. */
export async function sha256Of(bytes: Uint8Array): Promise<string> {
  const hash = createHash("sha256");
  let at = 0;
  for (const piece of pieces(bytes)) {
    hash.update(piece);
    at += piece.length;
    if (at % turnBytes < piece.length) await nextTurn();
  }
  return hash.digest("hex");
}
