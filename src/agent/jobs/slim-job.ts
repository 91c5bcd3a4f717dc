import { lstat, readdir, realpath } from "node:fs/promises";
import { join, sep } from "node:path";
import { errnoOf } from "../../lib/values/errors.ts";
import { makeWritable, removeTree } from "../disk/durable-files.ts";
import { configurationRoot, type JobFiles } from "./files.ts";

/** States as terraform and tofu leave them, in their working directory and beside the configuration. */
const stateNames = ["terraform.tfstate", "terraform.tfstate.backup", "errored.tfstate"];

/**
 * Removes from the directory of a job what can be had again: configuration, providers, modules, archives, temporary
 * files. What stays are states, the plan, logs and the journal.
 */
export async function slimJob(files: JobFiles, workingDirectory: string): Promise<void> {
  const { root, spec, journal, prepared, raw, spool, states: snapshots, steps, work: own } = files;
  await keepOnly(root, [spec, journal, prepared, raw, spool, snapshots, steps, own]);
  const place = await realpath(own).catch(absent);
  if (place === undefined) return;
  // A job may have locked its own directories.
  await makeWritable(place);
  const directory = await realpath(join(configurationRoot(own), workingDirectory)).catch(absent);
  const directories = [...(directory === undefined ? [] : [directory]), join(place, "state")];
  const found = directories.flatMap((where) => stateNames.map((name) => join(where, name)));
  // A job may have moved its state, and left a link to it. What has nowhere to lead to is kept as it is.
  const moved = await Promise.all(found.map((path) => realpath(path).catch(() => path)));
  await prune(place, [join(place, "plan.tfplan"), ...found, ...moved]);
}

/** Any other failure stops everything: what cannot be looked at is not removed. */
function absent(error: unknown): undefined {
  if (errnoOf(error) !== "ENOENT") throw error;
}

async function keepOnly(directory: string, kept: readonly string[]): Promise<void> {
  for (const name of await readdir(directory)) {
    const path = join(directory, name);
    if (!kept.includes(path)) await removeTree(path);
  }
}

/** Removes everything below a directory but some files and links, which are never followed. */
async function prune(directory: string, kept: readonly string[]): Promise<void> {
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if ((entry.isFile() || entry.isSymbolicLink()) && kept.includes(path)) continue;
    const isOnTheWay = entry.isDirectory() && kept.some((file) => file.startsWith(`${path}${sep}`));
    if (isOnTheWay) await prune(path, kept);
    else await removeTree(path);
  }
}

/** The room that a directory takes on the disk; what cannot be read counts nothing. */
export async function sizeOnDisk(path: string): Promise<number> {
  try {
    const found = await lstat(path);
    const own = found.blocks * 512;
    if (!found.isDirectory()) return own;
    const sizes = await Promise.all((await readdir(path)).map((name) => sizeOnDisk(join(path, name))));
    return sizes.reduce((sum, size) => sum + size, own);
  } catch (error) {
    if (["ENOENT", "EACCES", "EPERM", "ENOTDIR"].includes(errnoOf(error) ?? "")) return 0;
    throw error;
  }
}
