import { createHash } from "node:crypto";
import { chmod, mkdir, readdir, readFile, rename, rm, stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import * as z from "zod";
import type { Clock } from "../../lib/clock.ts";
import { createSynced } from "../../lib/fs/durable.ts";
import type { Random } from "../../lib/random.ts";
import { hashPackage, lookAtPackage } from "./dir-hash.ts";

const recordShape = z.object({
  address: z.string(),
  version: z.string(),
  platform: z.string(),
  /** Of the unpacked package, computed here. */
  h1: z.string(),
  /** Every hash that its source gives for this version, of other platforms too. */
  hashes: z.array(z.string()).readonly(),
  bytes: z.number(),
  /** When its source had it last. */
  fetchedAtMs: z.number(),
  /** Sets of hashes of lock files under which terraform has installed this package: a digest each. */
  vouchedFor: z.array(z.string()).readonly(),
});

/** What is known of a package, written when it was fetched. */
export type PackageRecord = Readonly<z.infer<typeof recordShape>>;

export interface CachedPackage extends PackageRecord {
  /** The directory of the unpacked package. */
  readonly root: string;
  readonly entry: string;
}

/** Of a provider, from one circle of sources: what one of them says of a package counts for no other. */
export interface PackageName {
  readonly domain: string;
  readonly address: string;
  readonly version: string;
}

const recordName = "record.json";
const leftoverMs = 3_600_000;

/** The digest of a lock file's hashes of one provider. */
export const digestOfHashes = (hashes: readonly string[]): string =>
  createHash("sha256")
    .update([...hashes].sort().join("\n"))
    .digest("hex");

/** True when a lock file with these hashes takes the package. */
export const isAcceptable = ({ h1, vouchedFor }: PackageRecord, hashes: readonly string[]): boolean =>
  hashes.includes(h1) || vouchedFor.includes(digestOfHashes(hashes));

/**
 * Unpacked packages of providers, each in a directory of its own that appears in whole, by a rename. What was changed
 * since it was written is not used. One process at a time has it.
 */
export class PackageCache {
  readonly #dir: string;
  readonly #clock: Clock;
  readonly #random: Random;
  /** Identities of packages whose content was hashed. */
  readonly #known = new Map<string, string>();

  constructor(dir: string, { clock, random }: { readonly clock: Clock; readonly random: Random }) {
    this.#dir = dir;
    this.#clock = clock;
    this.#random = random;
  }

  /** What claims to be there. */
  async find(name: PackageName): Promise<CachedPackage | undefined> {
    return this.#at(this.#entryOf(name));
  }

  /** What claims to be there of a domain, or of all. */
  async list(domain?: string): Promise<readonly CachedPackage[]> {
    const domains = domain === undefined ? await namesIn(this.#dir) : [domain];
    const entries = await Promise.all(
      domains.map(async (one) => (await namesIn(join(this.#dir, one))).map((name) => join(this.#dir, one, name))),
    );
    const found = await Promise.all(entries.flat().map((entry) => this.#at(entry)));
    return found.filter((one) => one !== undefined);
  }

  /** True when the package is what was fetched. Its files are read again whenever one is another than last time. */
  async isIntact({ root, h1, entry }: CachedPackage): Promise<boolean> {
    try {
      const content = await lookAtPackage(root);
      if (this.#known.get(entry) === `${content.identity} ${h1}`) return true;
      if ((await hashPackage(root, content)) !== h1) return false;
      if ((await lookAtPackage(root)).identity !== content.identity) return false;
      this.#known.set(entry, `${content.identity} ${h1}`);
      return true;
    } catch {
      return false;
    }
  }

  /** Marks a package as used now: what was not used for longest goes first. */
  async touch({ entry }: CachedPackage): Promise<void> {
    const now = this.#clock.now();
    await utimes(join(entry, recordName), now, now).catch(() => {});
  }

  /** When a package was used last. */
  async usedAtMs({ entry }: CachedPackage): Promise<number> {
    return (await stat(join(entry, recordName)).catch(() => undefined))?.mtimeMs ?? 0;
  }

  /** A new directory for one download; `keep` or `drop` it. */
  async draft(): Promise<string> {
    await mkdir(this.#dir, { recursive: true, mode: 0o700 });
    await this.#dropLeftovers();
    const dir = join(this.#dir, `partial-${this.#random.uuid()}`);
    await mkdir(dir, { mode: 0o700 });
    return dir;
  }

  /** Makes an unpacked package below a draft the cached one, in place of an earlier one. */
  async keep(unpacked: string, domain: string, record: PackageRecord): Promise<CachedPackage> {
    const fresh = await this.draft();
    const root = join(fresh, "package");
    await rename(unpacked, root);
    await seal(root, (await lookAtPackage(root)).files);
    await createSynced(join(fresh, recordName), JSON.stringify(record));
    const entry = this.#entryOf({ domain, ...record });
    await mkdir(join(this.#dir, domain), { recursive: true, mode: 0o700 });
    await this.discard(entry);
    await rename(fresh, entry);
    return { ...record, entry, root: join(entry, "package") };
  }

  /** Writes down more of what is known of a package. */
  async amend({ entry, root }: CachedPackage, record: PackageRecord): Promise<CachedPackage> {
    const partial = join(entry, `${recordName}.partial`);
    await rm(partial, { force: true });
    await createSynced(partial, JSON.stringify(record));
    await rename(partial, join(entry, recordName));
    return { ...record, entry, root };
  }

  /** Removes a package; it vanishes at once. */
  async discard(entry: string): Promise<void> {
    this.#known.delete(entry);
    const away = join(this.#dir, `partial-${this.#random.uuid()}`);
    await rename(entry, away).catch(() => {});
    await this.drop(away);
  }

  async drop(draft: string): Promise<void> {
    await unseal(draft);
    await rm(draft, { recursive: true, force: true });
  }

  #entryOf({ domain, address, version }: PackageName): string {
    const id = createHash("sha256").update(`${address} ${version}`).digest("hex").slice(0, 32);
    return join(this.#dir, domain, id);
  }

  async #at(entry: string): Promise<CachedPackage | undefined> {
    try {
      const record = recordShape.parse(JSON.parse(await readFile(join(entry, recordName), "utf8")));
      return { ...record, entry, root: join(entry, "package") };
    } catch {
      return undefined;
    }
  }

  /** Downloads that ended with their process. */
  async #dropLeftovers(): Promise<void> {
    const nowMs = this.#clock.now().getTime();
    for (const name of (await readdir(this.#dir)).filter((one) => one.startsWith("partial-"))) {
      const found = await stat(join(this.#dir, name)).catch(() => undefined);
      if (found !== undefined && nowMs - found.mtimeMs > leftoverMs) await this.drop(join(this.#dir, name));
    }
  }
}

/** Names are digests; drafts have others. */
const namesIn = async (directory: string): Promise<readonly string[]> =>
  (await readdir(directory).catch(() => [])).filter((name) => /^[0-9a-f]{32,64}$/.test(name));

/** Nobody writes to a package by mistake: what runs may still be a job of the same user. */
async function seal(root: string, files: readonly string[]): Promise<void> {
  for (const file of files) {
    const { mode } = await stat(join(root, file));
    await chmod(join(root, file), (mode & 0o111) === 0 ? 0o444 : 0o555);
  }
}

/** So that it can be removed. */
const unseal = (path: string): Promise<void> => chmod(path, 0o700).catch(() => {});
