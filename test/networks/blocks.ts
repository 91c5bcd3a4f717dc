import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

/** Where the blocks of docs/networks.md lie as files. */
export const blocksFolder = fileURLToPath(new URL("../../docs/networks", import.meta.url));

/** What stands in a block, and what a test puts in its place. */
export type Replacements = Readonly<Record<string, string>>;

/** A block of docs/networks.md with other ports, paths, addresses and times. Fails when one of them does not stand in it. */
export async function block(name: string, replacements: Replacements): Promise<string> {
  const text = await readFile(`${blocksFolder}/${name}`, "utf8");
  return Object.entries(replacements).reduce((changed, [from, to]) => {
    if (!text.includes(from)) throw new Error(`${name} has no ${JSON.stringify(from)}`);
    return changed.replaceAll(from, to);
  }, text);
}
