import { realpath } from "node:fs/promises";
import { join, sep } from "node:path";
import { blocksOf, configurationFilesIn, readText } from "./configuration.ts";
import type { HclBlock } from "./hcl-blocks.ts";

/** A provider that a configuration asks for, as far as its own files say. */
export interface RequiredProvider {
  /** `registry.terraform.io/hashicorp/random`. */
  readonly address: string;
  /** All that is said of its version, joined with commas; empty for any. */
  readonly constraints: string;
}

export interface RequiringModule {
  readonly directory: string;
  /** No module outside of it is looked at. */
  readonly root: string;
  readonly engine: "terraform" | "tofu";
}

const mostModules = 100;
const defaultHost = { terraform: "registry.terraform.io", tofu: "registry.opentofu.org" };
const builtIn = "terraform";
const typedBlocks = new Set(["resource", "data", "ephemeral"]);

/**
 * What a root module and the modules beside it ask for. Modules from elsewhere are not here yet, JSON and what cannot
 * be read is passed over: it is a good guess of what `init` will install, and no more.
 */
export async function requiredProviders({
  directory,
  root,
  engine,
}: RequiringModule): Promise<readonly RequiredProvider[]> {
  const top = await realpath(root);
  const waiting = [await realpath(directory)];
  const found = new Map<string, Set<string>>();
  for (const place of waiting) {
    const blocks = await blocksIn(place);
    for (const { address, constraints } of requirementsOf(blocks, engine)) {
      const known = found.get(address) ?? new Set();
      found.set(address, constraints === "" ? known : known.add(constraints));
    }
    for (const source of localSources(blocks)) {
      const next = await realpath(join(place, source)).catch(() => undefined);
      const isInside = next === top || next?.startsWith(`${top}${sep}`) === true;
      if (next !== undefined && isInside && !waiting.includes(next) && waiting.length < mostModules) waiting.push(next);
    }
  }
  return [...found].map(([address, constraints]) => ({ address, constraints: [...constraints].join(", ") }));
}

async function blocksIn(directory: string): Promise<readonly HclBlock[]> {
  const found: HclBlock[] = [];
  for (const name of await configurationFilesIn(directory).catch(() => [])) {
    const text = name.endsWith(".json") ? undefined : await readText(join(directory, name));
    found.push(...(text === undefined ? [] : (blocksOf(name, text) ?? [])));
  }
  return found;
}

function requirementsOf(blocks: readonly HclBlock[], engine: RequiringModule["engine"]): readonly RequiredProvider[] {
  const declared = new Map<string, RequiredProvider>();
  const lists = blocks.filter(({ type }) => type === "terraform").flatMap(({ blocks: inner }) => inner);
  for (const { expressions } of lists.filter(({ type }) => type === "required_providers"))
    for (const { name, expression } of expressions) declared.set(name, requirementOf(name, expression, engine));
  for (const name of impliedNames(blocks))
    if (!declared.has(name)) declared.set(name, { address: addressOf(name, engine), constraints: "" });
  return [...declared.values()].filter(({ address }) => !address.endsWith(`/${builtIn}`));
}

/** `{ source = "…", version = "…" }`, or only a version. */
function requirementOf(name: string, expression: string, engine: RequiringModule["engine"]): RequiredProvider {
  const said = (attribute: string) =>
    new RegExp(String.raw`(?:^|[\s{,"])${attribute}"?\s*[=:]\s*"([^"\\$%]*)"`).exec(expression)?.[1];
  const bare = /^"([^"\\$%]*)"$/.exec(expression)?.[1];
  return { address: addressOf(said("source") ?? name, engine), constraints: bare ?? said("version") ?? "" };
}

/** Of the types of resources that name no provider themselves, and of provider blocks. */
function impliedNames(blocks: readonly HclBlock[]): readonly string[] {
  const inChecks = blocks.filter(({ type }) => type === "check").flatMap(({ blocks: inner }) => inner);
  const typed = [...blocks, ...inChecks].filter(
    ({ type, attributes }) => typedBlocks.has(type) && !attributes.includes("provider"),
  );
  const names = typed.map(({ labels }) => labels[0]?.split("_")[0] ?? "");
  const providers = blocks.filter(({ type }) => type === "provider").map(({ labels }) => labels[0] ?? "");
  return [...names, ...providers].filter((name) => name !== "" && name !== builtIn);
}

function addressOf(source: string, engine: RequiringModule["engine"]): string {
  const parts = source.split("/");
  if (parts.length >= 3) return source;
  return [defaultHost[engine], ...(parts.length === 1 ? ["hashicorp"] : []), ...parts].join("/");
}

const localSources = (blocks: readonly HclBlock[]): readonly string[] =>
  blocks
    .filter(({ type }) => type === "module")
    .flatMap(({ expressions }) => expressions.filter(({ name }) => name === "source"))
    .flatMap(({ expression }) => /^"(\.\.?\/[^"\\$%]*)"$/.exec(expression)?.[1] ?? []);
