import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, open, readlink, realpath } from "node:fs/promises";
import { sep } from "node:path";
import type { Json } from "./events.ts";

/** A state as terraform wrote it, with what names it. */
export interface ValidState {
  readonly kind: "valid";
  readonly lineage: string;
  readonly serial: number;
  /** "" in a state that OpenTofu encrypted. */
  readonly terraformVersion: string;
  /** Of the content, lower-case hex. */
  readonly sha256: string;
  readonly bytes: number;
  readonly content: Buffer;
}

/**
 * What lies where a state should be. Terraform rewrites the file in place, so an `empty` or `torn` one is seen often while it
 * runs; after a kill it stays so. `refused` is what a job may have put there.
 */
export type StateFile =
  | ValidState
  | { readonly kind: "missing" }
  | { readonly kind: "empty" | "torn" | "refused"; readonly why: string };

/** Greatest state that is read. */
export const maxStateBytes = 256 * 1024 * 1024;

export interface ReadStateOptions {
  readonly maxBytes?: number;
  /** The directory that the job may write to: a file outside of it is refused, even if a link in its path leads there. */
  readonly within?: string;
}

/** Reads a state file that a job can write to: no link is followed, and only a regular file of bounded size is read. */
export async function readStateFile(
  path: string,
  { maxBytes = maxStateBytes, within }: ReadStateOptions = {},
): Promise<StateFile> {
  const opened = await openState(path);
  if ("kind" in opened) return opened;
  await using file = opened;
  const found = await file.stat();
  if (!found.isFile()) return { kind: "refused", why: "it is no regular file" };
  if (within !== undefined && !(await liesWithin(file, within))) {
    return { kind: "refused", why: "it lies outside of the job's directory" };
  }
  if (found.size > maxBytes) return { kind: "refused", why: `it is larger than ${maxBytes} bytes` };
  return parseState(await readUpTo(file, maxBytes, found.size), maxBytes);
}

/** Asks the system where the open file is, so that nobody can change the path meanwhile. Without /proc there is no answer. */
async function liesWithin(file: FileHandle, directory: string): Promise<boolean> {
  if (process.platform !== "linux") return true;
  const place = await readlink(`/proc/self/fd/${file.fd}`);
  return place.startsWith(`${await realpath(directory)}${sep}`);
}

async function openState(path: string): Promise<FileHandle | StateFile> {
  try {
    return await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "ENOENT") return { kind: "missing" };
    if (code === "ELOOP") return { kind: "refused", why: "it is a link" };
    if (code === "ENOTDIR" || code === "EACCES" || code === "ENXIO")
      return { kind: "refused", why: `it cannot be opened (${code})` };
    throw error;
  }
}

/** A file that grows while it is read ends at the limit. */
async function readUpTo(file: FileHandle, maxBytes: number, expectedBytes: number): Promise<Buffer> {
  const chunkBytes = Math.max(expectedBytes + 1, 16 * 1024);
  const chunks: Buffer[] = [];
  let total = 0;
  for (;;) {
    const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(chunkBytes), 0, chunkBytes, total);
    if (bytesRead === 0 || total > maxBytes) return Buffer.concat(chunks);
    chunks.push(buffer.subarray(0, bytesRead));
    total += bytesRead;
  }
}

/** The state in these bytes, if they are one in whole. */
export function parseState(content: Buffer, maxBytes: number = maxStateBytes): StateFile {
  if (content.length > maxBytes) return { kind: "refused", why: `it is larger than ${maxBytes} bytes` };
  const parsed = parseObject(content);
  if (parsed === undefined)
    return content.toString("latin1").trim() === ""
      ? { kind: "empty", why: "it is empty" }
      : { kind: "torn", why: "it is no whole JSON" };
  const { version, lineage, serial, terraform_version: terraformVersion, encrypted_data: encrypted } = parsed;
  const isState = version === 4 || typeof encrypted === "string";
  if (!isState || typeof lineage !== "string" || lineage === "" || !isSerial(serial)) {
    return { kind: "refused", why: "it is no state of format 4 with lineage and serial" };
  }
  const sha256 = createHash("sha256").update(content).digest("hex");
  const writer = typeof terraformVersion === "string" ? terraformVersion : "";
  return { kind: "valid", lineage, serial, terraformVersion: writer, sha256, bytes: content.length, content };
}

const isSerial = (value: unknown): value is number =>
  typeof value === "number" && Number.isSafeInteger(value) && value >= 0;

function parseObject(content: Buffer): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(content.toString("utf8"));
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : { value };
  } catch {
    return undefined;
  }
}

/** An output as the state holds it: `value` is in clear even when it is sensitive. */
export interface StateOutput {
  readonly name: string;
  readonly sensitive: boolean;
  /** A type in cty's JSON form: "string", ["list", "string"], … */
  readonly type: Json;
  readonly value: Json;
}

/** The outputs of a state, by name. */
export function outputsOf(content: Buffer): readonly StateOutput[] {
  const outputs = (parseObject(content)?.outputs ?? {}) as Readonly<Record<string, Partial<StateOutput>>>;
  return Object.entries(outputs)
    .map(([name, { sensitive = false, type = "dynamic", value = null }]) => ({ name, sensitive, type, value }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

interface StoredResource {
  readonly mode?: string;
  readonly provider?: string;
  readonly instances?: readonly unknown[];
}

const resourcesIn = (content: Buffer): readonly StoredResource[] =>
  (parseObject(content)?.resources ?? []) as readonly StoredResource[];

/** How many managed objects a state holds; data sources are not counted. */
export const resourcesOf = (content: Buffer): number =>
  resourcesIn(content)
    .filter(({ mode }) => mode === "managed")
    .reduce((sum, { instances = [] }) => sum + instances.length, 0);

const builtIn = 'provider["terraform.io/builtin/terraform"]';

/** True when a state holds objects of a provider that has to be installed, even if the configuration names it no more. */
export const stateNeedsInit = (content: Buffer): boolean =>
  resourcesIn(content).some(({ provider }) => provider?.endsWith(builtIn) !== true);
