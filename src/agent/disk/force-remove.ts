import { rmdir, unlink } from "node:fs/promises";
import { setImmediate as nextTurn } from "node:timers/promises";
import { type Clock, systemClock } from "../../lib/clock.ts";
import { chmod, lstat, readdir, rename, rm } from "../../lib/fs/at-once.ts";
import { systemRandom } from "../../lib/random.ts";
import { errnoOf } from "../../lib/values/errors.ts";

/**
 * Somebody may still be writing there, or removing: rounds follow each other ever more slowly, for about four seconds
 * in all.
 */
const rounds = 10;
const firstPauseMs = 5;
/** What passes: names that came meanwhile, a mount or a program that lets go, modes that were changed again. */
const passing = new Set(["ENOTEMPTY", "EEXIST", "EBUSY", "EACCES", "EPERM"]);
const slash = Buffer.from("/");
/** To remove what is larger may take long. */
const mostAtOnceBytes = 1024 * 1024;
/** So many entries are removed in one go: about a millisecond. */
const removedAtOnce = 32;

/**
 * Removes a directory with everything in it, whatever its modes, its depth (paths may be longer than the system takes)
 * and its names (bytes that are no text). What vanishes meanwhile is gone already. When it resolves there is nothing at
 * the path. Throws when something of it belongs to somebody else, and when somebody goes on writing there.
 */
export async function forceRemove(path: string, clock: Clock = systemClock): Promise<void> {
  for (let round = 1; ; round += 1) {
    try {
      await unlessGone(removeOnce(Buffer.from(path)));
      // Somebody may have made it again at once.
      if ((await unlessGone(lstat(path))) === undefined) return;
    } catch (error) {
      if (round === rounds || !passing.has(errnoOf(error) ?? "")) throw error;
    }
    if (round === rounds) throw new Error(`${path} is made again whenever it is removed`);
    await clock.sleep(firstPauseMs * 2 ** (round - 1));
  }
}

/** Directories are moved up to the first level before they are emptied, so that no path grows. */
async function removeOnce(root: Buffer): Promise<void> {
  if (!(await lstat(root)).isDirectory()) return unlink(root);
  await openUp(root);
  const waiting = [root];
  const mark = `.removed-${systemRandom.uuid()}`;
  let removed = 0;
  for (const directory of waiting) {
    for (const name of await namesIn(directory)) {
      removed += 1;
      if (removed % removedAtOnce === 0) await nextTurn();
      const to = within(root, Buffer.from(`${mark}-${waiting.length}`));
      if (await removeEntry(within(directory, name), to)) waiting.push(to);
    }
    if (directory !== root) await unlessGone(rmdir(directory));
  }
  await rmdir(root);
}

/** Removes a file; a directory is opened for this user and moved: then it answers true. */
async function removeEntry(path: Buffer, to: Buffer): Promise<boolean> {
  const found = await unlessGone(lstat(path));
  if (found === undefined) return false;
  if (!found.isDirectory()) {
    await unlessGone(found.size <= mostAtOnceBytes ? rm(path) : unlink(path));
    return false;
  }
  await unlessGone(openUp(path));
  return (await unlessGone(rename(path, to).then(() => true))) ?? false;
}

const openUp = (directory: Buffer): Promise<void> => chmod(directory, 0o700);
const within = (directory: Buffer, name: Buffer): Buffer => Buffer.concat([directory, slash, name]);
const namesIn = async (directory: Buffer): Promise<readonly Buffer[]> =>
  (await unlessGone(readdir(directory, "buffer"))) ?? [];

async function unlessGone<T>(attempt: Promise<T>): Promise<T | undefined> {
  try {
    return await attempt;
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw error;
  }
}
