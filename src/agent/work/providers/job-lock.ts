import { constants } from "node:fs";
import { open, realpath, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  type LockedProvider,
  lockFileName,
  readLockFile,
  renderLockFile,
} from "../../../terraform/configuration/lock-file.ts";
import { isWithin } from "../../sandbox/bubblewrap.ts";
import type { Execution } from "../execution.ts";

const maxLockBytes = 1024 * 1024;

/** The providers of a job's lock file; none without one, or when terraform has to say something about it. */
export async function lockOf({ place }: Pick<Execution, "place">): Promise<readonly LockedProvider[]> {
  const path = join(place.directory, lockFileName);
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch(
    () => undefined,
  );
  if (file === undefined) return [];
  await using opened = file;
  const found = await opened.stat();
  if (!found.isFile() || found.size > maxLockBytes) return [];
  return readLockFile(await opened.readFile("utf8")) ?? [];
}

/** Adds hashes of packages that the lock file takes: terraform itself would, had it downloaded them. */
export async function addToLock(execution: Execution, hashes: ReadonlyMap<string, readonly string[]>): Promise<void> {
  const { job, place } = execution;
  const locked = await lockOf(execution);
  const more = locked.map((one) => ({
    ...one,
    hashes: [...new Set([...one.hashes, ...(hashes.get(one.address) ?? [])])],
  }));
  if (more.every((one, index) => one.hashes.length === locked[index]?.hashes.length)) return;
  // What a job has made of its directory in the meantime may lead anywhere.
  const directory = await realpath(place.directory);
  if (!isWithin(directory, await realpath(job.files.work))) return;
  const partial = join(directory, `${lockFileName}.partial`);
  await rm(partial, { force: true, recursive: true });
  await writeFile(partial, renderLockFile(more), { flag: "wx", mode: 0o600 });
  await rename(partial, join(directory, lockFileName));
}
