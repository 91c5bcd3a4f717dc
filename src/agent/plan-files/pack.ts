import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import { type ArchiveItem, writeArchive } from "../../lib/archive/write.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import { removeFile } from "../disk/durable-files.ts";
import type { PlanMade } from "./choose.ts";
import { filesPrefix, removedName } from "./limits.ts";
import type { TreeEntry } from "./walk.ts";

/** An archive on the disk. */
export interface PackedFiles {
  readonly file: string;
  readonly bytes: number;
  readonly sha256: string;
}

/**
 * Packs what goes with a plan from below `root` into a new file. Throws when something was changed since it was looked
 * at.
 */
export async function packPlanFiles(
  root: string,
  { carried, removed }: Pick<PlanMade, "carried" | "removed">,
  { file, signal }: { readonly file: string; readonly signal: AbortSignal },
): Promise<PackedFiles> {
  await removeFile(file);
  const items = [...removedList(removed), ...carried.map((entry) => itemOf(root, entry))];
  // What plans make is mostly packed already.
  return { file, ...(await writeArchive(file, items, { signal, gzipLevel: 1 })) };
}

function removedList(removed: readonly string[]): readonly ArchiveItem[] {
  if (removed.length === 0) return [];
  const text = Buffer.from(JSON.stringify(removed));
  return [{ kind: "file", path: removedName, bytes: text.length, mode: 0o600, content: () => once(text) }];
}

async function* once(bytes: Uint8Array) {
  yield bytes;
}

function itemOf(root: string, entry: TreeEntry): ArchiveItem {
  const path = filesPrefix + entry.path;
  if (entry.kind === "directory") return { kind: "directory", path };
  if (entry.kind === "link") return { kind: "link", path, target: entry.note };
  return { kind: "file", path, bytes: entry.bytes, mode: entry.mode, content: () => contentOf(root, entry) };
}

/** Only the very file that was looked at is read, wherever its path leads by now, and no more of it than there was. */
async function* contentOf(root: string, entry: TreeEntry): AsyncGenerator<Uint8Array> {
  await using file = await openSame(join(root, entry.path), entry);
  const options = { autoClose: false, start: 0, end: entry.bytes - 1, highWaterMark: 256 * 1024 };
  for await (const chunk of file.createReadStream(options)) yield chunk;
}

async function openSame(path: string, { identity }: TreeEntry): Promise<FileHandle> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  const found = await file.stat({ bigint: true });
  if (found.isFile() && `${found.dev}:${found.ino}` === identity) return file;
  await file.close();
  throw new WindlassError("validation", "a file was replaced while the plan was packed: start the run again");
}
