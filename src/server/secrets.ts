import { readFile, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { createSynced, syncDirectory } from "../lib/fs/durable.ts";
import { makeDirectory } from "../lib/fs/make-directory.ts";
import type { Random } from "../lib/random.ts";
import { errnoOf } from "../lib/values/errors.ts";
import { WindlassError } from "../lib/words/errors.ts";

/** The keys that a vault works with. */
export interface MasterKeys {
  /** Seals. */
  readonly key: Uint8Array;
  /** Only open: a rotation is under way. */
  readonly older: readonly Uint8Array[];
  /** Where they came from; undefined if they were given as text. */
  readonly file: string | undefined;
}

/** The file that holds the master key unless it is given as text. */
export const masterKeyFile = (dataDir: string): string => join(dataDir, "master.key");

/**
 * The master key: as given, else from `<dataDir>/master.key`; undefined if neither is there. While a rotation is under
 * way it is several, the new one first, with blanks, commas or line ends between them.
 */
export async function readMasterKeys(dataDir: string, given: string | undefined): Promise<MasterKeys | undefined> {
  if (given !== undefined) return { ...keysIn(given, "WINDLASS_MASTER_KEY"), file: undefined };
  const file = masterKeyFile(dataDir);
  const text = await readFile(file, "utf8").catch(ignoreMissing);
  return text === undefined ? undefined : { ...keysIn(text, file), file };
}

/** Makes a master key and writes its file (0600). */
export async function makeMasterKey(dataDir: string, random: Random): Promise<MasterKeys> {
  const key = random.bytes(32);
  await writeMasterKeys(dataDir, [key]);
  return { key, older: [], file: masterKeyFile(dataDir) };
}

/** Puts keys into the file, the one that seals first. */
export const writeMasterKeys = (dataDir: string, keys: readonly Uint8Array[]): Promise<void> =>
  writeSecret(masterKeyFile(dataDir), textOf(keys));

/** Keys as their file holds them. */
export const keyText = ({ key, older }: Pick<MasterKeys, "key" | "older">): string => textOf([key, ...older]);

const textOf = (keys: readonly Uint8Array[]): string =>
  keys.map((key) => `${Buffer.from(key).toString("hex")}\n`).join("");

/** The keys in a text; `source` is named when they are none. */
export function keysIn(text: string, source: string): Pick<MasterKeys, "key" | "older"> {
  const [key, ...older] = text
    .split(/[\s,]+/)
    .filter((word) => word !== "")
    .map((word) => keyIn(word, source));
  if (key === undefined) throw new WindlassError("validation", `${source}: expected a master key, got nothing`);
  return { key, older };
}

function keyIn(text: string, source: string): Uint8Array {
  if (/^[0-9a-fA-F]{64}$/.test(text)) return Buffer.from(text, "hex");
  throw new WindlassError(
    "validation",
    `${source}: expected a master key of 64 hex digits, got ${text.length} characters (not shown)`,
  );
}

/**
 * Writes a file that only its owner reads, durably and as a whole: at any moment either the old content is there or the
 * new.
 */
export async function writeSecret(path: string, content: string): Promise<void> {
  await makeDirectory(dirname(path));
  const fresh = `${path}.new`;
  await rm(fresh, { force: true });
  await createSynced(fresh, content);
  await rename(fresh, path);
  await syncDirectory(dirname(path));
}

function ignoreMissing(error: unknown): undefined {
  if (errnoOf(error) !== "ENOENT") throw error;
  return undefined;
}
