import { createHash } from "node:crypto";
import { chmod, copyFile, type FileHandle, open, readdir, rename, rm, stat, statfs, utimes } from "node:fs/promises";
import { join } from "node:path";
import { abortable } from "../../lib/async/abort.ts";
import { KeyedTurns } from "../../lib/async/keyed-turns.ts";
import type { Clock } from "../../lib/clock.ts";
import { errnoOf } from "../../lib/values/errors.ts";
import { bytesOf } from "../../lib/values/streams.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import { isOutOfSpace, makePrivateDirectory } from "../disk/durable-files.ts";

/** A secret is a plan, what it made, or a state: it is kept for its apply, and no longer than that. */
export type CachedKind = "configuration" | "secret";

export interface CachedObject {
  readonly kind: CachedKind;
  readonly sizeBytes: number;
  /** In hex. */
  readonly sha256: string;
  /** For messages: `the plan`. */
  readonly what: string;
}

export interface DownloadCacheOptions {
  readonly directory: string;
  readonly maxBytes: number;
  /** With less free space than this nothing is kept. */
  readonly minFreeBytes: number;
  readonly clock: Clock;
}

const keptMs: Readonly<Record<CachedKind, number>> = { configuration: 24 * 3_600_000, secret: 3_600_000 };
const shape = /^[0-9a-f]{64}\.(configuration|secret)(\.part)?$/;

/** One job's wish for an object. */
export interface Placing {
  /** Fetches what is missing of the file, and tells of bytes as they come. */
  readonly fetch: (part: string, onBytes: (bytes: number) => void) => Promise<void>;
  /** Hears of bytes, whichever job they come for. */
  readonly onBytes: (bytes: number) => void;
  readonly signal: AbortSignal;
}

interface Entry {
  readonly name: string;
  readonly kind: CachedKind;
  readonly bytes: number;
  readonly usedAt: Date;
}

/**
 * What was fetched, by SHA-256, so that it is fetched once: across offers, restarts, and from a plan to its apply. What
 * is given out is a copy whose content was verified at that moment. It holds at most `maxBytes`; what was used
 * longest ago goes first.
 */
export class DownloadCache {
  readonly #options: DownloadCacheOptions;
  readonly #turns = new KeyedTurns();
  /** What is being fetched: it is not tidied away. */
  readonly #busy = new Map<string, Set<Placing>>();

  constructor(options: DownloadCacheOptions) {
    this.#options = options;
  }

  /**
   * Puts an object at `path`: from here, or fetched by `fetch` into a file that may hold the beginning of it already.
   * What turns out to be another object is fetched once more from its beginning. Jobs that want the same at once wait
   * for one another, and hear of the bytes that come for the one that fetches.
   */
  async place(object: CachedObject, path: string, placing: Placing): Promise<void> {
    const { signal, fetch } = placing;
    const name = nameOf(object);
    const all = this.#busy.get(name) ?? new Set();
    this.#busy.set(name, all.add(placing));
    const onBytes = (bytes: number) => {
      for (const each of all) each.onBytes(bytes);
    };
    let hasGrown = false;
    const turn = this.#turns.take(name, async () => {
      signal.throwIfAborted();
      const whole = join(this.#options.directory, name);
      if (await this.#isGiven(whole, path, object)) return;
      hasGrown = true;
      await makePrivateDirectory(this.#options.directory);
      await this.#fetchWhole(object, { whole, fetch: (part) => fetch(part, onBytes) });
      if (!(await this.#isGiven(whole, path, object))) throw otherThan(object, "another one");
    });
    try {
      await abortable(turn, signal);
    } finally {
      all.delete(placing);
      if (all.size === 0) this.#busy.delete(name);
      if (hasGrown || signal.aborted) await this.tidy();
    }
  }

  /** Gives a copy away, or the object itself where there is room for one of them alone. */
  async #isGiven(whole: string, path: string, object: CachedObject): Promise<boolean> {
    const isRoomy = await this.#hasRoom(object.sizeBytes);
    if (!(await isPlaced(whole, path, { object, isCopy: isRoomy }))) return false;
    if (isRoomy) await this.#touch(whole).catch(() => {});
    return true;
  }

  /** Whether so much more leaves enough for jobs. */
  async #hasRoom(bytes: number): Promise<boolean> {
    const { bavail, bsize } = await statfs(this.#options.directory).catch(nothingFree);
    return bavail * bsize - bytes > this.#options.minFreeBytes;
  }

  /** Keeps a copy of a file that was made here, if there is room for it. */
  async keep(object: CachedObject, path: string): Promise<void> {
    const name = nameOf(object);
    await this.#turns.take(name, async () => {
      const whole = join(this.#options.directory, name);
      try {
        await makePrivateDirectory(this.#options.directory);
        if (!(await this.#hasRoom(object.sizeBytes))) return;
        await copyFile(path, `${whole}.part`);
        await chmod(`${whole}.part`, 0o600);
        // A job may have put something else in its place meanwhile.
        if ((await contentOf(`${whole}.part`))?.sha256 === object.sha256) await rename(`${whole}.part`, whole);
        else await rm(`${whole}.part`);
      } catch (error) {
        await rm(`${whole}.part`, { force: true });
        if (!isOutOfSpace(error)) throw error;
      }
    });
    await this.tidy();
  }

  /** Forgets an object: nobody needs it any more. */
  async forget(object: Pick<CachedObject, "kind" | "sha256">): Promise<void> {
    const name = nameOf(object);
    if (this.#busy.has(name)) return;
    for (const each of [name, `${name}.part`]) await rm(join(this.#options.directory, each), { force: true });
  }

  /** Removes what is too old, and what has no room. */
  async tidy(): Promise<void> {
    const nowMs = this.#options.clock.now().getTime();
    const entries = (await this.#entries()).filter(({ name }) => !this.#isBusy(name));
    const isOld = ({ kind, usedAt }: Entry) => nowMs - usedAt.getTime() > keptMs[kind];
    const byUse = entries.toSorted((a, b) => Number(isOld(b)) - Number(isOld(a)) || +a.usedAt - +b.usedAt);
    let bytes = entries.reduce((sum, entry) => sum + entry.bytes, 0);
    for (const entry of byUse) {
      if (!isOld(entry) && bytes <= this.#options.maxBytes) return;
      await rm(join(this.#options.directory, entry.name), { force: true });
      bytes -= entry.bytes;
    }
  }

  /** Gives its room away, but for what is being fetched; true if there was any. */
  async clear(): Promise<boolean> {
    const entries = (await this.#entries()).filter(({ name }) => !this.#isBusy(name));
    for (const { name } of entries) await rm(join(this.#options.directory, name), { force: true });
    return entries.some(({ bytes }) => bytes > 0);
  }

  #isBusy(name: string): boolean {
    return this.#busy.has(name.replace(/\.part$/, ""));
  }

  async #fetchWhole(
    object: CachedObject,
    { whole, fetch }: { readonly whole: string; readonly fetch: (part: string) => Promise<void> },
  ): Promise<void> {
    const part = `${whole}.part`;
    for (let attempt = 1; ; attempt += 1) {
      const hadBytes = await stat(part).then(
        ({ size }) => size > 0,
        () => false,
      );
      await fetch(part).catch(async (error: unknown) => {
        if (isOutOfSpace(error)) await rm(part, { force: true });
        if (!(error instanceof WindlassError) || error.code !== "checksum_mismatch") throw error;
        await rm(part, { force: true });
        if (attempt > 1 || !hadBytes) throw otherThan(object, error.message);
      });
      const got = await contentOf(part);
      if (got?.sha256 === object.sha256) break;
      await rm(part, { force: true });
      // What lay there before may have been another object; what came in one go was not.
      if (got !== undefined && (attempt > 1 || !hadBytes))
        throw otherThan(object, `${got.bytes} bytes with SHA-256 ${got.sha256}`);
    }
    await rename(part, whole);
  }

  /** The time of its last use; a secret's hour begins when it comes. */
  async #touch(path: string): Promise<void> {
    const now = this.#options.clock.now();
    if (!path.endsWith(".secret")) await utimes(path, now, now);
  }

  async #entries(): Promise<readonly Entry[]> {
    const { directory } = this.#options;
    const names = await readdir(directory).catch(() => []);
    const entries: Entry[] = [];
    for (const name of names) {
      const kind = kindOf(name);
      const found = await stat(join(directory, name)).catch(() => undefined);
      if (found === undefined) continue;
      if (kind === undefined) await rm(join(directory, name), { recursive: true, force: true });
      else entries.push({ name, kind, bytes: found.size, usedAt: found.mtime });
    }
    return entries;
  }
}

/** The directory is not there yet. */
function nothingFree(error: unknown) {
  if (errnoOf(error) !== "ENOENT") throw error;
  return { bavail: 0, bsize: 0 };
}

const tidyEveryMs = 60_000;

/** Removes what is too old, now and then, until the signal is aborted. */
export async function tidyUntil(cache: DownloadCache, clock: Clock, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await cache.tidy().catch(() => {});
    await clock.sleep(tidyEveryMs, signal).catch(() => {});
  }
}

/** Undefined: it is no name of the cache. */
function kindOf(name: string): CachedKind | undefined {
  const [, kind] = shape.exec(name) ?? [];
  return kind === "configuration" || kind === "secret" ? kind : undefined;
}

const nameOf = ({ sha256, kind }: Pick<CachedObject, "sha256" | "kind">): string => `${sha256}.${kind}`;

interface Placed {
  readonly object: CachedObject;
  /** False: it goes from where it was. */
  readonly isCopy: boolean;
}

/** Copies or moves a file, and verifies its content. If that is another object, both files are removed. */
async function isPlaced(from: string, to: string, { object: { sha256 }, isCopy }: Placed): Promise<boolean> {
  try {
    await (isCopy ? copyFile(from, to) : rename(from, to));
    if ((await contentOf(to))?.sha256 === sha256) return true;
    await rm(from, { force: true });
  } catch (error) {
    if (isOutOfSpace(error)) throw error;
  }
  await rm(to, { force: true });
  return false;
}

async function contentOf(path: string): Promise<{ readonly bytes: number; readonly sha256: string } | undefined> {
  const file = await open(path, "r").catch(() => undefined);
  if (file === undefined) return undefined;
  await using opened = file;
  const hash = createHash("sha256");
  let bytes = 0;
  for await (const chunk of piecesOf(opened, (await opened.stat()).size)) {
    hash.update(chunk);
    bytes += chunk.length;
  }
  return { bytes, sha256: hash.digest("hex") };
}

/** A small file is read in one go: a stream costs more than all of it. */
async function* piecesOf(file: FileHandle, size: number): AsyncGenerator<Uint8Array> {
  if (size <= smallBytes) yield await file.readFile();
  else yield* bytesOf(file.createReadStream({ autoClose: false }));
}

const smallBytes = 64 * 1024;

function otherThan({ what, sizeBytes, sha256 }: CachedObject, got: string): WindlassError {
  const wanted = `${sizeBytes} bytes with SHA-256 ${sha256}`;
  return new WindlassError("checksum_mismatch", `${what} is not what was announced: expected ${wanted}, got ${got}`);
}
