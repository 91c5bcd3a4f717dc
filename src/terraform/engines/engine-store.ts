import { parse, rcompare } from "semver";
import { abortable } from "../../lib/async/abort.ts";
import { type BackoffPolicy, backoffMs } from "../../lib/async/backoff.ts";
import { retry } from "../../lib/async/retry.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Log } from "../../lib/program/log.ts";
import type { Random } from "../../lib/random.ts";
import { isWindlassError } from "../../lib/words/errors.ts";
import { parseVersionConstraint, type VersionConstraint } from "../../lib/words/version-constraint.ts";
import {
  type EngineFound,
  type EngineName,
  type EnginePlaces,
  type EngineRequest,
  engineNames,
  findEngine,
  localPrograms,
} from "./engine.ts";
import { type CachedEngine, EngineCache } from "./releases/engine-cache.ts";
import { platformOf } from "./releases/release.ts";
import type { DownloadRules } from "./releases/release-download.ts";
import { mayBeChosen } from "./releases/release-index.ts";
import { sourceOf } from "./releases/release-source.ts";

export type { DownloadRules } from "./releases/release-download.ts";

export interface EngineStoreOptions {
  /** Where downloads are kept. */
  readonly cacheDir: string;
  /** Programs chosen by the operator: nothing else is used for their engines, and nothing downloaded. */
  readonly enginePaths?: readonly string[] | undefined;
  /** A search path as in PATH. */
  readonly searchPath: string;
  /** Absent is never. */
  readonly downloads?: DownloadRules | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** What an agent's jobs can have. */
export interface EngineInventory {
  readonly programs: readonly { readonly engine: EngineName; readonly version: string }[];
  /** Why something that is there cannot be used, a sentence each. */
  readonly problems: readonly string[];
  /** What may be downloaded, and from where, for people. */
  readonly downloads: readonly { readonly engine: EngineName; readonly source: string }[];
}

/** What was found, with lines for the run about where it comes from. */
export type EngineAnswer = EngineFound & { readonly notes: readonly string[] };

/** What a job asks for. */
interface JobEngineRequest extends Pick<EngineRequest, "engine" | "versionConstraint" | "askedBy"> {
  /** Told what is done about a download, whenever it is something else. */
  readonly onDoing?: ((doing: string) => void) | undefined;
}

/** A download that jobs wait for. */
interface Fetching {
  readonly fetched: Promise<Fetched>;
  readonly listeners: Set<(doing: string) => void>;
  doing: string;
}

/** A program that fits, for this machine. */
interface Wanted {
  readonly engine: EngineName;
  readonly constraint: VersionConstraint;
  readonly platform: string;
}

interface FetchOrder {
  readonly wanted: Wanted;
  readonly rules: DownloadRules;
  readonly tell: (doing: string) => void;
}

type Fetched =
  | { readonly kind: "fetched"; readonly cached: CachedEngine; readonly notes: readonly string[] }
  | { readonly kind: "refused"; readonly why: string; readonly notes: readonly string[] };

const attempts = 3;
const retryBackoff: BackoffPolicy = { firstMs: 2_000, capMs: 10_000 };

/**
 * The programs of an agent: on its search path, in its cache, or downloaded and verified. Several jobs that need the
 * same download share it, and it goes on when they no longer wait. Disposing the store ends downloads.
 */
export class EngineStore implements AsyncDisposable {
  readonly #options: EngineStoreOptions;
  readonly #cache: EngineCache;
  readonly #fetching = new Map<string, Fetching>();
  readonly #stopping = new AbortController();

  constructor(options: EngineStoreOptions) {
    this.#options = options;
    this.#cache = new EngineCache(options.cacheDir, options);
  }

  /** Rejects when aborted, and for faults of this machine such as a full disk. */
  async find({ onDoing = () => {}, ...request }: JobEngineRequest, signal: AbortSignal): Promise<EngineAnswer> {
    const { downloads } = this.#options;
    const places = this.#places;
    const local = await findEngine({ ...request, ...places });
    const constraint = parseVersionConstraint(request.versionConstraint);
    if (local.kind === "found" || constraint === undefined) return { ...local, notes: [] };
    const platform = platformOf(process.platform, process.arch);
    const { isChosen } = await localPrograms(request.engine, places);
    if (isChosen || platform === undefined) return { ...local, notes: [] };
    const wanted = { engine: request.engine, constraint, platform };
    const cached = await this.#fromCache(wanted);
    if (cached !== undefined) return found(cached, [cacheNote(cached)]);
    if (downloads === undefined) return { ...local, notes: [] };
    const fetched = await this.#waitFor(this.#fetch(wanted, downloads), onDoing, signal);
    if (fetched.kind === "fetched") return found(fetched.cached, fetched.notes);
    const message = `${failureOf(request, local)}, and it could not be downloaded: ${fetched.why}`;
    return { kind: "missing", message, notes: fetched.notes };
  }

  /** What jobs can have here: each version once, the newest first. */
  async inventory(): Promise<EngineInventory> {
    const found = await Promise.all(engineNames.map((engine) => this.#inventoryOf(engine)));
    return {
      problems: [...new Set(found.flatMap(({ problems }) => problems))],
      programs: found.flatMap(({ programs }) => programs),
      downloads: found.flatMap(({ downloads }) => downloads),
    };
  }

  async #inventoryOf(engine: EngineName): Promise<EngineInventory> {
    const { downloads: rules } = this.#options;
    const { programs, isChosen, problems } = await localPrograms(engine, this.#places);
    const platform = platformOf(process.platform, process.arch);
    const mayHaveMore = !isChosen && platform !== undefined;
    const cached = mayHaveMore ? await this.#cache.list(engine, platform) : [];
    const versions = new Set([...programs, ...cached].flatMap(({ version }) => parse(version)?.version ?? []));
    const source = { engine, source: sourceOf(engine, rules?.mirror).name };
    return {
      problems,
      programs: [...versions].sort(rcompare).map((version) => ({ engine, version })),
      downloads: mayHaveMore && rules !== undefined ? [source] : [],
    };
  }

  get #places(): EnginePlaces {
    const { enginePaths = [], searchPath: path } = this.#options;
    return { enginePaths, path, signal: this.#stopping.signal };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort(new Error("the agent stops"));
    await Promise.allSettled([...this.#fetching.values()].map(({ fetched }) => fetched));
  }

  async #fromCache({ engine, constraint, platform }: Wanted): Promise<CachedEngine | undefined> {
    for (const one of await this.#cache.list(engine, platform)) {
      if (!mayBeChosen(one.version, constraint)) continue;
      if (await this.#cache.isIntact(one)) return one;
      this.#options.log.error({ file: one.file }, "a cached program is not what was downloaded: it is removed");
      await this.#cache.discard(one.zipSha256);
    }
    return undefined;
  }

  async #waitFor(fetching: Fetching, onDoing: (doing: string) => void, signal: AbortSignal): Promise<Fetched> {
    const { fetched, listeners, doing } = fetching;
    if (doing !== "") onDoing(doing);
    listeners.add(onDoing);
    try {
      return await abortable(fetched, signal);
    } finally {
      listeners.delete(onDoing);
    }
  }

  #fetch(wanted: Wanted, rules: DownloadRules): Fetching {
    const key = `${wanted.engine} ${wanted.constraint.text}`;
    const known = this.#fetching.get(key);
    if (known !== undefined) return known;
    const listeners: Fetching["listeners"] = new Set();
    const tell = (doing: string) => {
      if (doing === fetching.doing) return;
      fetching.doing = doing;
      for (const listener of listeners) listener(doing);
    };
    const fetched = this.#fetchAnew({ wanted, rules, tell }).finally(() => this.#fetching.delete(key));
    const fetching: Fetching = { fetched, listeners, doing: "" };
    this.#fetching.set(key, fetching);
    fetched.catch(() => {});
    return fetching;
  }

  async #fetchAnew({ wanted, rules, tell }: FetchOrder): Promise<Fetched> {
    const { clock, random, log } = this.#options;
    const { engine, constraint } = wanted;
    const notes: string[] = [];
    const say = (line: string) => {
      notes.push(line);
      log.info({ engine, step: line }, "engine download");
    };
    // The libraries for signatures and archives are large, and most agents never need them.
    const { downloadEngine } = await import("./releases/release-download.ts");
    const download = { ...wanted, rules, cache: this.#cache, clock, say, tell };
    const { signal } = this.#stopping;
    const waitMs = (error: unknown, failures: number) => {
      signal.throwIfAborted();
      if (!isWindlassError(error)) throw error;
      const attempt = failures + 1;
      log.warn({ engine, version: constraint.text, attempt, reason: error.message }, "engine download failed");
      if (error.code !== "storage_unavailable" || attempt === attempts) throw error;
      return backoffMs(retryBackoff, failures, random);
    };
    try {
      const cached = await retry({ clock, waitMs }, () => downloadEngine(download, signal), signal);
      return { kind: "fetched", cached, notes: notes.length === 0 ? [cacheNote(cached)] : notes };
    } catch (error) {
      if (signal.aborted || !isWindlassError(error)) throw error;
      const cure = error.code === "storage_unavailable" ? `: ${advice(engine)}` : "";
      return { kind: "refused", why: `${error.message}${cure}`, notes };
    }
  }
}

const found = ({ file, version }: CachedEngine, notes: readonly string[]): EngineAnswer => ({
  kind: "found",
  file,
  version,
  notes,
});

const cacheNote = ({ engine, version, source, zipSha256, signedBy }: CachedEngine): string =>
  `${engine} ${version} is from the agent's cache: downloaded from ${source}, SHA-256 ${zipSha256}, signed by ${signedBy}`;

const advice = (engine: EngineName): string =>
  `let the agent reach it, name a mirror with --engine-mirror, or install ${engine} there`;

/** What lacks, without the advice to install it: a download was tried instead. */
function failureOf(
  { engine, versionConstraint, askedBy }: Pick<EngineRequest, "engine" | "versionConstraint" | "askedBy">,
  local: Exclude<EngineFound, { kind: "found" }>,
): string {
  const what = versionConstraint === "" ? engine : `${engine} ${versionConstraint}`;
  const asks = askedBy === "plan" ? `the plan was made with ${what}` : `the workspace asks for ${what}`;
  return `${asks}, this agent has ${local.kind === "wrong-version" ? local.found : "none that works"}`;
}
