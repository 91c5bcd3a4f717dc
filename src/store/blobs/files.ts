import { createReadStream } from "node:fs";
import { type FileHandle, mkdir, open, readdir, rename, rm, rmdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { syncDirectory } from "../../lib/fs/durable.ts";
import { type Random, systemRandom } from "../../lib/random.ts";
import { errnoOf } from "../../lib/values/errors.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import {
  type BlobLimits,
  type BlobStore,
  type BlobUsage,
  blobPieceBytes,
  type ListedBlob,
  type StoredBlob,
} from "../ports/blobs.ts";
import { BlobIntake, checkedKey, missingBlob } from "./intake.ts";

export interface FileBlobStoreOptions {
  /** Another process owns the directory: what is in `incoming` stays. */
  readonly isShared?: boolean | undefined;
  readonly random?: Random | undefined;
}

/**
 * Opens a store of files under `root`: `ab/cd/abcd…`, written as `incoming/<id>`, fsynced and renamed. What a crash left
 * in `incoming` is removed; so exactly one process may own the directory.
 */
export async function openFileBlobStore(
  root: string,
  { isShared = false, random = systemRandom }: FileBlobStoreOptions = {},
): Promise<BlobStore> {
  const incoming = join(root, "incoming");
  if (!isShared) await rm(incoming, { recursive: true, force: true });
  await mkdir(incoming, { recursive: true, mode: 0o700 });
  return new FileBlobStore(root, incoming, random);
}

class FileBlobStore implements BlobStore {
  readonly #root: string;
  readonly #incoming: string;
  readonly #random: Random;

  constructor(root: string, incoming: string, random: Random) {
    this.#root = root;
    this.#incoming = incoming;
    this.#random = random;
  }

  async put(bytes: AsyncIterable<Uint8Array>, limits: BlobLimits): Promise<StoredBlob> {
    const temporary = join(this.#incoming, this.#random.uuid());
    try {
      const blob = await write(temporary, bytes, limits);
      await this.#place(temporary, blob.key);
      return blob;
    } catch (error) {
      await rm(temporary, { force: true });
      throw withAdvice(error);
    }
  }

  async *get(key: string, from = 0, to = Number.POSITIVE_INFINITY): AsyncIterable<Uint8Array> {
    if (to <= from) return;
    const stream = createReadStream(this.#path(key), { start: from, end: to - 1, highWaterMark: blobPieceBytes });
    try {
      for await (const piece of stream) yield piece;
    } catch (error) {
      throw errnoOf(error) === "ENOENT" ? missingBlob(key) : withAdvice(error);
    }
  }

  async has(key: string): Promise<boolean> {
    try {
      return (await stat(this.#path(key))).isFile();
    } catch (error) {
      if (errnoOf(error) === "ENOENT") return false;
      throw withAdvice(error);
    }
  }

  async *list({ isTidying } = { isTidying: false }): AsyncIterable<ListedBlob> {
    for (const first of await namesIn(this.#root, /^[0-9a-f]{2}$/)) {
      const outer = join(this.#root, first);
      for (const second of await namesIn(outer, /^[0-9a-f]{2}$/)) {
        const directory = join(outer, second);
        for (const key of await namesIn(directory, /^[0-9a-f]{64}$/)) {
          const found = await stat(join(directory, key)).catch(ignoreMissing);
          if (found?.isFile() === true) yield { key, bytes: found.size, storedAt: found.mtime };
        }
        if (isTidying) await removeEmpty(directory);
      }
      if (isTidying) await removeEmpty(outer);
    }
  }

  async usage(): Promise<BlobUsage> {
    let [count, bytes] = [0, 0];
    for await (const blob of this.list()) {
      count += 1;
      bytes += blob.bytes;
    }
    return { count, bytes };
  }

  async deleteOlder(keys: readonly string[], before: Date): Promise<readonly string[]> {
    const gone: string[] = [];
    for (const key of keys) if (await this.#deleteIfOlder(key, before)) gone.push(key);
    return gone;
  }

  /** It is moved aside first: whoever puts the same content meanwhile makes the name anew. */
  async #deleteIfOlder(key: string, before: Date): Promise<boolean> {
    const path = this.#path(key);
    const aside = join(this.#incoming, this.#random.uuid());
    const isThere = await rename(path, aside).then(() => true, ignoreMissing);
    if (isThere === undefined) return false;
    if ((await stat(aside)).mtime >= before) {
      await this.#place(aside, key);
      return false;
    }
    await rm(aside, { force: true });
    return true;
  }

  async delete(key: string): Promise<void> {
    await rm(this.#path(key), { force: true });
  }

  async claim(): Promise<boolean> {
    return true;
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  #path(key: string): string {
    return blobFile(this.#root, checkedKey(key));
  }

  /** Replaces a file of the same name, which has the same content, or less of it after a fault of the disk. */
  async #place(temporary: string, key: string): Promise<void> {
    const path = this.#path(key);
    const firstMade = await moveTo(temporary, path);
    const made = firstMade === undefined ? [] : [dirname(dirname(path)), this.#root];
    await Promise.all([dirname(path), ...made].map(syncDirectory));
  }
}

/** How often the directory of an object may be removed as an empty one just before the object comes. */
const maxRemovals = 100;

/** Moves a file into its directory, which is made if need be; answers the first directory that was made. */
async function moveTo(from: string, to: string): Promise<string | undefined> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      const firstMade = await mkdir(dirname(to), { recursive: true, mode: 0o700 });
      await rename(from, to);
      return firstMade;
    } catch (error) {
      if (errnoOf(error) !== "ENOENT" || attempt === maxRemovals) throw error;
    }
  }
}

/** Removes a directory unless something is in it. */
async function removeEmpty(directory: string): Promise<void> {
  await rmdir(directory).catch((error: unknown) => {
    if (errnoOf(error) !== "ENOTEMPTY" && errnoOf(error) !== "EEXIST") ignoreMissing(error);
  });
}

/** Where an object lies. */
export const blobFile = (root: string, key: string): string => join(root, key.slice(0, 2), key.slice(2, 4), key);

async function write(path: string, bytes: AsyncIterable<Uint8Array>, limits: BlobLimits): Promise<StoredBlob> {
  const intake = new BlobIntake(limits);
  await using file = await open(path, "wx", 0o600);
  for await (const piece of bytes) {
    intake.take(piece);
    await writeAll(file, piece);
  }
  await file.datasync();
  return intake.finish();
}

async function writeAll(file: FileHandle, piece: Uint8Array): Promise<void> {
  for (let done = 0; done < piece.length; ) {
    done += (await file.write(piece, done)).bytesWritten;
  }
}

const namesIn = async (directory: string, shape: RegExp): Promise<readonly string[]> =>
  ((await readdir(directory).catch(ignoreMissing)) ?? []).filter((name) => shape.test(name));

function ignoreMissing(error: unknown): undefined {
  if (errnoOf(error) !== "ENOENT") throw error;
}

const diskIsFull = "the disk of the data directory is full: nothing was stored";
/** What lacks now and may be there later. */
const lacks: Readonly<Record<string, string>> = {
  ENOSPC: diskIsFull,
  EDQUOT: diskIsFull,
  EMFILE: "the server has no file descriptor left: let it have more (LimitNOFILE, ulimit -n)",
  ENFILE: "the server's machine has no file descriptor left",
};

/** An error of the file system as callers are told of it. */
function withAdvice(error: unknown): unknown {
  const what = lacks[errnoOf(error) ?? ""];
  return what === undefined ? error : new WindlassError("storage_unavailable", what, { cause: error });
}
