import { createHash, type Hash } from "node:crypto";
import { type FileHandle, mkdir, open, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Random } from "../../../lib/random.ts";
import type { BlobLimits, StoredBlob } from "../../ports/blobs.ts";
import { BlobIntake } from "../intake.ts";

/** What is sent at once; all parts of an upload but its last have at least 5 MiB. Source: S3, "Multipart upload limits". */
export const partBytes = 8 * 1024 * 1024;
/** What is no larger waits in memory. */
const memoryBytes = 1024 * 1024;

/** A stretch of an upload that is sent at once. */
export interface SpooledPart {
  readonly start: number;
  readonly bytes: number;
  readonly sha256: string;
}

/** An upload that is known as a whole. */
export interface SpooledBlob extends StoredBlob {
  /** At least one. */
  readonly parts: readonly SpooledPart[];
}

/**
 * Keeps an upload until its name is known, which is the hash of all of it: a small one in memory, else in a file that has
 * no name, so that nothing of it stays when the program ends.
 */
export class UploadSpool implements AsyncDisposable {
  readonly #directory: string;
  readonly #random: Random;
  readonly #intake: BlobIntake;
  readonly #parts: SpooledPart[] = [];
  #held: Uint8Array[] = [];
  #file: FileHandle | undefined;
  #bytes = 0;
  #partHash: Hash = createHash("sha256");
  #partStart = 0;

  constructor(directory: string, limits: BlobLimits, random: Random) {
    this.#directory = directory;
    this.#random = random;
    this.#intake = new BlobIntake(limits);
  }

  /** Takes all there is, and answers what it is. */
  async fill(pieces: AsyncIterable<Uint8Array>): Promise<SpooledBlob> {
    for await (const piece of pieces) {
      this.#intake.take(piece);
      for (let at = 0; at < piece.length; ) {
        const part = piece.subarray(at, at + this.#partStart + partBytes - this.#bytes);
        await this.#take(part);
        at += part.length;
      }
    }
    if (this.#bytes > this.#partStart || this.#parts.length === 0) this.#endPart();
    return { ...this.#intake.finish(), parts: this.#parts };
  }

  /** The bytes of a part. */
  async read({ start, bytes }: SpooledPart): Promise<Uint8Array> {
    const all = Buffer.alloc(bytes);
    if (this.#file === undefined) Buffer.concat(this.#held).copy(all, 0, start);
    else
      for (let at = 0; at < bytes; ) {
        const { bytesRead } = await this.#file.read(all, at, bytes - at, start + at);
        if (bytesRead === 0) throw new Error("the file of an upload is shorter than what was written");
        at += bytesRead;
      }
    return all;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#held = [];
    await this.#file?.close();
  }

  async #take(bytes: Uint8Array): Promise<void> {
    this.#partHash.update(bytes);
    if (this.#file === undefined && this.#bytes + bytes.length > memoryBytes) {
      this.#file = await namelessFile(join(this.#directory, `upload-${this.#random.uuid()}`));
      for (const held of this.#held.splice(0)) await writeAll(this.#file, held);
    }
    // Whoever gave the bytes may use their memory again.
    if (this.#file === undefined) this.#held.push(Uint8Array.from(bytes));
    else await writeAll(this.#file, bytes);
    this.#bytes += bytes.length;
    if (this.#bytes === this.#partStart + partBytes) this.#endPart();
  }

  #endPart(): void {
    const bytes = this.#bytes - this.#partStart;
    this.#parts.push({ start: this.#partStart, bytes, sha256: this.#partHash.digest("hex") });
    this.#partStart = this.#bytes;
    this.#partHash = createHash("sha256");
  }
}

async function namelessFile(path: string): Promise<FileHandle> {
  await mkdir(join(path, ".."), { recursive: true, mode: 0o700 });
  const file = await open(path, "wx+", 0o600);
  await rm(path);
  return file;
}

async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length; ) done += (await file.write(bytes, done)).bytesWritten;
}
