import { createHash, type Hash } from "node:crypto";
import { constants, createReadStream } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { bytesOf } from "../../lib/values/streams.ts";
import { isOutOfSpace, readAt } from "../disk/durable-files.ts";

/** Most bytes that are kept in memory beside the file: a line is sent without being read again. */
const mostNewestBytes = 16 * 1024;
const nothing = new Uint8Array();

/** What became of bytes for the spool; `end` is its length afterwards. On `disk-full` nothing was added. */
export type AppendOutcome =
  | { readonly kind: "appended"; readonly end: number }
  | { readonly kind: "disk-full"; readonly end: number; readonly cause: unknown };

/** An append-only file that knows its length and hash. One writer; appends happen in the order of their calls. */
export class SpoolLog implements AsyncDisposable {
  readonly #file: FileHandle;
  readonly #hash: Hash;
  #end: number;
  /** The last bytes, where they are read first. */
  #newest: { readonly start: number; readonly bytes: Uint8Array } = { start: 0, bytes: nothing };
  #last: Promise<unknown> = Promise.resolve();

  private constructor(file: FileHandle, hash: Hash, end: number) {
    this.#file = file;
    this.#hash = hash;
    this.#end = end;
  }

  /** Opens a spool (0600), making it if need be, and hashes what an earlier process left in it. */
  static async open(path: string): Promise<SpoolLog> {
    const file = await open(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600);
    try {
      const hash = createHash("sha256");
      let end = 0;
      const isNew = (await file.stat()).size === 0;
      for await (const chunk of isNew ? [] : bytesOf(createReadStream(path, { highWaterMark: 1024 * 1024 }))) {
        hash.update(chunk);
        end += chunk.length;
      }
      return new SpoolLog(file, hash, end);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** Length of what has been appended. */
  get end(): number {
    return this.#end;
  }

  /** SHA-256 of everything up to `end`, lower-case hex. */
  get sha256(): string {
    return this.#hash.copy().digest("hex");
  }

  /** Adds all of the bytes or none of them; a full disk is an outcome. Other errors are thrown. */
  tryAppend(bytes: Uint8Array): Promise<AppendOutcome> {
    const appended = this.#last.then(() => this.#append(bytes));
    this.#last = appended.catch(() => {});
    return appended;
  }

  /** As `tryAppend`, with a full disk as the system's error (ENOSPC, EDQUOT, EFBIG). Returns the new length. */
  async append(bytes: Uint8Array): Promise<number> {
    const outcome = await this.tryAppend(bytes);
    if (outcome.kind === "disk-full") throw outcome.cause;
    return outcome.end;
  }

  /** Up to `maxBytes` from an offset; fewer, or none, at the end. */
  async read(offset: number, maxBytes: number): Promise<Uint8Array> {
    const length = Math.max(0, Math.min(maxBytes, this.#end - offset));
    const { start, bytes } = this.#newest;
    if (offset >= start && offset + length <= start + bytes.length)
      return bytes.subarray(offset - start, offset - start + length);
    return readAt(this.#file, offset, length);
  }

  /** Makes everything appended so far survive a crash of the machine. */
  sync(): Promise<void> {
    return this.#file.datasync();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#last;
    await this.#file.close();
  }

  async #append(bytes: Uint8Array): Promise<AppendOutcome> {
    try {
      await this.#write(bytes);
    } catch (cause) {
      // What is beyond the end belongs to nobody: the next append overwrites it, a restart must not find it.
      await this.#file.truncate(this.#end);
      if (isOutOfSpace(cause)) return { kind: "disk-full", end: this.#end, cause };
      throw cause;
    }
    this.#hash.update(bytes);
    this.#newest = { start: this.#end, bytes: bytes.length <= mostNewestBytes ? Uint8Array.from(bytes) : nothing };
    this.#end += bytes.length;
    return { kind: "appended", end: this.#end };
  }

  async #write(bytes: Uint8Array): Promise<void> {
    let written = 0;
    while (written < bytes.length) {
      const { bytesWritten } = await this.#file.write(bytes, written, bytes.length - written, this.#end + written);
      written += bytesWritten;
    }
  }
}
