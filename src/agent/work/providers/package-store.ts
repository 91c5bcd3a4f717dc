import { statfs } from "node:fs/promises";
import { join } from "node:path";
import { linkSignals } from "../../../lib/async/abort.ts";
import { Places } from "../../../lib/async/places.ts";
import type { Clock } from "../../../lib/clock.ts";
import type { Log } from "../../../lib/program/log.ts";
import type { Random } from "../../../lib/random.ts";
import { messageOf } from "../../../lib/values/errors.ts";
import { parseVersionConstraint } from "../../../lib/words/version-constraint.ts";
import {
  type CachedPackage,
  digestOfHashes,
  isAcceptable,
  PackageCache,
} from "../../../terraform/packages/package-cache.ts";
import type { DownloadProgress } from "./engine-init.ts";
import { type Fetched, fetchPackage, isFetchable, type PackageSource, type WantedPackage } from "./fetch-package.ts";
import { makeRoom, usedPackages } from "./package-room.ts";

export interface PackageStoreOptions {
  /** Of the agent; the cache lies in it, and the jobs that use it. */
  readonly dataDir: string;
  /** 0 is no cache. */
  readonly maxBytes: number;
  /** Space that is left to jobs and their states: with less, nothing is fetched. */
  readonly minFreeBytes: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** A provider of a job, and where it may be fetched. */
export interface PackageRequest extends WantedPackage {
  readonly domain: string;
  readonly source: Omit<PackageSource, "maxBytes" | "onProgress" | "clock">;
}

/** A fetch that is under way. */
export interface Running {
  readonly done: Promise<CachedPackage | undefined>;
  /** How far it is. */
  readonly progress: DownloadProgress;
}

/** How long a provider that could not be fetched is left to the jobs themselves. */
const failureMs = 600_000;
/** Without a lock file a version is taken from the cache only while its source has had it so lately. */
const freshMs = 24 * 3_600_000;
const mostAtOnce = 8;

/** The providers that this agent has fetched for its jobs. Several jobs that need the same one share its download. */
export class PackageStore implements AsyncDisposable {
  readonly #options: PackageStoreOptions;
  readonly #cache: PackageCache;
  readonly #running = new Map<string, Running>();
  readonly #turns = new Map<string, Promise<unknown>>();
  readonly #failedAtMs = new Map<string, number>();
  readonly #later = new Set<Promise<void>>();
  readonly #stopping = new AbortController();
  /** What reads and writes which packages are used goes one after the other. */
  #turn: Promise<unknown> = Promise.resolve();
  readonly #places = new Places(mostAtOnce);

  constructor(options: PackageStoreOptions) {
    this.#options = options;
    this.#cache = new PackageCache(join(options.dataDir, "providers"), options);
  }

  get isOff(): boolean {
    return this.#options.maxBytes === 0;
  }

  /** The package that a lock file with these hashes takes, if it is there and unchanged. */
  async find({ domain, address, version, hashes }: PackageRequest): Promise<CachedPackage | undefined> {
    const found = await this.#cache.find({ domain, address, version });
    if (found === undefined || (hashes.length > 0 && !isAcceptable(found, hashes))) return undefined;
    return (await this.#isIntact(found)) ? found : undefined;
  }

  /** What a domain's sources have had lately. */
  async fresh(domain: string): Promise<readonly CachedPackage[]> {
    const found = (await this.#cache.list(domain)).filter((one) => this.#isRecent(one));
    const intact = await Promise.all(found.map((one) => this.#isIntact(one)));
    return found.filter((_, index) => intact[index]);
  }

  /** True if there is a version that the constraints take and that its sources have had lately. */
  async isFresh(request: PackageRequest): Promise<boolean> {
    return (await this.#newestKnown(request)) !== undefined;
  }

  /** Fetches a provider, or joins a fetch of it; undefined when that fails, or failed lately. */
  fetch(request: PackageRequest): Running {
    const key = keyOf(request);
    const known = this.#running.get(key);
    if (known !== undefined) return known;
    const running: { progress: DownloadProgress; readonly done: Running["done"] } = {
      progress: { bytes: 0, totalBytes: undefined },
      done: this.#inTurn(request, (progress) => (running.progress = progress)),
    };
    this.#running.set(key, running);
    void running.done.finally(() => this.#running.delete(key));
    return running;
  }

  /** Fetches what jobs to come may need, one after the other, while nobody waits. */
  fetchLater(requests: readonly PackageRequest[]): void {
    const all = async () => {
      for (const request of requests) if (!this.#stopping.signal.aborted) await this.fetch(request).done;
    };
    const later = all().catch(() => {});
    this.#later.add(later);
    void later.then(() => this.#later.delete(later));
  }

  /** Fetches of one version follow each other: the first may bring what the next one wants. */
  #inTurn(request: PackageRequest, onProgress: OnProgress): Promise<CachedPackage | undefined> {
    const name = keyOf({ ...request, hashes: [] });
    const before = this.#turns.get(name) ?? Promise.resolve();
    const done = before.then(async () => (await this.#known(request)) ?? this.#fetchOnce(request, onProgress));
    const over = done.catch(() => {});
    this.#turns.set(name, over);
    void over.then(() => this.#turns.get(name) === over && this.#turns.delete(name));
    return done;
  }

  /** What makes a fetch needless. */
  async #known(request: PackageRequest): Promise<CachedPackage | undefined> {
    if (request.version === "") return this.#newestKnown(request);
    const found = await this.find(request);
    const isStale = found !== undefined && request.hashes.length === 0 && !this.#isRecent(found);
    return isStale ? undefined : found;
  }

  /** A version that the constraints take and that its sources have had lately. */
  async #newestKnown({ domain, address, constraints = "" }: PackageRequest): Promise<CachedPackage | undefined> {
    const allowed = parseVersionConstraint(constraints);
    const found = await this.fresh(domain);
    return found.find((one) => one.address === address && allowed?.allows(one.version) === true);
  }

  #isRecent({ fetchedAtMs }: CachedPackage): boolean {
    return this.#options.clock.now().getTime() - fetchedAtMs < freshMs;
  }

  /** Lets `use` write down which packages a job uses; meanwhile none is removed. */
  async using<T>(use: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(use);
    this.#turn = turn.catch(() => {});
    return turn;
  }

  /** Marks packages as used now. */
  async touch(packages: readonly CachedPackage[]): Promise<void> {
    for (const one of packages) await this.#cache.touch(one);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort(new Error("the agent stops"));
    await Promise.allSettled([...this.#running.values()].map(({ done }) => done));
    await Promise.all(this.#later);
    await this.#turn;
  }

  async #isIntact(one: CachedPackage): Promise<boolean> {
    if (await this.#cache.isIntact(one)) return true;
    const { address, version } = one;
    this.#options.log.error({ provider: address, version }, "a cached provider is not what was fetched: it is removed");
    await this.#cache.discard(one.entry);
    return false;
  }

  async #fetchOnce(request: PackageRequest, onProgress: OnProgress): Promise<CachedPackage | undefined> {
    const { clock, log } = this.#options;
    const { address, version } = request;
    const key = keyOf(request);
    const failedAtMs = this.#failedAtMs.get(key);
    if (!isFetchable(request) || (failedAtMs !== undefined && clock.monotonicMs() - failedAtMs < failureMs))
      return undefined;
    using _place = await this.#places.take();
    try {
      const kept = await this.#fetchNow(request, onProgress);
      if (kept === undefined) this.#failedAtMs.set(key, clock.monotonicMs());
      else log.info({ provider: address, version: kept.version, bytes: kept.bytes }, "provider fetched for the cache");
      return kept;
    } catch (error) {
      if (this.#stopping.signal.aborted) return undefined;
      this.#failedAtMs.set(key, clock.monotonicMs());
      log.warn({ provider: address, version, reason: messageOf(error) }, "a provider was not fetched for the cache");
      return undefined;
    }
  }

  async #fetchNow(request: PackageRequest, onProgress: OnProgress): Promise<CachedPackage | undefined> {
    const { clock, maxBytes } = this.#options;
    await this.#refuseFullDisk();
    const draft = await this.#cache.draft();
    try {
      const { signal } = this.#stopping;
      using over = linkSignals(signal);
      const source = { ...request.source, clock, maxBytes, onProgress };
      const fetched = await fetchPackage(request, source, { draft, signal: over.signal });
      if (fetched.kind === "linked") return undefined;
      return await this.using(async () => {
        const kept = await this.#keep(request.domain, fetched);
        await makeRoom(this.#cache, { ...this.#options, newest: kept });
        return kept;
      });
    } finally {
      await this.#cache.drop(draft);
    }
  }

  async #refuseFullDisk(): Promise<void> {
    const { dataDir, minFreeBytes } = this.#options;
    const { bavail, bsize } = await statfs(dataDir);
    if (bavail * bsize < minFreeBytes) throw new Error(`the disk of ${dataDir} is nearly full`);
  }

  /**
   * A package that is there already only learns which lock files take it; one with another content gives way, unless a
   * job uses it.
   */
  async #keep(domain: string, { root, record }: Extract<Fetched, { kind: "unpacked" }>): Promise<CachedPackage> {
    const { dataDir } = this.#options;
    const there = await this.#cache.find({ domain, ...record });
    if (there === undefined || !(await this.#isIntact(there))) return this.#cache.keep(root, domain, record);
    if (there.h1 === record.h1) {
      const vouchedFor = [...new Set([...there.vouchedFor, ...record.vouchedFor])];
      const { fetchedAtMs } = record;
      const hashes = record.hashes.length > there.hashes.length ? record.hashes : there.hashes;
      const { entry: _entry, root: _root, ...known } = there;
      return this.#cache.amend(there, { ...known, hashes, vouchedFor, fetchedAtMs });
    }
    if ((await usedPackages(dataDir)).has(there.root)) throw new Error("another package of this version is in use");
    return this.#cache.keep(root, domain, record);
  }
}

type OnProgress = (progress: DownloadProgress) => void;

const keyOf = ({ domain, address, version, constraints = "", hashes }: PackageRequest): string =>
  [domain, address, version === "" ? JSON.stringify(constraints) : version, digestOfHashes(hashes)].join(" ");
