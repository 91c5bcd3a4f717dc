import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, open, readlink, realpath } from "node:fs/promises";
import { sep } from "node:path";
import { setImmediate as otherWork } from "node:timers/promises";
import { type JsonScalar, JsonScanner, maxJsonDepth, pieceBytes, scanJson } from "../../lib/json/scan.ts";
import { errnoOf } from "../../lib/values/errors.ts";

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
 * What lies where a state should be. Terraform rewrites the file in place, so an `empty` or `torn` one is seen often
 * while it runs; after a kill it stays so. `refused` is what a job may have put there.
 */
export type StateFile =
  | ValidState
  | { readonly kind: "missing" }
  | { readonly kind: "empty" | "torn" | "refused"; readonly why: string };

/** Greatest state that is read. */
export const maxStateBytes = 256 * 1024 * 1024;

export interface ReadStateOptions {
  readonly maxBytes?: number | undefined;
  /** The directory that the job may write to: a file outside of it is refused, even if a link in its path leads there. */
  readonly within?: string | undefined;
}

/** Reads a state file that a job can write to: no link is followed, and only a regular file of bounded size is read. */
export async function readStateFile(
  path: string,
  { maxBytes = maxStateBytes, within }: ReadStateOptions = {},
): Promise<StateFile> {
  const opened = await openState(path);
  if (opened.kind !== "opened") return opened;
  await using file = opened.file;
  const found = await file.stat();
  if (!found.isFile()) return { kind: "refused", why: "it is no regular file" };
  if (within !== undefined && !(await liesWithin(file, within))) {
    return { kind: "refused", why: "it lies outside of the job's directory" };
  }
  if (found.size > maxBytes) return { kind: "refused", why: `it is larger than ${maxBytes} bytes` };
  return await readWhole(file, found.size);
}

/**
 * Asks the system where the open file is, so that nobody can change the path meanwhile. Without /proc there is no
 * answer.
 */
async function liesWithin(file: FileHandle, directory: string): Promise<boolean> {
  if (process.platform !== "linux") return true;
  const place = await readlink(`/proc/self/fd/${file.fd}`);
  return place.startsWith(`${await realpath(directory)}${sep}`);
}

type OpenedState = { readonly kind: "opened"; readonly file: FileHandle } | Exclude<StateFile, ValidState>;

async function openState(path: string): Promise<OpenedState> {
  try {
    return { kind: "opened", file: await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK) };
  } catch (error) {
    const code = errnoOf(error);
    if (code === "ENOENT") return { kind: "missing" };
    if (code === "ELOOP") return { kind: "refused", why: "it is a link" };
    if (code === "ENOTDIR" || code === "EACCES" || code === "ENXIO")
      return { kind: "refused", why: `it cannot be opened (${code})` };
    throw error;
  }
}

/** Reads the file piece by piece, and nobody has to wait for more than one of them. */
async function readWhole(file: FileHandle, size: number): Promise<StateFile> {
  const content = Buffer.allocUnsafeSlow(size + 1);
  const head = new StateHead();
  let filled = 0;
  while (filled < content.length) {
    const { bytesRead } = await file.read(content, filled, Math.min(pieceBytes, content.length - filled), filled);
    if (bytesRead === 0) return head.finish(content.subarray(0, filled));
    head.push(content.subarray(filled, filled + bytesRead));
    filled += bytesRead;
  }
  return { kind: "torn", why: "it grew while it was read" };
}

/** The state in these bytes, if they are one in whole. */
export async function parseState(content: Buffer, maxBytes: number = maxStateBytes): Promise<StateFile> {
  if (content.length > maxBytes) return { kind: "refused", why: `it is larger than ${maxBytes} bytes` };
  const head = new StateHead();
  for (let at = 0; at < content.length; at += pieceBytes) {
    head.push(content.subarray(at, at + pieceBytes));
    await otherWork();
  }
  return head.finish(content);
}

const headKeys = new Set(["version", "lineage", "serial", "terraform_version", "encrypted_data"]);

/** What names a state, found without building what else is in it: a job may have written anything. */
class StateHead {
  readonly #found = new Map<string, Omit<JsonScalar, "path">>();
  readonly #scanner = new JsonScanner({
    depth: 1,
    onScalar: ({ path: [key = ""], text, isString }) => {
      if (headKeys.has(key)) this.#found.set(key, { text, isString });
    },
  });
  readonly #hash = createHash("sha256");

  push(piece: Buffer): void {
    this.#hash.update(piece);
    this.#scanner.push(piece);
  }

  finish(content: Buffer): StateFile {
    const scanner = this.#scanner;
    if (scanner.isEmpty) return { kind: "empty", why: "it is empty" };
    if (!scanner.finish()) {
      return scanner.isTooDeep
        ? { kind: "refused", why: `it is nested deeper than ${maxJsonDepth}` }
        : { kind: "torn", why: "it is no whole JSON" };
    }
    const lineage = this.#text("lineage");
    const serial = this.#number("serial");
    const isState = this.#number("version") === 4 || this.#text("encrypted_data") !== undefined;
    if (!isState || lineage === undefined || lineage === "" || !isSerial(serial)) {
      return { kind: "refused", why: "it is no state of format 4 with lineage and serial" };
    }
    const terraformVersion = this.#text("terraform_version") ?? "";
    const sha256 = this.#hash.digest("hex");
    return { kind: "valid", lineage, serial, terraformVersion, sha256, bytes: content.length, content };
  }

  #text(key: string): string | undefined {
    const found = this.#found.get(key);
    return found?.isString === true ? found.text : undefined;
  }

  #number(key: string): number | undefined {
    const found = this.#found.get(key);
    return found === undefined || found.isString ? undefined : Number(found.text);
  }
}

const isSerial = (value: unknown): value is number =>
  typeof value === "number" && Number.isSafeInteger(value) && value >= 0;

const builtIn = 'provider["terraform.io/builtin/terraform"]';

/** Of a resource, or of an instance, where the provider has `for_each` in OpenTofu. */
const isProvider = (path: readonly string[]): boolean =>
  path[0] === "resources" &&
  path.at(-1) === "provider" &&
  (path.length === 3 || (path.length === 5 && path[2] === "instances"));

/**
 * True when a state holds objects of a provider that has to be installed, even if the configuration names it no more;
 * also when nobody can tell, because OpenTofu has encrypted it.
 */
export async function stateNeedsInit(content: Buffer): Promise<boolean> {
  let isNeeded = false;
  const onScalar = ({ path, text }: JsonScalar) => {
    if (path.length === 1 && path[0] === "encrypted_data") isNeeded = true;
    if (isProvider(path) && !text.endsWith(builtIn)) isNeeded = true;
  };
  await scanJson(content, new JsonScanner({ depth: 5, onScalar }));
  return isNeeded;
}
