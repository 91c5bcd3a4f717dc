import { constants } from "node:fs";
import { open, readdir } from "node:fs/promises";
import { join } from "node:path";

const maxFileBytes = 16 * 1024 * 1024;
const configurationName = /\.(tf|tofu)(\.json)?$/;

/** True if a configuration file says this, in a directory or (`deep`) anywhere below it; when in doubt, it does. */
export async function mentions(directory: string, pattern: RegExp, depth: "flat" | "deep"): Promise<boolean> {
  const entries = await readdir(directory, { withFileTypes: true, recursive: depth === "deep" });
  for (const entry of entries) {
    if (!configurationName.test(entry.name) || entry.isDirectory()) continue;
    const text = await textOf(join(entry.parentPath, entry.name));
    if (text === undefined || pattern.test(text)) return true;
  }
  return false;
}

/** Undefined if it cannot be read in whole. */
async function textOf(file: string): Promise<string | undefined> {
  try {
    await using handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
    const found = await handle.stat();
    return found.isFile() && found.size <= maxFileBytes ? await handle.readFile("utf8") : undefined;
  } catch {
    return undefined;
  }
}
