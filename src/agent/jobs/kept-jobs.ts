import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { type KeptDirectory, KeptDirectorySchema } from "../../gen/windlass/agent/v1/agent_gateway_service_pb.ts";
import type { JobClaim } from "../../gen/windlass/agent/v1/job_pb.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Log } from "../../lib/program/log.ts";
import { messageOf } from "../../lib/values/errors.ts";
import { type ClaimKey, claimKey } from "../contract/claim.ts";
import { removeTree } from "../disk/durable-files.ts";
import type { JobFiles } from "./files.ts";
import { sizeOnDisk, slimJob } from "./slim-job.ts";

/** A job that is over and whose directory stays for people. */
export interface KeptJob {
  readonly key: ClaimKey;
  readonly claim: JobClaim;
  readonly runId: string;
  readonly workspace: string;
  readonly workingDirectory: string;
  readonly reason: string;
  readonly keptAt: Date;
  /** True if a state is in it that nobody else has. */
  readonly hasState: boolean;
  readonly files: JobFiles;
}

export interface KeptLimits {
  /** How long a directory is kept; 0 is for ever. */
  readonly ageMs: number;
  /** How much room all of them may take; 0 is any. */
  readonly bytes: number;
}

/** Other limits than the age do not touch a state that nobody else has before somebody had this long to fetch it. */
const graceMs = 24 * 3_600_000;
/** What could not be removed is tried again after this long. */
const retryMs = 60_000;
/** Most directories that are told, by protocol. */
const mostTold = 100;

export interface KeptJobsOptions {
  readonly limits: KeptLimits;
  readonly clock: Clock;
  readonly log: Log;
  /** Called when there is something new to tell. */
  readonly onChange: () => void;
}

interface Entry extends KeptJob {
  sizeBytes: number;
  /** Why it could not be removed, and when that is tried again. */
  problem: string;
  retryAtMs: number;
}

/** The directories that stay on this agent for people: small, told, bounded, and removed on demand. One thing at a time. */
export class KeptJobs implements AsyncDisposable {
  readonly #options: KeptJobsOptions;
  readonly #entries = new Map<ClaimKey, Entry>();
  readonly #unwanted = new Set<ClaimKey>();
  #tail: Promise<void> = Promise.resolve();
  #isCrowded = false;

  constructor(options: KeptJobsOptions) {
    this.#options = options;
  }

  get totals(): { readonly count: number; readonly bytes: number } {
    const entries = [...this.#entries.values()];
    return { count: entries.length, bytes: entries.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) };
  }

  has(key: ClaimKey): boolean {
    return this.#entries.has(key);
  }

  /** What is told of them, newest first. */
  told(): readonly KeptDirectory[] {
    return this.#oldestFirst().toReversed().slice(0, mostTold).map(toldOf);
  }

  /** Takes directories of jobs that are over. When this resolves they are small, and within the limits. */
  async keep(jobs: readonly KeptJob[]): Promise<void> {
    const before = this.#fingerprint();
    // At once: what a heartbeat does not name is taken for removed.
    for (const job of jobs) this.#entries.set(job.key, { ...job, sizeBytes: 0, problem: "", retryAtMs: 0 });
    await this.#then(async () => {
      for (const { key } of jobs) await this.#slim(key);
      await this.#enforce();
    }, before);
  }

  /** Removes directories that nobody wants any more; claims of which none is kept are ignored. */
  remove(claims: readonly JobClaim[]): void {
    for (const claim of claims) {
      const key = claimKey(claim);
      if (key !== undefined && this.#entries.has(key)) this.#unwanted.add(key);
    }
    this.tidy();
  }

  /** Applies limits and wishes; to be called now and then. */
  tidy(): void {
    if (this.#entries.size > 0) void this.#then(() => this.#enforce());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#tail;
  }

  #then(work: () => Promise<void>, before = this.#fingerprint()): Promise<void> {
    this.#tail = this.#tail
      .then(work)
      .catch((error: unknown) => this.#options.log.error({ err: error }, "kept job directories could not be tidied"))
      .then(() => {
        if (this.#fingerprint() !== before) this.#options.onChange();
      });
    return this.#tail;
  }

  #fingerprint(): string {
    return [...this.#entries.values()].map(({ key, sizeBytes, problem }) => `${key} ${sizeBytes} ${problem}`).join();
  }

  async #slim(key: ClaimKey): Promise<void> {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    const { files, workingDirectory } = entry;
    await slimJob(files, workingDirectory).catch((error: unknown) =>
      this.#options.log.warn({ err: error, directory: files.root }, "a kept job directory could not be made small"),
    );
    entry.sizeBytes = await sizeOnDisk(files.root);
  }

  async #enforce(): Promise<void> {
    for (const key of this.#unwanted) await this.#remove(key, "somebody asked for it");
    this.#unwanted.clear();
    const { ageMs, bytes } = this.#options.limits;
    for (const { key, keptAt } of this.#oldestFirst())
      if (ageMs > 0 && this.#ageOf(keptAt) >= ageMs) await this.#remove(key, "it is too old");
    if (bytes > 0) await this.#shrinkTo(bytes);
  }

  /** The oldest go first, those with a state after all others. */
  async #shrinkTo(bytes: number): Promise<void> {
    const entries = this.#oldestFirst();
    const old = entries.filter(({ hasState, keptAt }) => hasState && this.#ageOf(keptAt) >= graceMs);
    for (const { key } of [...entries.filter(({ hasState }) => !hasState), ...old])
      if (this.totals.bytes > bytes) await this.#remove(key, "together they take too much room");
    const { bytes: taken, count } = this.totals;
    const isCrowded = taken > bytes;
    if (isCrowded && !this.#isCrowded)
      this.#options.log.warn(
        { count, bytes: taken, limit: bytes },
        "kept job directories take more room than they may: fetch the states in them, then remove them (windlass agent kept)",
      );
    this.#isCrowded = isCrowded;
  }

  async #remove(key: ClaimKey, why: string): Promise<void> {
    const { log, clock } = this.#options;
    const entry = this.#entries.get(key);
    if (entry === undefined || clock.monotonicMs() < entry.retryAtMs) return;
    const directory = entry.files.root;
    try {
      await removeTree(directory);
      this.#entries.delete(key);
      log.warn({ directory, why, reason: entry.reason }, "kept job directory removed");
    } catch (error) {
      entry.problem = messageOf(error);
      entry.retryAtMs = clock.monotonicMs() + retryMs;
      log.warn({ err: error, directory }, "a kept job directory cannot be removed: look at its owner and attributes");
    }
  }

  #ageOf(at: Date): number {
    return this.#options.clock.now().getTime() - at.getTime();
  }

  #oldestFirst(): readonly Entry[] {
    return [...this.#entries.values()].toSorted((a, b) => a.keptAt.getTime() - b.keptAt.getTime());
  }
}

function toldOf({ claim, runId, workspace, reason, problem, files, sizeBytes, keptAt }: Entry): KeptDirectory {
  const whole = problem === "" ? reason : `${reason}; it cannot be removed: ${problem}`;
  return create(KeptDirectorySchema, {
    claim,
    runId,
    workspace: workspace.slice(0, 128),
    reason: whole.slice(0, 1024),
    path: files.root.slice(0, 4096),
    sizeBytes: BigInt(sizeBytes),
    keepTime: timestampFromDate(keptAt),
  });
}
