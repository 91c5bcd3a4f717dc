import { chmod, type FileHandle, readdir, rm, statfs, unlink } from "node:fs/promises";
import { join } from "node:path";
import { lstat, mkdir } from "../../lib/fs/at-once.ts";
import { errnoOf } from "../../lib/values/errors.ts";
import { forceRemove } from "./force-remove.ts";

const nearlyNothingBytes = 1024 * 1024;

/** True if so little space is left at `path` that what was written there last may be missing. */
export async function isFull(path: string): Promise<boolean> {
  const { bavail, bsize } = await statfs(path);
  return bavail * bsize < nearlyNothingBytes;
}

/** Makes a directory for this user alone, with its parents. */
export const makePrivateDirectory = (path: string): Promise<void> => mkdir(path, { recursive: true, mode: 0o700 });

/** Makes a directory for this user alone, empty. */
export async function freshDirectory(path: string): Promise<string> {
  await removeFile(path);
  await makePrivateDirectory(path);
  return path;
}

/** Removes a file or a directory, if it is there. */
export async function removeFile(path: string): Promise<void> {
  const found = await lstat(path).catch(unlessAbsent);
  if (found?.isDirectory() === true) return rm(path, { recursive: true, force: true });
  if (found !== undefined) await unlink(path).catch(unlessAbsent);
}

/**
 * Removes a directory with everything in it, whatever a job has done to it. The plain way fails half-way, while parts
 * of it go on; and what somebody writes meanwhile may outlive it. When this resolves, nothing is there.
 */
export async function removeTree(path: string): Promise<void> {
  // Mostly nothing is there.
  if ((await lstat(path).catch(unlessAbsent)) === undefined) return;
  await removeFile(path).catch(() => {});
  await forceRemove(path);
}

function unlessAbsent(error: unknown): undefined {
  if (errnoOf(error) !== "ENOENT") throw error;
}

/** Lets this user into a directory and all below it. What vanishes meanwhile needs no opening. */
export async function makeWritable(directory: string): Promise<void> {
  try {
    await chmod(directory, 0o700);
    for (const entry of await readdir(directory, { withFileTypes: true })) {
      if (entry.isDirectory()) await makeWritable(join(directory, entry.name));
    }
  } catch (error) {
    if (errnoOf(error) !== "ENOENT") throw error;
  }
}

/** Reads up to `length` bytes at a position. */
export async function readAt(file: FileHandle, position: number, length: number): Promise<Uint8Array> {
  const buffer = Buffer.allocUnsafe(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await file.read(buffer, filled, length - filled, position + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return buffer.subarray(0, filled);
}

const storageCodes = new Set(["ENOSPC", "EDQUOT", "EFBIG"]);

/** True when an error says that there is no room left to write. */
export const isOutOfSpace = (error: unknown): boolean => storageCodes.has(errnoOf(error) ?? "");
