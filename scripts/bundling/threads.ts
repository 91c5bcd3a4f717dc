import { readFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";

/** How a source file starts a thread of its own. */
export const threadPattern = /new Worker\(new URL\("(\.[^"]+)\.ts", import\.meta\.url\)/g;

/** What the bundle of a thread is called: `control-documents-thread` for src/control/documents/thread.ts. */
export const threadName = (path: string): string => path.replace(/^.*\bsrc\//, "").replaceAll("/", "-");

/** Every thread that a source file starts, by name. */
export async function threadsOf(root: string, paths: readonly string[]): Promise<Readonly<Record<string, string>>> {
  const found = paths.map(async (path) => {
    const text = await readFile(join(root, path), "utf8");
    return [...text.matchAll(threadPattern)].map(([, target = ""]) => resolve(root, dirname(path), target));
  });
  return Object.fromEntries((await Promise.all(found)).flat().map((path) => [threadName(path), `${path}.ts`]));
}
