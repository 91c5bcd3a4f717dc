import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { blocksOf, configurationFilesIn, readText } from "../../../terraform/configuration/configuration.ts";
import type { HclBlock } from "../../../terraform/configuration/hcl-blocks.ts";

/** The path of a shared state in an expression; one whose name is computed is not looked for. */
const path = /(?:\.windlass\/states|var\.windlass_shared_states\})\/([A-Za-z0-9_][A-Za-z0-9_-]*)\.tfstate"/g;

/** Directories of a configuration that are looked into: modules lie in few. */
const maxDirectories = 1_000;

/** The workspaces whose shared states a configuration reads with `terraform_remote_state`, by name. */
export async function readStates(root: string): Promise<readonly string[]> {
  const found = new Set<string>();
  const directories = [root];
  for (let next = 0; next < Math.min(directories.length, maxDirectories); next += 1) {
    const directory = directories[next] ?? root;
    for (const name of await configurationFilesIn(directory).catch(() => []))
      for (const state of statesIn(name, (await readText(join(directory, name))) ?? "")) found.add(state);
    const entries = await readdir(directory, { withFileTypes: true }).catch(() => []);
    directories.push(...entries.filter((entry) => entry.isDirectory()).map((entry) => join(directory, entry.name)));
  }
  return [...found].sort();
}

function statesIn(file: string, text: string): readonly string[] {
  if (!text.includes("terraform_remote_state")) return [];
  if (file.endsWith(".json")) return namesIn(text);
  const blocks = blocksOf(file, text) ?? [];
  return blocks
    .filter(isRemoteState)
    .flatMap(({ expressions }) => expressions.flatMap(({ expression }) => namesIn(expression)));
}

const isRemoteState = ({ type, labels }: HclBlock): boolean =>
  type === "data" && labels[0] === "terraform_remote_state";

const namesIn = (text: string): readonly string[] => [...text.matchAll(path)].map(([, name = ""]) => name);
