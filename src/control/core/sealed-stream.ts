import { WindlassError } from "../../lib/words/errors.ts";
import type { Control } from "./control.ts";
import { sealedOverheadBytes } from "./vault.ts";

/** Sealed one by one, so that an object of any size takes no more memory than a few of them. */
const pieceBytes = 256 * 1024;
/** Of the bytes in clear, all have so many but the last one. */
export const sealedPieceBytes = pieceBytes;
const lengthBytes = 4;
/** More than the vault and the length add to a piece. */
const overheadBytes = 64;

type Sealer = Pick<Control["vault"], "seal" | "open" | "isCurrent">;

/** The greatest size of an object of `bytes` bytes once it is sealed. */
export const sealedSize = (bytes: number): number => bytes + (Math.floor(bytes / pieceBytes) + 1) * overheadBytes;

/** Where a piece of a sealed stream begins in it. */
export const sealedPlace = (index: number): number =>
  Math.min(index * (lengthBytes + pieceBytes + sealedOverheadBytes), Number.MAX_SAFE_INTEGER);

/**
 * Encrypts a stream in pieces, each behind its length. A piece opens at its place only; that the last ones are there is
 * for the reader to know, by the size and the SHA-256 of the whole.
 */
export async function* sealStream(
  vault: Pick<Sealer, "seal">,
  plain: AsyncIterable<Uint8Array>,
  subject: string,
): AsyncGenerator<Uint8Array> {
  let index = 0;
  for await (const piece of evenly(plain)) {
    const sealed = vault.seal(piece, subjectAt(subject, index++));
    const length = Buffer.alloc(lengthBytes);
    length.writeUInt32BE(sealed.length);
    yield Buffer.concat([length, sealed]);
  }
}

/**
 * The bytes of a sealed stream from one of them on, in clear. What comes before is not read: all pieces but the last
 * have one size.
 */
export async function* openStreamFrom(
  { vault, read }: { readonly vault: Pick<Sealer, "open">; readonly read: (from: number) => AsyncIterable<Uint8Array> },
  subject: string,
  from: number,
): AsyncGenerator<Uint8Array> {
  let index = Math.floor(from / pieceBytes);
  let skip = from % pieceBytes;
  for await (const piece of sealedPieces(read(sealedPlace(index)), subject)) {
    yield vault.open(piece, subjectAt(subject, index++)).subarray(skip);
    skip = 0;
  }
}

/** The bytes of a sealed stream, in clear. */
export async function* openStream(
  vault: Pick<Sealer, "open">,
  sealed: AsyncIterable<Uint8Array>,
  subject: string,
): AsyncGenerator<Uint8Array> {
  let index = 0;
  for await (const piece of sealedPieces(sealed, subject)) yield vault.open(piece, subjectAt(subject, index++));
}

/** True for a stream that was sealed with the key that seals now; all of its pieces were. */
export async function isStreamCurrent(
  vault: Pick<Sealer, "isCurrent">,
  sealed: AsyncIterable<Uint8Array>,
  subject: string,
): Promise<boolean> {
  for await (const piece of sealedPieces(sealed, subject)) return vault.isCurrent(piece);
  return true;
}

const subjectAt = (subject: string, index: number): string => `${subject}#${index}`;

/** Pieces of equal size, whatever size they come in. */
async function* evenly(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let gathered: Uint8Array[] = [];
  let size = 0;
  for await (const piece of source) {
    for (let at = 0; at < piece.length; ) {
      const part = piece.subarray(at, at + pieceBytes - size);
      gathered.push(part);
      at += part.length;
      size += part.length;
      if (size < pieceBytes) continue;
      yield Buffer.concat(gathered);
      gathered = [];
      size = 0;
    }
  }
  if (size > 0) yield Buffer.concat(gathered);
}

async function* sealedPieces(source: AsyncIterable<Uint8Array>, subject: string): AsyncGenerator<Uint8Array> {
  let pending: Buffer = Buffer.alloc(0);
  for await (const bytes of source) {
    pending = pending.length === 0 ? Buffer.from(bytes) : Buffer.concat([pending, bytes]);
    for (let length = lengthAt(pending, subject); length !== undefined; length = lengthAt(pending, subject)) {
      if (pending.length < lengthBytes + length) break;
      yield pending.subarray(lengthBytes, lengthBytes + length);
      pending = pending.subarray(lengthBytes + length);
    }
  }
  if (pending.length > 0) throw damaged(subject);
}

function lengthAt(pending: Buffer, subject: string): number | undefined {
  if (pending.length < lengthBytes) return undefined;
  const length = pending.readUInt32BE(0);
  if (length === 0 || length > pieceBytes + overheadBytes) throw damaged(subject);
  return length;
}

const damaged = (subject: string): WindlassError =>
  new WindlassError("internal", `${subject} was changed outside of windlassd: it cannot be decrypted`);
