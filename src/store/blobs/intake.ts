import { createHash } from "node:crypto";
import { WindlassError } from "../../lib/words/errors.ts";
import type { BlobLimits, StoredBlob } from "../ports/blobs.ts";

/** Counts and hashes an upload while it passes, and refuses it once it is over its limit. */
export class BlobIntake {
  readonly #hash = createHash("sha256");
  readonly #maxBytes: number;
  #bytes = 0;

  constructor({ maxBytes }: BlobLimits) {
    this.#maxBytes = maxBytes;
  }

  take(piece: Uint8Array): void {
    this.#bytes += piece.length;
    if (this.#bytes > this.#maxBytes) {
      throw new WindlassError("upload_too_large", `the upload is larger than the ${this.#maxBytes} bytes allowed`, {
        metadata: { maxBytes: String(this.#maxBytes) },
      });
    }
    this.#hash.update(piece);
  }

  /** What was taken in; call it once, at the end. */
  finish(): StoredBlob {
    const sha256 = this.#hash.digest("hex");
    return { key: sha256, sha256, bytes: this.#bytes };
  }
}

/** Throws `not_found` for anything but a SHA-256 in hex, so that no key can name another path. */
export function checkedKey(key: string): string {
  if (!/^[0-9a-f]{64}$/.test(key)) throw missingBlob(key);
  return key;
}

export const missingBlob = (key: string) =>
  new WindlassError(
    "not_found",
    `the stored object ${key.slice(0, 12)} is not there: it was deleted, or the data directory is not the right one`,
  );
