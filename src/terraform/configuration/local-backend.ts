import { rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { readText } from "./configuration.ts";
import { readHclBlocks } from "./hcl-blocks.ts";

interface Edit {
  readonly file: string;
  readonly text: string;
}

/**
 * Writes the local backend in place of every `backend` and `cloud` block of these files, line for line, so that no file
 * is added that the configuration could see. False, and nothing is changed, when a file may have one that cannot be
 * found.
 */
export async function writeLocalBackends(workingDirectory: string, files: readonly string[]): Promise<boolean> {
  const edits: Edit[] = [];
  for (const name of files) {
    const file = join(workingDirectory, name);
    const text = await readText(file);
    if (text === undefined || text.includes("\ufffd")) return false;
    const edited = name.endsWith(".json") ? withoutKeys(text) : withLocalBackends(text);
    if (edited === undefined) return false;
    if (edited !== text) edits.push({ file, text: edited });
  }
  for (const edit of edits) await replace(edit);
  return true;
}

/** JSON is not rewritten: only what cannot have a backend will do. */
const withoutKeys = (text: string): string | undefined => (/"(backend|cloud)"|\\u/.test(text) ? undefined : text);

function withLocalBackends(text: string): string | undefined {
  const blocks = readHclBlocks(text)
    ?.filter(({ type }) => type === "terraform")
    .flatMap(({ blocks: inner }) => inner.filter(({ type }) => type === "backend" || type === "cloud"));
  if (blocks === undefined) return undefined;
  const parts: string[] = [];
  let from = 0;
  for (const { at, end } of blocks) {
    parts.push(text.slice(from, at), localBackend(text.slice(at, end)));
    from = end;
  }
  return parts.join("") + text.slice(from);
}

/** As many lines as before: what terraform says of the file has the right numbers. */
const localBackend = (block: string): string => `backend "local" {${block.replaceAll(/[^\r\n]/g, "")}}`;

/** A link gives way: what it leads to may be another directory's file too. */
async function replace({ file, text }: Edit): Promise<void> {
  const { mode } = await stat(file);
  const fresh = `${file}.windlass`;
  await rm(fresh, { force: true, recursive: true });
  await writeFile(fresh, text, { mode: mode & 0o777, flag: "wx" });
  await rename(fresh, file);
}
