import { createReadStream } from "node:fs";
import { type FileHandle, mkdir, open, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { WindlassError } from "../lib/errors.ts";
import { type Random, systemRandom } from "../lib/random.ts";
import { BlobIntake, checkedKey, missingBlob } from "./blob-intake.ts";
import { type BlobLimits, type BlobStore, blobPieceBytes, type StoredBlob } from "./blob-store.ts";

/**
 * Opens a store of files under `root`: `ab/cd/abcd…`, written as `incoming/<id>`, fsynced and renamed. What a crash left
 * in `incoming` is removed; so exactly one process may use the directory.
 */
export async function openFileBlobStore(root: string, random: Random = systemRandom): Promise<BlobStore> {
  const incoming = join(root, "incoming");
  await rm(incoming, { recursive: true, force: true });
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

  async *get(key: string): AsyncIterable<Uint8Array> {
    const stream = createReadStream(this.#path(key), { highWaterMark: blobPieceBytes });
    try {
      for await (const piece of stream) yield piece;
    } catch (error) {
      throw codeOf(error) === "ENOENT" ? missingBlob(key) : withAdvice(error);
    }
  }

  async has(key: string): Promise<boolean> {
    try {
      return (await stat(this.#path(key))).isFile();
    } catch (error) {
      if (codeOf(error) === "ENOENT") return false;
      throw withAdvice(error);
    }
  }

  async delete(key: string): Promise<void> {
    await rm(this.#path(key), { force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  #path(key: string): string {
    checkedKey(key);
    return join(this.#root, key.slice(0, 2), key.slice(2, 4), key);
  }

  /** Replaces a file of the same name, which has the same content, or less of it after a fault of the disk. */
  async #place(temporary: string, key: string): Promise<void> {
    const path = this.#path(key);
    const firstMade = await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await rename(temporary, path);
    await syncDirectory(dirname(path));
    if (firstMade !== undefined) {
      await syncDirectory(dirname(dirname(path)));
      await syncDirectory(this.#root);
    }
  }
}

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

async function syncDirectory(path: string): Promise<void> {
  await using directory = await open(path, "r");
  await directory.sync();
}

const codeOf = (error: unknown) => (error instanceof Error && "code" in error ? error.code : undefined);

function withAdvice(error: unknown): unknown {
  if (codeOf(error) !== "ENOSPC" && codeOf(error) !== "EDQUOT") return error;
  return new WindlassError("storage_unavailable", "the disk of the data directory is full: nothing was stored", {
    cause: error,
  });
}
