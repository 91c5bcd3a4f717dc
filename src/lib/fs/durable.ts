import { open, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import * as atOnce from "./at-once.ts";

/** Writes a file for this user alone, so that after a crash it has either its old content or all of the new one. */
export async function writeDurably(path: string, content: string | Uint8Array): Promise<void> {
  await replaceFile(path, content);
  await syncDirectory(dirname(path));
}

/** Less is written at once. */
const smallBytes = 64 * 1024;

/** The same, but only for the end of this process: a crash of the machine may leave anything. */
export async function writeWhole(path: string, content: string | Uint8Array): Promise<void> {
  const write = content.length <= smallBytes ? atOnce.writeFile : writeFile;
  await write(`${path}.partial`, content, { mode: 0o600 });
  await atOnce.rename(`${path}.partial`, path);
}

/** As `writeDurably`, but for the name: after a crash it may stand for the old content once more. */
export async function replaceFile(path: string, content: string | Uint8Array): Promise<void> {
  const partial = `${path}.partial`;
  await writeSynced(partial, content, "w");
  await atOnce.rename(partial, path);
}

/**
 * Makes a new file for this user alone with its content on the disk; its name is not yet durable. Throws EEXIST when
 * there is one.
 */
export const createSynced = (path: string, content: string | Uint8Array): Promise<void> =>
  writeSynced(path, content, "wx");

async function writeSynced(path: string, content: string | Uint8Array, flags: "w" | "wx"): Promise<void> {
  await using file = await open(path, flags, 0o600);
  await file.writeFile(content);
  await file.datasync();
}

/** Makes what stands in a file durable, but not its name. */
export async function syncFile(path: string): Promise<void> {
  await using file = await open(path, "r");
  await file.datasync();
}

/** Makes the names in a directory durable. */
export async function syncDirectory(path: string): Promise<void> {
  await using directory = await open(path, "r");
  await directory.sync();
}
