import { chmod, lstat, mkdir, readdir, readFile, realpath, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import * as z from "zod";
import { archiveRejected } from "../../lib/archive/limits.ts";
import { cleanEntryName } from "../../lib/archive/names.ts";
import { unpackArchive } from "../../lib/archive/unpack.ts";
import { errnoOf } from "../../lib/values/errors.ts";
import { isWindlassError, WindlassError } from "../../lib/words/errors.ts";
import { makePrivateDirectory, removeTree } from "../disk/durable-files.ts";
import { filesPrefix, maxWalked, removedName, unpackLimits } from "./limits.ts";
import { holdsWork, outOfScope } from "./scope.ts";
import { walkTree } from "./walk.ts";

export interface PlanFilesUnpacking {
  readonly archive: string;
  /** Where its content waits for the apply. */
  readonly into: string;
  /** Terraform's directory, relative to the configuration's. */
  readonly workingDirectory: string;
}

/**
 * Unpacks what a plan made beside the configuration, and checks it: nothing of it may take the place of what the agent
 * brings.
 */
export async function unpackPlanFiles(
  { archive, into, workingDirectory }: PlanFilesUnpacking,
  signal: AbortSignal,
): Promise<void> {
  try {
    await unpackArchive(archive, into, { ...unpackLimits, modes: "kept", signal });
    await check(into, workingDirectory);
  } catch (error) {
    if (!isWindlassError(error, "archive_rejected")) throw error;
    const message = `the files that the plan made cannot be used: ${error.message}. Start the run again`;
    throw new WindlassError("archive_rejected", message, { metadata: error.metadata, cause: error });
  }
  await rm(archive);
}

async function check(unpacked: string, workingDirectory: string): Promise<void> {
  const strange = (await readdir(unpacked)).find((name) => `${name}/` !== filesPrefix && name !== removedName);
  if (strange !== undefined) throw archiveRejected(strange, "is no file of a plan");
  await makePrivateDirectory(join(unpacked, filesPrefix));
  const leaves = outOfScope(workingDirectory);
  const isForbidden = (path: string) => leaves(path) || holdsWork(path, workingDirectory);
  const made = (await entriesOf(unpacked)).map(({ path, kind }) => ({ path, isDirectory: kind === "directory" }));
  const forbidden = made.find(({ path, isDirectory }) => (isDirectory ? leaves(path) : isForbidden(path)));
  if (forbidden !== undefined) throw archiveRejected(forbidden.path, "would take the place of what the agent brings");
  const gone = (await removedOf(unpacked)).find(isForbidden);
  if (gone !== undefined) throw archiveRejected(gone, "is removed, but the agent brings it");
}

async function entriesOf(unpacked: string) {
  const options = { leaves: () => false, maxEntries: maxWalked, maxDepth: unpackLimits.maxDepth };
  return (await walkTree(join(unpacked, filesPrefix), options)).entries;
}

const removedShape = z.array(z.string());

async function removedOf(unpacked: string): Promise<readonly string[]> {
  const text = await readFile(join(unpacked, removedName), "utf8").catch((error: unknown) => {
    if (errnoOf(error) === "ENOENT") return "[]";
    throw error;
  });
  try {
    return removedShape.parse(JSON.parse(text)).map((name) => cleanEntryName(name, unpackLimits));
  } catch (cause) {
    throw archiveRejected(removedName, "is no list of clean names", { cause });
  }
}

/**
 * Puts what a plan made over the configuration, before terraform is started. Cut off, it can be done again. Nothing is
 * written through a link: one that stands where a directory belongs gives way.
 */
export async function placePlanFiles(unpacked: string, root: string): Promise<void> {
  if (!(await isDirectory(unpacked))) return;
  for (const path of await removedOf(unpacked)) await remove(root, path);
  for (const { path, kind } of await entriesOf(unpacked)) {
    const to = join(root, path);
    if (kind === "directory") await makeDirectory(to);
    else await move(join(unpacked, filesPrefix, path), to);
  }
}

async function remove(root: string, path: string): Promise<void> {
  const place = dirname(path);
  const found = await realpath(join(root, place)).catch(() => undefined);
  if (found === join(await realpath(root), place)) await removeTree(join(root, path));
}

async function makeDirectory(path: string): Promise<void> {
  if (await isDirectory(path)) return;
  await rm(path, { force: true });
  await mkdir(path);
  await chmod(path, 0o755);
}

async function move(from: string, to: string): Promise<void> {
  if (await isDirectory(to)) await removeTree(to);
  await rename(from, to);
}

const isDirectory = (path: string): Promise<boolean> =>
  lstat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
