import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { rcompare } from "semver";
import * as z from "zod";
import type { Clock } from "../../../lib/clock.ts";
import { createSynced, syncDirectory } from "../../../lib/fs/durable.ts";
import type { Random } from "../../../lib/random.ts";
import { errnoOf } from "../../../lib/values/errors.ts";
import type { EngineName } from "../engine.ts";

const recordShape = z.object({
  engine: z.enum(["terraform", "tofu"]),
  version: z.string(),
  platform: z.string(),
  zipSha256: z.string().regex(/^[0-9a-f]{64}$/),
  programSha256: z.string().regex(/^[0-9a-f]{64}$/),
  /** Where it came from, for people. */
  source: z.string(),
  /** Owner and fingerprint of the key. */
  signedBy: z.string(),
});

/** What is known of a downloaded program, written when it was verified. */
export type EngineRecord = Readonly<z.infer<typeof recordShape>>;

export interface CachedEngine extends EngineRecord {
  readonly file: string;
}

const recordName = "record.json";
const leftoverMs = 24 * 3_600_000;

/**
 * Downloaded programs, each in a directory named by the SHA-256 of its zip. A directory appears in whole, by a rename,
 * so several agents may share a cache; what was changed since it was written is not used.
 */
export class EngineCache {
  readonly #dir: string;
  readonly #clock: Clock;
  readonly #random: Random;
  /** Identities of files whose content was hashed; a change of any kind changes the identity. */
  readonly #known = new Map<string, string>();

  constructor(dir: string, { clock, random }: { readonly clock: Clock; readonly random: Random }) {
    this.#dir = dir;
    this.#clock = clock;
    this.#random = random;
  }

  /** What claims to be there, newest version first. */
  async list(engine: EngineName, platform: string): Promise<readonly CachedEngine[]> {
    const names = (await readdir(this.#dir).catch(() => [])).filter((name) => /^[0-9a-f]{64}$/.test(name));
    const all = await Promise.all(names.map((name) => this.find(name)));
    return all
      .filter((found) => found?.engine === engine && found.platform === platform)
      .filter((found) => found !== undefined)
      .sort((a, b) => rcompare(a.version, b.version));
  }

  /** What claims to come from a zip. */
  async find(zipSha256: string): Promise<CachedEngine | undefined> {
    const dir = join(this.#dir, zipSha256);
    try {
      const record = recordShape.parse(JSON.parse(await readFile(join(dir, recordName), "utf8")));
      return record.zipSha256 === zipSha256 ? { ...record, file: join(dir, record.engine) } : undefined;
    } catch {
      return undefined;
    }
  }

  /**
   * True when the program is what was verified. Its content is read again whenever the file is another one than last
   * time.
   */
  async isIntact({ file, programSha256 }: CachedEngine): Promise<boolean> {
    const before = await identityOf(file);
    if (before === undefined) return false;
    if (this.#known.get(file) === `${before} ${programSha256}`) return true;
    const isSame = (await sha256Of(file)) === programSha256 && (await identityOf(file)) === before;
    if (isSame) this.#known.set(file, `${before} ${programSha256}`);
    return isSame;
  }

  /** A new directory for one download; `keep` or `drop` it. */
  async draft(): Promise<string> {
    await mkdir(this.#dir, { recursive: true, mode: 0o700 });
    await this.#dropLeftovers();
    const dir = join(this.#dir, `partial-${this.#random.uuid()}`);
    await mkdir(dir, { mode: 0o700 });
    return dir;
  }

  /** Makes a draft with a verified program the cached one; another agent may have been faster. */
  async keep(draft: string, record: EngineRecord): Promise<CachedEngine> {
    await createSynced(join(draft, recordName), JSON.stringify(record));
    await syncDirectory(draft);
    const dir = join(this.#dir, record.zipSha256);
    for (;;) {
      try {
        await rename(draft, dir);
        await syncDirectory(this.#dir);
        return { ...record, file: join(dir, record.engine) };
      } catch (error) {
        if (!isOccupied(error)) throw error;
      }
      const other = await this.find(record.zipSha256);
      if (other !== undefined && (await this.isIntact(other))) {
        await this.drop(draft);
        return other;
      }
      await this.discard(record.zipSha256);
    }
  }

  /** Removes what is not intact; it vanishes at once. */
  async discard(zipSha256: string): Promise<void> {
    const away = join(this.#dir, `partial-${this.#random.uuid()}`);
    await rename(join(this.#dir, zipSha256), away).catch(() => {});
    await this.drop(away);
  }

  async drop(draft: string): Promise<void> {
    await rm(draft, { recursive: true, force: true });
  }

  /** Downloads that ended with their process. */
  async #dropLeftovers(): Promise<void> {
    const nowMs = this.#clock.now().getTime();
    for (const name of await readdir(this.#dir)) {
      if (!name.startsWith("partial-")) continue;
      const found = await stat(join(this.#dir, name)).catch(() => undefined);
      if (found !== undefined && nowMs - found.mtimeMs > leftoverMs) await this.drop(join(this.#dir, name));
    }
  }
}

/** Changes with every write to a file and every other file under its name: the change time is the kernel's. */
async function identityOf(file: string): Promise<string | undefined> {
  const found = await stat(file, { bigint: true }).catch(() => undefined);
  if (found?.isFile() !== true) return undefined;
  return [found.dev, found.ino, found.size, found.mode, found.mtimeNs, found.ctimeNs].join(" ");
}

async function sha256Of(file: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const bytes of createReadStream(file, { highWaterMark: 1024 * 1024 })) hash.update(bytes);
  return hash.digest("hex");
}

const isOccupied = (error: unknown): boolean => ["ENOTEMPTY", "EEXIST"].includes(errnoOf(error) ?? "");
