import { basename, dirname, join } from "node:path";
import { chmod, lstat, mkdir, readdir, readlink, rename, rm, symlink } from "../../lib/fs/at-once.ts";
import { errnoOf } from "../../lib/values/errors.ts";
import { WindlassError } from "../../lib/words/errors.ts";

/**
 * A run's work has the same absolute path on every agent, because terraform writes paths into plans. The path is a link
 * to the work directory of the job, in a directory that all agents of a machine share.
 */
export interface WorkLink {
  readonly path: string;
  readonly target: string;
}

/** Makes `<root>/<name>` lead to `target`, in place of an older link of this user. Throws when somebody else has it. */
export async function placeWorkLink(root: string, name: string, target: string): Promise<WorkLink> {
  await shareRoot(root);
  const path = join(root, name);
  const found = await lstatOrNothing(path);
  if (found !== undefined && found.uid !== ownUid()) throw refused(path, `user ${found.uid} owns it`);
  if (found !== undefined && !found.isSymbolicLink()) throw refused(path, "it is not a link that an agent made");
  const fresh = `${path}.${process.pid}`;
  await rm(fresh);
  await symlink(target, fresh);
  await rename(fresh, path);
  return { path, target };
}

/** Removes the link, unless it leads elsewhere by now, and what an agent that ended while it placed it has left. */
export async function removeWorkLink({ path, target }: WorkLink): Promise<void> {
  const root = dirname(path);
  const names = await readdir(root).catch(() => []);
  const unplaced = names.filter((name) => name.startsWith(`${basename(path)}.`)).map((name) => join(root, name));
  for (const link of [path, ...unplaced]) {
    const leadsTo = await readlink(link).catch(() => undefined);
    if (leadsTo === target) await rm(link);
  }
}

async function shareRoot(root: string): Promise<void> {
  try {
    await mkdir(root);
    await chmod(root, 0o1777);
  } catch (error) {
    if (errnoOf(error) !== "EEXIST") throw error;
  }
  const found = await lstat(root);
  if (!found.isDirectory()) throw refused(root, "it is not a directory");
  if (found.uid !== 0 && found.uid !== ownUid()) throw refused(root, `user ${found.uid} owns it`);
  const isOpenToOthers = (found.mode & 0o022) !== 0;
  const isSticky = (found.mode & 0o1000) !== 0;
  if (isOpenToOthers && !isSticky) throw refused(root, "everybody may replace what is in it (no sticky bit)");
}

const refused = (path: string, why: string): WindlassError =>
  new WindlassError("internal", `the agent cannot work at ${path}: ${why}. Remove it, or run the agent as its owner`);

const ownUid = (): number => process.getuid?.() ?? 0;

async function lstatOrNothing(path: string) {
  try {
    return await lstat(path);
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw error;
  }
}
