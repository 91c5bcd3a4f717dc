import { createCipheriv, createDecipheriv, createHash } from "node:crypto";
import { WindlassError } from "../lib/errors.ts";
import type { Random } from "../lib/random.ts";

/** Encrypts what must not lie on a disk in clear: sensitive variables, states and plan files. */
export interface Vault {
  /** `subject` names the row the bytes belong to; opening them for another subject fails. */
  seal(plain: Uint8Array, subject: string): Uint8Array;
  open(sealed: Uint8Array, subject: string): Uint8Array;
  /** True for bytes that were sealed with the key that seals now. */
  isCurrent(sealed: Uint8Array): boolean;
  /** Key for tokens that are derived instead of stored. */
  readonly tokenKey: Uint8Array;
}

const format = 1;
const keyIdBytes = 8;
const ivBytes = 12;
const tagBytes = 16;
const headBytes = 1 + keyIdBytes + ivBytes;

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
  return {
    tokenKey: derive(masterKey, "token"),
    isCurrent: (sealed) => Buffer.from(sealed.subarray(1, 1 + keyIdBytes)).equals(keyId),
    seal(plain, subject) {
      const iv = random.bytes(ivBytes);
      const cipher = createCipheriv("aes-256-gcm", key, iv).setAAD(Buffer.from(subject));
      const body = [cipher.update(plain), cipher.final()];
      return Buffer.concat([Buffer.of(format), keyId, iv, ...body, cipher.getAuthTag()]);
    },
    open(sealed, subject) {
      const bytes = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength);
      if (bytes.length < headBytes + tagBytes || bytes[0] !== format) {
        throw new WindlassError("internal", `${subject} is not encrypted in a known format`);
      }
      const key = keys.get(bytes.toString("hex", 1, 1 + keyIdBytes));
      if (key === undefined) {
        throw new WindlassError(
          "internal",
          `${subject} was encrypted with another master key: start windlassd with the key it was made with`,
        );
      }
      const decipher = createDecipheriv("aes-256-gcm", key, bytes.subarray(1 + keyIdBytes, headBytes)).setAAD(
        Buffer.from(subject),
      );
      decipher.setAuthTag(bytes.subarray(-tagBytes));
      try {
        return Buffer.concat([decipher.update(bytes.subarray(headBytes, -tagBytes)), decipher.final()]);
      } catch (cause) {
        throw new WindlassError("internal", `${subject} was changed outside of windlassd: it cannot be decrypted`, {
          cause,
        });
      }
    },
  };
}
