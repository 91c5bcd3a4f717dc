import { statfs } from "node:fs/promises";
import { join } from "node:path";
import { durationMs } from "@bufbuild/protobuf/wkt";
import type {
  AgentEngines,
  JobCommand,
  KeptDirectory,
  Offer,
  ResultAck,
  ResumeDecision,
  SessionMessage,
  StartDecision,
} from "../../gen/windlass/agent/v1/agent_gateway_service_pb.ts";
import { DesiredState, type HeldJob, type JobClaim, type JobSpec } from "../../gen/windlass/agent/v1/job_pb.ts";
import { abortable, deadlineAfter } from "../../lib/async/abort.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Log } from "../../lib/program/log.ts";
import { type ClaimKey, claimKey, newClaim } from "../contract/claim.ts";
import { type AgentConfig, keptLimitsOf } from "../contract/config.ts";
import { type BeatTime, Freshness } from "../contract/freshness.ts";
import {
  type HostChange,
  HostChanges,
  type LogSource,
  type OfferAnswer,
  type PendingMessage,
  type SessionHost,
} from "../contract/session-host.ts";
import type { DiskReserve } from "../disk/disk-reserve.ts";
import { FreeSpace } from "../disk/free-space.ts";
import type { DownloadCache } from "../transfers/download-cache.ts";
import { JobDirectories, tellRemains } from "./directories.ts";
import type { EngineNews } from "./engine-news.ts";
import { jobFilesAt } from "./files.ts";
import { noRoom, storeOffer, unsupportedReason } from "./intake.ts";
import { AgentJob, idsOf } from "./job.ts";
import { KeptJobs } from "./kept-jobs.ts";
import { JobLimits } from "./limits.ts";
import { keptJobOf, readStoredJobs, type StoredJob } from "./stored-jobs.ts";
import { type JobEnd, type RunJob, workToEnd } from "./work-to-end.ts";

export interface JobTableOptions {
  readonly config: AgentConfig;
  readonly incarnation: string;
  /** Of the latest registration. */
  readonly clusterGeneration: () => string;
  readonly runJob: RunJob;
  /** Says which programs are here; nothing is said if absent. */
  readonly news?: EngineNews | undefined;
  /** Space for states and journals; none is kept if absent. */
  readonly reserve?: DiskReserve | undefined;
  /** What was fetched for jobs: it makes room for new ones. */
  readonly cache?: Pick<DownloadCache, "clear"> | undefined;
  readonly clock: Clock;
  readonly log: Log;
}

/** How long an end waits for directories to be removed. */
const tidyMs = 5_000;

/**
 * Every claim that this agent has something of. It takes offers, keeps each job's work going until it ends, and is what a
 * stream talks to. Disposing it stops the work and leaves everything on the disk: terraform goes on.
 */
export class JobTable implements SessionHost, AsyncDisposable {
  readonly #options: JobTableOptions;
  readonly #jobs = new Map<ClaimKey, AgentJob>();
  readonly #work = new Map<ClaimKey, Promise<void>>();
  /** Claims that are being written to the disk. */
  readonly #arriving = new Set<ClaimKey>();
  readonly #changes = new HostChanges();
  readonly #kept: KeptJobs;
  readonly #directories: JobDirectories;
  readonly #stopping = new AbortController();
  readonly #freshness: Freshness;
  readonly #limits: JobLimits;
  readonly #space = new FreeSpace(() => this.#measureSpace());
  /** The reserve is taken before the first job needs it, beside everything else. */
  #reserving: Promise<unknown> | undefined;
  #drainReason: string | undefined;
  #noRoom = "";

  constructor(options: JobTableOptions) {
    this.#options = options;
    this.#limits = new JobLimits(options.config);
    const limits = keptLimitsOf(options.config);
    this.#kept = new KeptJobs({ ...options, limits, onChange: () => this.#changes.tell({ kind: "kept" }) });
    this.#directories = new JobDirectories({
      ...options,
      root: this.#root,
      isHurried: (key) => [...this.#arriving].some((other) => other !== key) || this.jobs.some((job) => job.isHurried),
      isInUse: (key) => this.#work.has(key) || this.#jobs.has(key) || this.#arriving.has(key) || this.#kept.has(key),
    });
    this.#freshness = new Freshness(options.clock, () => this.#changes.tell({ kind: "doubtful" }));
  }

  get #root(): string {
    return join(this.#options.config.dataDir, "jobs");
  }

  /** Takes up what an earlier process of this agent left. Call it once, before the first stream. */
  async restore(): Promise<void> {
    const { clock, log, reserve } = this.#options;
    this.#reserving = reserve?.ensure();
    void this.#space.refresh();
    const left = await readStoredJobs(this.#root, () => clock.now(), tellRemains(log));
    void this.#kept.keep(left.kept);
    for (const found of left.jobs) {
      const job = this.#add(found, true);
      log.info(idsOf(job), "job of an earlier start taken up");
      this.#begin(job.key);
      this.#keep(job.key, this.#run(job));
    }
  }

  // ---- what a stream asks and tells

  readonly held = (): readonly HeldJob[] => [...this.#jobs.values()].map((job) => job.held());

  readonly pendingMessages = (): readonly PendingMessage[] =>
    [...this.#jobs.values()].flatMap((job) => {
      const message = job.pendingMessage();
      return message === undefined ? [] : [message];
    });

  readonly logs = (): readonly LogSource[] =>
    [...this.#jobs.values()].flatMap((job) => (job.isLogLost ? [] : [job.log]));

  readonly isDraining = (): boolean => this.#drainReason !== undefined;

  readonly leaving = (): string | undefined => (this.isIdle ? this.#drainReason : undefined);

  readonly freeDiskBytes = (): bigint => this.#space.lastKnown();

  readonly noRoom = (): string => this.#noRoom;

  readonly onChange = (listener: (change: HostChange) => void): Disposable => this.#changes.listen(listener);

  readonly kept = (): readonly KeptDirectory[] => this.#kept.told();

  readonly engines = (): AgentEngines | undefined => this.#options.news?.told;

  readonly enginesSeen = async (): Promise<void> => {
    if (this.#options.news?.told === undefined) await this.#options.news?.look();
  };

  /** Other programs are here than before. */
  enginesChanged(): void {
    this.#changes.tell({ kind: "engines" });
  }

  readonly removeKept = (claims: readonly JobClaim[]): void => this.#kept.remove(claims);

  readonly resume = (decision: ResumeDecision): void => this.#find(decision.claim)?.resume(decision);

  readonly decide = (decision: StartDecision): void => {
    const job = this.#find(decision.claim);
    if (job === undefined) return;
    // The offer belongs to a database that was replaced since: nobody there knows of this grant.
    if (decision.granted && job.clusterGeneration !== this.#options.clusterGeneration()) return;
    job.decide(decision);
    if (decision.granted) this.#begin(job.key);
  };

  readonly command = ({ claim, desired }: JobCommand): void => this.#find(claim)?.desire(desired);

  readonly heartbeatAnswered = (beat: BeatTime, commands: readonly JobCommand[]): void => {
    for (const { claim, desired, lease } of commands) {
      if (desired === DesiredState.GONE) continue;
      this.#find(claim)?.lease.renew(beat.monotonicMs, lease === undefined ? undefined : durationMs(lease));
    }
    this.#freshness.confirm(beat);
    this.#kept.tidy();
    this.#options.news?.lookSometimes();
    this.#directories.tidy();
  };

  readonly logSent = (key: ClaimKey, offset: number): void => this.#jobs.get(key)?.logSent(offset);

  readonly logAcknowledged = (key: ClaimKey, offset: number, closed: boolean): void =>
    this.#jobs.get(key)?.acknowledgeLog(offset, closed);

  readonly resultAcknowledged = (key: ClaimKey, ack: ResultAck): void => this.#jobs.get(key)?.acknowledgeResult(ack);

  readonly lacksState = (key: ClaimKey): void => this.#jobs.get(key)?.stateLack.open();

  readonly refused = (key: ClaimKey, message: SessionMessage, detail: string): void =>
    this.#jobs.get(key)?.refused(message, detail);

  readonly offer = ({ job: spec, state }: Offer): OfferAnswer => {
    const key = claimKey(spec?.claim);
    if (spec === undefined || key === undefined) return { kind: "declined", reason: "the offer names no job" };
    if (this.#jobs.has(key) || this.#arriving.has(key)) return { kind: "held" };
    const reason = this.#whyNot(spec);
    if (reason !== undefined) return { kind: "declined", reason };
    if (this.#kept.has(key)) return { kind: "declined", reason: "a directory of this claim is kept for people" };
    this.#arriving.add(key);
    // The directory may still be an earlier one's of the same claim, which is removed.
    const before = this.#work.get(key) ?? Promise.resolve();
    const arrival = before.then(() => this.#arrive(spec, key, state)).finally(() => this.#arriving.delete(key));
    this.#keep(key, arrival);
    return { kind: "taken" };
  };

  readonly drain = (reason: string): void => {
    if (this.#drainReason !== undefined) return;
    this.#drainReason = reason === "" ? "draining" : reason;
    this.#options.log.info({ reason: this.#drainReason }, "draining: taking no new jobs");
    this.#directories.restNoMore();
    this.#changes.tell({ kind: "draining" });
    this.#leaveIfIdle();
  };

  // ---- what the agent asks

  /** True while nothing is held. */
  get isIdle(): boolean {
    return this.#jobs.size === 0 && this.#arriving.size === 0;
  }

  /** True while terraform runs or something of a job must still be done here, connected or not. */
  get isWorking(): boolean {
    return [...this.#jobs.values()].some(({ stage }) => stage.kind === "running");
  }

  /** A stream has been accepted. */
  welcomed(): void {
    if (this.isIdle && this.#drainReason === undefined) this.#options.log.info("waiting for next job");
  }

  /** Resolves when the jobs of which the control plane has everything are gone from the disk, or soon in any case. */
  async tidied(): Promise<void> {
    this.#directories.restNoMore();
    const isEnding = (key: ClaimKey) => (this.#jobs.get(key)?.isSealed ?? true) && !this.#arriving.has(key);
    const ending = [...this.#work].flatMap(([key, work]) => (isEnding(key) ? [work] : []));
    using deadline = deadlineAfter(this.#options.clock, tidyMs, this.#stopping.signal);
    await abortable(Promise.allSettled(ending), deadline.signal).catch(() => {});
  }

  get jobs(): readonly AgentJob[] {
    return [...this.#jobs.values()];
  }

  get keptTotals(): KeptJobs["totals"] {
    return this.#kept.totals;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#directories.restNoMore();
    this.#stopping.abort(new Error("the agent stops"));
    await Promise.allSettled([this.#reserving, ...this.#work.values()]);
    await this.#kept[Symbol.asyncDispose]();
    await this.#directories[Symbol.asyncDispose]();
    for (const job of this.#jobs.values()) await job.journal[Symbol.asyncDispose]();
  }

  // ---- inside

  async #measureSpace(): Promise<bigint> {
    let seen = await this.#lookAtDisk();
    // What was fetched can be fetched again.
    if (seen.lack !== "" && (await this.#options.cache?.clear()) === true) seen = await this.#lookAtDisk();
    this.#tellRoom(seen.lack);
    return seen.free;
  }

  async #lookAtDisk(): Promise<{ readonly free: bigint; readonly lack: string }> {
    const { reserve, config } = this.#options;
    await reserve?.ensure();
    const { bavail, bsize } = await statfs(config.dataDir);
    const lack = noRoom({ reserve, minFreeBytes: config.minFreeBytes }, bavail * bsize) ?? "";
    return { free: BigInt(bavail) * BigInt(bsize), lack };
  }

  /** That the disk became full, or has room again, is said at once; how full it is, with each heartbeat. */
  #tellRoom(lack: string): void {
    const isNews = (lack === "") !== (this.#noRoom === "");
    this.#noRoom = lack;
    if (isNews) this.#changes.tell({ kind: "room" });
  }

  #find(claim: JobClaim | undefined): AgentJob | undefined {
    const key = claimKey(claim);
    return key === undefined ? undefined : this.#jobs.get(key);
  }

  #begin(key: ClaimKey): void {
    const enough = this.#limits.begin(key);
    if (enough !== undefined) this.drain(enough);
  }

  #whyNot(spec: JobSpec): string | undefined {
    if (this.#drainReason !== undefined) return `draining: ${this.#drainReason}`;
    if (this.#stopping.signal.aborted) return "the agent stops";
    const refusal =
      unsupportedReason(spec) ?? this.#limits.whyNot(spec.phase, [...this.#jobs.keys(), ...this.#arriving]);
    if (refusal !== undefined) return refusal;
    const places = this.jobs.filter((job) => job.takesPlace).length + this.#arriving.size;
    if (places >= this.#options.config.concurrency) return `all ${this.#options.config.concurrency} places are taken`;
    return undefined;
  }

  #keep(key: ClaimKey, work: Promise<void>): void {
    const kept = work.catch((error: unknown) => {
      if (!this.#stopping.signal.aborted) this.#options.log.error({ err: error, job: key }, "the work on a job failed");
    });
    this.#work.set(key, kept);
    void kept.finally(() => this.#work.get(key) === kept && this.#work.delete(key));
  }

  async #arrive(spec: JobSpec, key: ClaimKey, state: Uint8Array): Promise<void> {
    const job = await this.#writeDown(spec, key);
    if (job !== undefined) job.offeredState = state;
    this.#arriving.delete(key);
    if (job === undefined) return this.#leaveIfIdle();
    this.#options.log.info(idsOf(job), "job accepted");
    await this.#run(job);
  }

  /** Writes an offered job to the disk, or declines it when there is no room. */
  async #writeDown(spec: JobSpec, key: ClaimKey): Promise<AgentJob | undefined> {
    const { config, clusterGeneration, clock, reserve } = this.#options;
    const { minFreeBytes } = config;
    const onRemains = tellRemains(this.#options.log);
    const intake = { root: this.#root, minFreeBytes, freeBytes: () => this.#measureSpace(), reserve, clock, onRemains };
    const written = await storeOffer(intake, { key, spec, clusterGeneration: clusterGeneration() });
    if (written.kind === "stored") return this.#add(written.job, false);
    this.#decline(newClaim(spec.claim?.jobId ?? "", spec.claim?.epoch ?? 0n), written.reason);
    return undefined;
  }

  #decline(claim: JobClaim, reason: string): void {
    this.#options.log.warn({ "job.id": claim.jobId, reason }, "job declined");
    this.#changes.tell({ kind: "declined", claim, reason });
  }

  #add(found: StoredJob, isRestored: boolean): AgentJob {
    const { key, stored } = found;
    const claim = newClaim(stored.job.claim?.jobId ?? "", stored.job.claim?.epoch ?? 0n);
    const job = new AgentJob({
      ...found,
      isRestored,
      claim,
      files: jobFilesAt(join(this.#root, key)),
      incarnation: this.#options.incarnation,
      clock: this.#options.clock,
      freshness: this.#freshness,
      onChange: (kind) => this.#changes.tell({ kind }),
    });
    this.#jobs.set(key, job);
    return job;
  }

  async #run(job: AgentJob): Promise<void> {
    const end = await workToEnd(job, this.#options, this.#stopping.signal);
    await this.#noteEnd(job, end);
    job.enter({ kind: "over" });
    this.#jobs.delete(job.key);
    if (end.kind === "declined") this.#decline(job.claim, end.reason);
    if (end.kind === "kept") {
      this.#options.log.warn({ directory: job.files.root, reason: end.reason }, "job directory kept");
      await this.#kept.keep([keptJobOf(job, { reason: end.reason, keptAt: this.#options.clock.now() })]);
    } else await this.#directories.remove(job.key);
    this.#changes.tell({ kind: "message" });
    this.#leaveIfIdle();
  }

  /** Says on the disk what becomes of the directory. A full disk changes nothing of it while this process lives. */
  async #noteEnd({ journal, key }: AgentJob, end: JobEnd): Promise<void> {
    const failed = (error: unknown) =>
      this.#options.log.error({ err: error, job: key }, "the end of a job could not be written down");
    if (end.kind === "kept") await journal.append({ kind: "kept", reason: end.reason }).catch(failed);
    else if (!journal.has("acknowledged")) await journal.append({ kind: "acknowledged" }).catch(failed);
    await journal[Symbol.asyncDispose]().catch(failed);
  }

  #leaveIfIdle(): void {
    const reason = this.leaving();
    if (reason === undefined) this.welcomed();
    else this.#changes.tell({ kind: "leaving", reason });
  }
}
