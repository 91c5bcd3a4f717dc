import { createCipheriv, createDecipheriv, createHash, type DecipherGCM, type Decipheriv } from "node:crypto";
import type { Random } from "../../lib/random.ts";
import { WindlassError } from "../../lib/words/errors.ts";

/** Encrypts what must not lie on a disk in clear: sensitive variables, states and plan files. */
export interface Vault {
  /** `subject` names the row the bytes belong to; opening them for another subject fails. */
  seal(plain: Uint8Array, subject: string): Uint8Array;
  open(sealed: Uint8Array, subject: string): Uint8Array;
  /** The same in pieces: they are given on as they come, and nothing is held. */
  sealPieces(plain: AnyIterable<Uint8Array>, subject: string): AsyncGenerator<Uint8Array, void>;
  /** The same in pieces. Only the end proves that they are genuine: it fails if they are not. */
  openPieces(sealed: AsyncIterable<Uint8Array>, subject: string): AsyncGenerator<Uint8Array, void>;
  /**
   * The bytes in clear from one of them on, of an object that `openPieces` has found genuine before: this proves nothing.
   * `read` gives the sealed bytes from a position on.
   */
  openFrom(
    read: (from: number) => AsyncIterable<Uint8Array>,
    at: number,
    subject: string,
  ): AsyncGenerator<Uint8Array, void>;
  /** True for bytes that were sealed with the key that seals now. */
  isCurrent(sealed: Uint8Array): boolean;
  /** Key for tokens that are derived instead of stored. */
  readonly tokenKey: Uint8Array;
}

type AnyIterable<T> = Iterable<T> | AsyncIterable<T>;

const format = 1;
const keyIdBytes = 8;
const ivBytes = 12;
const tagBytes = 16;
const headBytes = 1 + keyIdBytes + ivBytes;
/** What sealing adds to bytes. */
export const sealedOverheadBytes = headBytes + tagBytes;

const derive = (masterKey: Uint8Array, purpose: string): Buffer =>
  createHash("sha256").update(masterKey).update("\0").update(purpose).digest();

/** What a master key is known by, in hex. It gives nothing of the key away. */
export const masterKeyId = (masterKey: Uint8Array): string => idOf(masterKey).toString("hex");

const idOf = (masterKey: Uint8Array): Buffer => derive(masterKey, "id").subarray(0, keyIdBytes);

/**
 * AES-256-GCM under a 32-byte master key. Layout: format (1 byte), key id (8), iv (12), ciphertext, tag (16);
 * the subject is authenticated with it. What was sealed with one of the `older` keys can be opened too.
 */
export function createVault(masterKey: Uint8Array, random: Random, older: readonly Uint8Array[] = []): Vault {
  const wrong = [masterKey, ...older].find((one) => one.length !== 32);
  if (wrong !== undefined)
    throw new WindlassError("internal", `expected a master key of 32 bytes, got ${wrong.length}`);
  const key = derive(masterKey, "seal");
  const keyId = idOf(masterKey);
  const keys = new Map([masterKey, ...older].map((one) => [masterKeyId(one), derive(one, "seal")]));
  const sealer = (subject: string) => {
    const iv = random.bytes(ivBytes);
    const cipher = createCipheriv("aes-256-gcm", key, iv).setAAD(Buffer.from(subject));
    return { head: Buffer.concat([Buffer.of(format), keyId, iv]), cipher };
  };
  const opener = (head: Buffer, subject: string) => openingOf(keys, head, subject);
  return {
    tokenKey: derive(masterKey, "token"),
    isCurrent: (sealed) => Buffer.from(sealed.subarray(1, 1 + keyIdBytes)).equals(keyId),
    seal(plain, subject) {
      const { head, cipher } = sealer(subject);
      return Buffer.concat([head, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
    },
    async *sealPieces(plain, subject) {
      const { head, cipher } = sealer(subject);
      yield head;
      for await (const piece of plain) yield cipher.update(piece);
      yield Buffer.concat([cipher.final(), cipher.getAuthTag()]);
    },
    open(sealed, subject) {
      const bytes = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength);
      if (bytes.length < headBytes + tagBytes) throw unknownFormat(subject);
      const opening = opener(bytes.subarray(0, headBytes), subject);
      const plain = opening.update(bytes.subarray(headBytes, -tagBytes));
      return Buffer.concat([plain, ended(opening, bytes.subarray(-tagBytes), subject)]);
    },
    async *openPieces(sealed, subject) {
      let held: Buffer = Buffer.alloc(0);
      let opening: DecipherGCM | undefined;
      for await (const piece of sealed) {
        held = Buffer.concat([held, piece]);
        if (held.length < headBytes + tagBytes) continue;
        const from = opening === undefined ? headBytes : 0;
        opening ??= opener(held.subarray(0, headBytes), subject);
        yield opening.update(held.subarray(from, -tagBytes));
        held = held.subarray(-tagBytes);
      }
      if (opening === undefined) throw unknownFormat(subject);
      ended(opening, held, subject);
    },
    async *openFrom(read, at, subject) {
      const block = Math.floor(at / blockBytes);
      if (block > maxBlock) return;
      const opening = openingAt(keys, await headOf(read(0), subject), { block, subject });
      let skip = at % blockBytes;
      let held: Buffer = Buffer.alloc(0);
      for await (const piece of read(headBytes + block * blockBytes)) {
        held = Buffer.concat([held, piece]);
        if (held.length <= tagBytes) continue;
        const plain = opening.update(held.subarray(0, -tagBytes));
        held = held.subarray(-tagBytes);
        yield plain.subarray(skip);
        skip = Math.max(0, skip - plain.length);
      }
    },
  };
}

const blockBytes = 16;
/** Of one object. */
const maxBlock = 2 ** 32 - 3;

/** GCM counts its blocks from 2 on, in the last four bytes of the counter. Source: NIST SP 800-38D, 7.1. */
function openingAt(
  keys: ReadonlyMap<string, Buffer>,
  head: Buffer,
  { block, subject }: { readonly block: number; readonly subject: string },
): Decipheriv {
  const counter = Buffer.alloc(blockBytes);
  head.copy(counter, 0, 1 + keyIdBytes);
  counter.writeUInt32BE(block + 2, ivBytes);
  return createDecipheriv("aes-256-ctr", keyOf(keys, head, subject), counter);
}

async function headOf(sealed: AsyncIterable<Uint8Array>, subject: string): Promise<Buffer> {
  let head: Buffer = Buffer.alloc(0);
  for await (const piece of sealed) {
    head = Buffer.concat([head, piece.subarray(0, headBytes)]);
    if (head.length >= headBytes) return head.subarray(0, headBytes);
  }
  throw unknownFormat(subject);
}

function openingOf(keys: ReadonlyMap<string, Buffer>, head: Buffer, subject: string): DecipherGCM {
  const key = keyOf(keys, head, subject);
  const iv = head.subarray(1 + keyIdBytes, headBytes);
  return createDecipheriv("aes-256-gcm", key, iv).setAAD(Buffer.from(subject));
}

function keyOf(keys: ReadonlyMap<string, Buffer>, head: Buffer, subject: string): Buffer {
  if (head[0] !== format) throw unknownFormat(subject);
  const key = keys.get(head.toString("hex", 1, 1 + keyIdBytes));
  if (key === undefined) {
    throw new WindlassError(
      "internal",
      `${subject} was encrypted with another master key: start windlassd with the key it was made with`,
    );
  }
  return key;
}

/** Ends a decryption; fails if the bytes are not what was sealed. */
function ended(opening: DecipherGCM, tag: Buffer, subject: string): Buffer {
  try {
    return opening.setAuthTag(tag).final();
  } catch (cause) {
    throw new WindlassError("internal", `${subject} was changed outside of windlassd: it cannot be decrypted`, {
      cause,
    });
  }
}

const unknownFormat = (subject: string) =>
  new WindlassError("internal", `${subject} is not encrypted in a known format`);
