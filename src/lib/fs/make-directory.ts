import { mkdir, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { errnoOf } from "../values/errors.ts";

/**
 * Makes a directory (0700) with those above it; one that is there stays as it is. Throws what the system says. Node's own
 * `mkdir` with `recursive` never comes back from places such as `/proc/nowhere`, where nothing can be made.
 */
export async function makeDirectory(path: string): Promise<void> {
  const missing: string[] = [];
  for (let at = resolve(path); !(await isThere(at)); at = dirname(at)) missing.unshift(at);
  for (const directory of missing) {
    await mkdir(directory, { mode: 0o700 }).catch((error: unknown) => {
      if (errnoOf(error) !== "EEXIST") throw error;
    });
  }
}

async function isThere(path: string): Promise<boolean> {
  try {
    if ((await stat(path)).isDirectory()) return true;
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return false;
    throw error;
  }
  throw Object.assign(new Error(`${path} is not a directory`), { code: "ENOTDIR" });
}
