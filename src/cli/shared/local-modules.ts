import { readdir, readFile } from "node:fs/promises";
import { join, relative, resolve } from "node:path";
import { HclMistake, type HclToken, scanHcl } from "../../lib/hcl/scan.ts";
import { isJsonList, isJsonObject, type Json, JsonMistake, readJson } from "../../lib/json/json.ts";

/** The call of a module that lies outside of a directory. */
export interface ModuleOutside {
  /** `live/net/main.tf:3`, from the directory. */
  readonly place: string;
  readonly name: string;
  readonly source: string;
  /** Where the module lies. */
  readonly path: string;
}

interface ModuleCall extends Pick<ModuleOutside, "name" | "source"> {
  readonly line: number;
}

/** Directories that are looked at: more is left to terraform. */
const maxDirectories = 500;

/**
 * The first local module that terraform, started in `start`, would look for outside of `root`; undefined if there is
 * none.
 */
export async function moduleOutside(root: string, start: string): Promise<ModuleOutside | undefined> {
  const seen = new Set([start]);
  for (const directory of seen) {
    for (const file of await configurationFiles(directory)) {
      for (const { name, source, line } of await callsIn(file)) {
        const path = resolve(directory, source);
        const place = `${relative(root, file)}:${line}`;
        if (relative(root, path).split("/")[0] === "..") return { place, name, source, path };
        if (seen.size < maxDirectories) seen.add(path);
      }
    }
  }
  return undefined;
}

async function configurationFiles(directory: string): Promise<readonly string[]> {
  const names = await readdir(directory).catch(() => []);
  return names
    .filter((name) => /^[^.].*\.(tf|tofu)(\.json)?$/.test(name))
    .sort()
    .map((name) => join(directory, name));
}

/** The calls of local modules in a file. What cannot be read is left to terraform. */
async function callsIn(file: string): Promise<readonly ModuleCall[]> {
  const text = await readFile(file, "utf8").catch(() => "");
  const calls = file.endsWith(".json") ? callsInJson(text) : callsInHcl(text);
  return calls.filter(({ source }) => /^\.\.?(\/|$)/.test(source));
}

function callsInHcl(text: string): readonly ModuleCall[] {
  try {
    const tokens = scanHcl(text).filter(({ kind }) => kind !== "newline");
    return blocksOf(tokens).flatMap(({ label, body }) => {
      const source = sourceIn(body);
      if (source === undefined) return [];
      return [{ name: label, source: plain(source), line: text.slice(0, source.at).split("\n").length }];
    });
  } catch (error) {
    if (error instanceof HclMistake) return [];
    throw error;
  }
}

const plain = ({ text }: HclToken): string => text.slice(1, -1);

interface ModuleBlock {
  readonly label: string;
  readonly body: readonly HclToken[];
}

/** `module "name" { … }`, at the top of a file. */
function blocksOf(tokens: readonly HclToken[]): readonly ModuleBlock[] {
  const blocks: ModuleBlock[] = [];
  let depth = 0;
  for (const [index, token] of tokens.entries()) {
    const label = tokens[index + 1];
    if (depth === 0 && token.text === "module" && label?.kind === "string" && tokens[index + 2]?.text === "{")
      blocks.push({ label: plain(label), body: tokens.slice(index + 3) });
    depth += depthOf(token);
  }
  return blocks;
}

const depthOf = ({ kind, text }: HclToken): number => {
  if (kind !== "symbol") return 0;
  return /^[{([]$/.test(text) ? 1 : /^[})\]]$/.test(text) ? -1 : 0;
};

/** The text of `source = "…"` in the body of a block, which ends where it is closed. */
function sourceIn(body: readonly HclToken[]): HclToken | undefined {
  let depth = 0;
  for (const [index, token] of body.entries()) {
    const value = body[index + 2];
    const isSource = depth === 0 && token.kind === "identifier" && token.text === "source";
    if (isSource && body[index + 1]?.text === "=" && value?.kind === "string" && !value.isTemplate) return value;
    depth += depthOf(token);
    if (depth < 0) return undefined;
  }
  return undefined;
}

function callsInJson(text: string): readonly ModuleCall[] {
  try {
    const calls = propertiesOf(readJson(text)).flatMap(([key, value]) => (key === "module" ? propertiesOf(value) : []));
    return calls.flatMap(([name, call]) =>
      propertiesOf(call).flatMap(([key, source]) =>
        key === "source" && typeof source === "string" ? [{ name, source, line: 1 }] : [],
      ),
    );
  } catch (error) {
    if (error instanceof JsonMistake) return [];
    throw error;
  }
}

/** Of an object, or of each object of a list: both may stand for blocks. */
function propertiesOf(value: Json): readonly (readonly [string, Json])[] {
  if (isJsonList(value)) return value.flatMap(propertiesOf);
  return isJsonObject(value) ? [...value] : [];
}
