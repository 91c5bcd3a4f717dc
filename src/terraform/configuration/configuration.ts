import type { Dirent } from "node:fs";
import { constants } from "node:fs";
import { chmod, lstat, mkdir, open, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { isJsonList, isJsonObject, type Json, readJson } from "../../lib/json/json.ts";
import { isCostlyJson } from "../../lib/json/measure.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import { type HclBlock, readHclBlocks } from "./hcl-blocks.ts";
import { nameThatSortsLast } from "./last-name.ts";
import { checkModuleManifest } from "./module-manifest.ts";

/** Why a configuration asks for `terraform init`. */
export type InitReason = "module" | "provider" | "lock-file" | "unreadable";

/** What the files of a working directory ask of terraform. When in doubt it asks for more, never for less. */
export interface ConfigurationScan {
  /**
   * True unless the configuration has only the built-in provider and no modules. (A `backend` alone asks for the
   * override.)
   */
  readonly needsInit: boolean;
  readonly initReasons: readonly InitReason[];
  /** True with a `backend` or `cloud` block: `overrideBackend` is necessary. */
  readonly hasBackendBlock: boolean;
  /** The files that were read; empty when there is nothing for terraform to do. */
  readonly files: readonly string[];
}

/** Of a file that is looked at: everybody waits meanwhile. */
const maxFileBytes = 4 * 1024 * 1024;
const configurationFile = /^[^.].*\.(tf|tofu)(\.json)?$/;
const overrideFile = /^(.*_)?override\.(tf|tofu)(\.json)?$/;

/** Block types that never need a provider or a module by themselves. */
const plainBlocks = new Set(["variable", "output", "locals", "moved"]);
const typedBlocks = new Set(["resource", "data", "ephemeral"]);
const plainSettings = new Set(["required_version", "experiments", "language"]);

/** Scans the configuration files of a working directory; files it cannot make sense of count as asking for everything. */
export async function scanConfiguration(workingDirectory: string): Promise<ConfigurationScan> {
  const entries = await readdir(workingDirectory, { withFileTypes: true });
  const files = entries.map((entry) => entry.name).filter(isConfiguration);
  const reasons = new Set<InitReason>();
  const seen = { hasBackendBlock: false, reasons };
  for (const name of files) scanText(await readText(join(workingDirectory, name)), name, seen);
  if (entries.some((entry) => entry.name === ".terraform.lock.hcl")) reasons.add("lock-file");
  return { needsInit: reasons.size > 0, initReasons: [...reasons], hasBackendBlock: seen.hasBackendBlock, files };
}

const isConfiguration = (name: string): boolean => configurationFile.test(name) && !isBackup(name);

/** The names of a directory's configuration files. */
export const configurationFilesIn = async (directory: string): Promise<readonly string[]> =>
  (await readdir(directory)).filter(isConfiguration);

/** The blocks of a configuration file of this name; undefined when it does not look like one. */
export const blocksOf = (name: string, text: string): readonly HclBlock[] | undefined =>
  name.endsWith(".json") ? readJsonBlocks(text) : readHclBlocks(text);

/** True if a configuration encrypts states, as far as its files say, and if one of them cannot be read. */
export async function hasEncryption(workingDirectory: string): Promise<boolean> {
  for (const name of await configurationFilesIn(workingDirectory)) {
    const text = await readText(join(workingDirectory, name));
    const blocks = text === undefined ? undefined : blocksOf(name, text);
    if (blocks === undefined || blocks.some(isEncryption)) return true;
  }
  return false;
}

const isEncryption = ({ type, blocks, attributes }: HclBlock): boolean =>
  type === "terraform" && [...blocks.map((inner) => inner.type), ...attributes].includes("encryption");

/** Terraform skips what editors leave behind. */
const isBackup = (name: string): boolean => name.endsWith("~") || (name.startsWith("#") && name.endsWith("#"));

interface Seen {
  hasBackendBlock: boolean;
  readonly reasons: Set<InitReason>;
}

function scanText(text: string | undefined, name: string, seen: Seen): void {
  const blocks = text === undefined ? undefined : blocksOf(name, text);
  if (blocks === undefined) {
    seen.hasBackendBlock = true;
    seen.reasons.add("unreadable");
    return;
  }
  for (const block of blocks) scanBlock(block, seen);
}

function scanBlock(block: HclBlock, seen: Seen): void {
  if (plainBlocks.has(block.type)) return;
  if (block.type === "terraform") scanSettings(block, seen);
  else if (block.type === "check") for (const inner of block.blocks) inner.type === "assert" || scanBlock(inner, seen);
  else if (typedBlocks.has(block.type)) {
    if (!isBuiltIn(block.labels[0]) || block.attributes.includes("provider")) seen.reasons.add("provider");
  } else seen.reasons.add(block.type === "module" ? "module" : "provider");
}

function scanSettings(block: HclBlock, seen: Seen): void {
  for (const name of [...block.blocks.map(({ type }) => type), ...block.attributes]) {
    if (name === "backend" || name === "cloud") seen.hasBackendBlock = true;
    else if (!plainSettings.has(name)) seen.reasons.add("provider");
  }
}

/** A resource type's provider is what stands before its first underscore; `terraform` is built in. */
const isBuiltIn = (type: string | undefined): boolean => type?.split("_")[0] === "terraform";

/** The JSON form, as far as it decides anything: each property of the top is a block, each of `resource` a type. */
function readJsonBlocks(text: string): readonly HclBlock[] | undefined {
  try {
    if (isCostlyJson(Buffer.from(text))) return undefined;
    // Terraform takes a block that stands there twice for two: whoever writes that is asked for everything.
    const top = readJson(text, { refusesTwins: true });
    return objectsOf(top).flatMap(([type, value]) => {
      if (type === "//") return [];
      if (type === "check") return [{ ...nowhere, type: "module-or-provider" }];
      if (type === "terraform") return [{ ...nowhere, type, attributes: objectsOf(value).map(([name]) => name) }];
      if (type === "variable")
        return objectsOf(value).map(([label, body]) => {
          return { ...nowhere, type, labels: [label], attributes: objectsOf(body).map(([name]) => name) };
        });
      if (!typedBlocks.has(type)) return [{ ...nowhere, type }];
      return objectsOf(value).map(([label, body]) => {
        const attributes = objectsOf(body).flatMap(([, inner]) => objectsOf(inner).map(([name]) => name));
        return { ...nowhere, type, labels: [label], attributes };
      });
    });
  } catch {
    return undefined;
  }
}

const nowhere = { labels: [], blocks: [], attributes: [], expressions: [], at: 0, end: 0 };

/** The properties of an object, or of all objects of an array: both may stand for a list of blocks. */
function objectsOf(value: Json): ReadonlyArray<readonly [string, Json]> {
  if (isJsonList(value)) return value.flatMap((item) => objectsOf(item));
  return isJsonObject(value) ? [...value] : [];
}

/** The text of a configuration file; undefined for what is no file, or too large. */
export async function readText(file: string): Promise<string | undefined> {
  try {
    await using handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
    const found = await handle.stat();
    return found.isFile() && found.size <= maxFileBytes ? await handle.readFile("utf8") : undefined;
  } catch {
    return undefined;
  }
}

const strippedName = /^(terraform\.tfstate.*|errored\.tfstate|\.terraform\.tfstate\.lock\.info|\.windlass)$/;

/** True for a name in terraform's directory that no upload may bring. */
export const isStripped = (name: string): boolean => strippedName.test(name);

/**
 * Removes what an upload must not bring into a working directory: state files (they would become the state), the lock
 * of a state, `.terraform` but for its `modules` (see module-manifest.ts), and `.windlass`, where the agent puts what
 * other workspaces share. Links are removed, not followed. Returns the names removed.
 */
export async function stripUpload(workingDirectory: string): Promise<readonly string[]> {
  const removed: string[] = [];
  const remove = async (name: string): Promise<void> => {
    await rm(join(workingDirectory, name), { recursive: true, force: true });
    removed.push(name);
  };
  for (const entry of await readdir(workingDirectory, { withFileTypes: true })) {
    if (isStripped(entry.name)) await remove(entry.name);
    else if (entry.name === ".terraform" && !entry.isDirectory()) await remove(entry.name);
    else if (entry.name === ".terraform") {
      const inner = await readdir(join(workingDirectory, ".terraform"), { withFileTypes: true });
      for (const found of inner.filter(isNotModules)) await remove(join(".terraform", found.name));
      await checkModuleManifest(workingDirectory);
    }
  }
  return removed;
}

const isNotModules = (entry: Dirent): boolean => entry.name !== "modules" || !entry.isDirectory();

const override = 'terraform {\n  backend "local" {}\n}\n';

/**
 * Writes the override file that replaces any `backend` or `cloud` block by the local backend, under a name that sorts after
 * every override file present (the last one wins). Returns its path. `writeBackendRecord` must follow.
 */
export async function overrideBackend(workingDirectory: string): Promise<string> {
  const names = (await readdir(workingDirectory)).filter((name) => overrideFile.test(name));
  const file = join(workingDirectory, nameThatSortsLast(names, "windlass", "_override.tf"));
  await writeFile(file, override, { flag: "wx" });
  await chmod(file, 0o644);
  return file;
}

/**
 * Writes a configuration file that holds nothing: in a directory without any, init installs nothing of what a state
 * needs. Returns its path.
 */
export async function placeEmptyFile(workingDirectory: string): Promise<string> {
  const file = join(workingDirectory, "windlass_nothing.tf");
  await writeFile(file, "# Nothing is configured here: terraform looks for the providers of the state.\n", {
    flag: "wx",
  });
  await chmod(file, 0o644);
  return file;
}

/**
 * Writes what `terraform init` would record of the local backend: enough instead of init (about 30 ms) when
 * `overrideBackend` was necessary and nothing else asks for init. An init that finds it moves no state.
 */
export async function writeBackendRecord(workingDirectory: string, terraformVersion: string): Promise<void> {
  const backend = { type: "local", config: { path: null, workspace_dir: null }, hash: 666_019_178 };
  await mkdir(join(workingDirectory, ".terraform"), { recursive: true });
  const record = { version: 3, terraform_version: terraformVersion, backend };
  await writeFile(join(workingDirectory, ".terraform", "terraform.tfstate"), JSON.stringify(record), { flag: "wx" });
}

/**
 * Makes sure after init that terraform keeps its state in the working directory. Throws `validation` when another backend,
 * or another path, was configured in spite of the override.
 */
export async function assertLocalBackend(workingDirectory: string, hasBackendBlock: boolean): Promise<void> {
  const file = join(workingDirectory, ".terraform", "terraform.tfstate");
  const found = await lstat(file).catch(() => undefined);
  if (found === undefined && !hasBackendBlock) return;
  const text = found?.isFile() === true ? await readText(file) : undefined;
  if (text !== undefined && isLocalBackend(text)) return;
  throw new WindlassError(
    "validation",
    "the configuration keeps its state elsewhere: expected the local backend after init. Remove the backend and cloud blocks",
  );
}

function isLocalBackend(text: string): boolean {
  try {
    if (isCostlyJson(Buffer.from(text))) return false;
    const record = readJson(text, { refusesTwins: true });
    const backend = isJsonObject(record) ? (record.get("backend") ?? null) : undefined;
    if (!isJsonObject(backend)) return backend === null;
    const config = backend.get("config") ?? null;
    const settings = isJsonObject(config) ? [...config.values()] : [config];
    return backend.get("type") === "local" && settings.every((value) => value === null);
  } catch {
    return false;
  }
}
