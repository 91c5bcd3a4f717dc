import { constants } from "node:fs";
import { open, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { extractLockFile } from "../../terraform/plan/file.ts";

export const lockFileName = ".terraform.lock.hcl";

/** By protocol; some hundred providers. */
const maxLockBytes = 256 * 1024;

const namesProvider = (lock: Buffer): boolean => /^\s*provider\s/m.test(lock.toString());

/**
 * The lock file as a plan has left it, for its apply: nobody has to look into the plan, which may be encrypted. The
 * directory is the job's: no link is followed. Empty if it is absent, names no provider, or is too large.
 */
export async function readPlanLock(directory: string): Promise<Uint8Array> {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  await using file = await open(join(directory, lockFileName), flags).catch(() => undefined);
  const found = await file?.stat();
  if (file === undefined || found?.isFile() !== true || found.size > maxLockBytes) return new Uint8Array();
  const lock = await file.readFile();
  return lock.length <= maxLockBytes && namesProvider(lock) ? lock : new Uint8Array();
}

/** Puts the lock file of the plan where init looks for it: as it was kept beside the plan, else as the plan holds it. */
export async function placePlanLock(directory: string, planFile: string, kept: Uint8Array): Promise<void> {
  const into = join(directory, lockFileName);
  if (kept.length > 0) await writeFile(into, kept);
  else await extractLockFile(planFile, into);
}
