import { realpath } from "node:fs/promises";
import { isAbsolute, join, posix, sep } from "node:path";
import type { TreeEntry } from "./walk.ts";

export interface LinkPlaces {
  /** The configuration's directory, for this agent and for the job. */
  readonly root: string;
  readonly seenRoot: string;
}

/** Where a link leads, relative to its own directory, if that lies below the configuration; undefined if it does not. */
export async function innerTarget(
  { path, note }: Pick<TreeEntry, "path" | "note">,
  { root, seenRoot }: LinkPlaces,
): Promise<string | undefined> {
  const from = posix.dirname(path);
  const inside = isAbsolute(note) ? belowSeen(note, seenRoot) : posix.join(from, note);
  if (inside === undefined || inside === ".." || inside.startsWith("../")) return undefined;
  if (!(await isReallyInside(join(root, path), root))) return undefined;
  return isAbsolute(note) ? posix.relative(from, inside) || "." : note;
}

function belowSeen(target: string, seenRoot: string): string | undefined {
  const inside = posix.relative(seenRoot, posix.normalize(target));
  return inside === ".." || inside.startsWith("../") ? undefined : inside;
}

/** A link through another link can lead elsewhere than its text says; one that leads to nothing leads nowhere. */
async function isReallyInside(link: string, root: string): Promise<boolean> {
  const [top, end] = await Promise.all([realpath(root), realpath(link).catch(() => undefined)]);
  return end === undefined || end === top || end.startsWith(`${top}${sep}`);
}
