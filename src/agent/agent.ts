import { join } from "node:path";
import type { Transport } from "@connectrpc/connect";
import type { RegisterResponse } from "../gen/windlass/agent/v1/agent_gateway_service_pb.ts";
import { DesiredState } from "../gen/windlass/agent/v1/job_pb.ts";
import type { Clock } from "../lib/clock.ts";
import { type LockOutcome, lockDirectory } from "../lib/fs/dir-lock.ts";
import type { Log } from "../lib/program/log.ts";
import type { Random } from "../lib/random.ts";
import { TransferPace } from "../lib/transfer/transfer-pace.ts";
import { messageOf } from "../lib/values/errors.ts";
import { given } from "../lib/values/records.ts";
import { EngineStore } from "../terraform/engines/engine-store.ts";
import { superviseConnection } from "./connection/supervisor.ts";
import type { AgentConfig } from "./contract/config.ts";
import { type Identity, loadIdentity } from "./contract/identity.ts";
import type { AgentOutcome } from "./contract/outcome.ts";
import { Renewal } from "./contract/renewal.ts";
import type { ServerRoute } from "./contract/server-route.ts";
import { DiskReserve } from "./disk/disk-reserve.ts";
import { EngineNews } from "./jobs/engine-news.ts";
import { leaveWhenIdle } from "./jobs/idle-limit.ts";
import { JobTable } from "./jobs/table.ts";
import { chooseSandbox, type Sandbox } from "./sandbox/choose-sandbox.ts";
import { JobArtifacts } from "./transfers/artifacts.ts";
import { DownloadCache, tidyUntil } from "./transfers/download-cache.ts";
import { PartUploads } from "./transfers/part-uploads.ts";
import { openUpdater } from "./update/open-updater.ts";
import type { Updater, UpdaterEnd } from "./update/updater.ts";
import { fetchSources } from "./work/providers/fetch-sources.ts";
import { PackageStore } from "./work/providers/package-store.ts";
import { runJob } from "./work/run-job.ts";
import { localRuntime } from "./work/runtime.ts";
import type { JobRuntime, JobServices } from "./work/services.ts";

/** A large provider with its zip: a disk that is nearly full takes no cache. */
const roomForPackages = 1024 * 1024 * 1024;
/** Of what was fetched for jobs: some of the largest configurations and plans. */
const maxCachedBytes = 1024 * 1024 * 1024;
/** Pieces of downloads: see `TransferPace`. */
const downloadLimits = { minBytes: 32 * 1024, maxBytes: 2 * 1024 * 1024, maxLanes: 6 };

export interface AgentOptions {
  /** Carries the calls to the control plane: a network, or the same process. */
  readonly transport: Transport;
  /** Carries what is large, so that the session never waits behind it: a connection of its own; the same one if absent. */
  readonly transfers?: Transport | undefined;
  /** Where both lead; absent in the same process. */
  readonly route?: ServerRoute | undefined;
  /** The agent token; asked for at each registration. */
  readonly token: () => Promise<string>;
  readonly config: AgentConfig;
  /** This machine if absent; models of agents bring their own. */
  readonly machine?: JobRuntime | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** What an agent does, for those who watch over it. */
export interface AgentActivity {
  readonly isConnected: boolean;
  readonly isDraining: boolean;
  /** How many streams have been accepted since the start. */
  readonly streams: number;
  readonly jobs: readonly { readonly phase: "plan" | "apply"; readonly stage: string }[];
  /** Directories of jobs that could not be delivered. */
  readonly kept: { readonly count: number; readonly bytes: number };
}

/**
 * A running agent. Disposing it ends the connection and leaves what its jobs started alone: the next start with the
 * same data directory takes them up.
 */
export interface RunningAgent extends AsyncDisposable {
  /** Takes nothing new, and is done when everything it has is acknowledged. */
  drain(reason: string): void;
  /** Cancels the plans that it holds, each with one SIGINT; applies go on. */
  cancelPlans(): void;
  /** Registers anew, with the token as it is now; jobs do not notice. */
  renew(): void;
  /** True while an apply runs. */
  readonly isApplying: boolean;
  /** What it does right now. */
  readonly view: AgentActivity;
  /** Why it ended; never rejects. */
  readonly done: Promise<AgentOutcome>;
}

/** Starts an agent. It connects, and connects again, until it is drained, refused or disposed. */
export function startAgent(options: AgentOptions): RunningAgent {
  return new StartedAgent(options);
}

class StartedAgent implements RunningAgent {
  readonly done: Promise<AgentOutcome>;
  readonly #options: AgentOptions;
  readonly #stopping = new AbortController();
  readonly #renewal = new Renewal();
  #table: JobTable | undefined;
  #drainReason: string | undefined;
  #streams = 0;
  /** Streams there had been when the last registration was told. */
  #toldAtStream: number | undefined;
  #isConnected = false;
  #clusterGeneration = "";
  #sessionToken = "";
  #serverVersion = "";

  constructor(options: AgentOptions) {
    this.#options = options;
    this.done = this.#run().catch((error: unknown) => this.#failed(error));
  }

  get isApplying(): boolean {
    return this.#table?.jobs.some((job) => job.isApply && job.stage.kind === "running") ?? false;
  }

  get view(): AgentActivity {
    return {
      isConnected: this.#isConnected,
      isDraining: this.#drainReason !== undefined || (this.#table?.isDraining() ?? false),
      streams: this.#streams,
      jobs: (this.#table?.jobs ?? []).map((job) => ({ phase: job.isApply ? "apply" : "plan", stage: job.stage.kind })),
      kept: this.#table?.keptTotals ?? { count: 0, bytes: 0 },
    };
  }

  drain(reason: string): void {
    this.#drainReason ??= reason;
    this.#table?.drain(reason);
  }

  cancelPlans(): void {
    for (const job of this.#table?.jobs ?? []) if (!job.isApply) job.desire(DesiredState.CANCEL);
  }

  renew(): void {
    this.#renewal.ask();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort(new Error("the agent stops"));
    await this.done;
  }

  async #run(): Promise<AgentOutcome> {
    const { config, log, random } = this.#options;
    log.info({ version: config.version, "agent.server": config.isServerAgent }, "starting agent");
    const chosen = await chooseSandbox(config.sandbox, config.searchPath);
    if (chosen.kind === "unusable") return { kind: "sandbox_unusable", detail: chosen.why };
    if (chosen.sandbox.kind === "none" && config.sandbox !== "none")
      log.warn({ reason: chosen.why }, "jobs run without a sandbox: they can read what the agent can");
    const locked = await this.#lock().catch(unusable);
    if (locked.kind === "directory_unusable") return locked;
    if (locked.kind === "held") return { kind: "directory_unusable", detail: locked.message };
    using _lock = locked.lock;
    return await this.#serve(await loadIdentity(config.dataDir, { random, name: config.name }), chosen.sandbox);
  }

  /** Whoever ran here before may still be on its way out, if its launcher was killed. */
  async #lock(): Promise<LockOutcome> {
    const { config, clock } = this.#options;
    const untilMs = clock.monotonicMs() + (config.update?.launch === undefined ? 0 : orphanMs);
    for (;;) {
      const locked = await lockDirectory(config.dataDir);
      if (locked.kind === "locked" || clock.monotonicMs() >= untilMs) return locked;
      await clock.sleep(lockLookMs, this.#stopping.signal);
    }
  }

  async #serve(identity: Identity, sandbox: Sandbox): Promise<AgentOutcome> {
    // Looking for programs goes on beside the registration.
    await using engines = this.#engineStore();
    const news = this.#engineNews(engines);
    const looking = news.look();
    // A program that does not answer holds nobody up: jobs have stopped by then, and it is ended.
    await using _asking = {
      [Symbol.asyncDispose]: async () => {
        await engines[Symbol.asyncDispose]();
        await looking;
      },
    };
    await using packages = this.#packageStore();
    const cache = this.#downloadCache();
    const tidying = tidyUntil(cache, this.#options.clock, this.#stopping.signal);
    await using table = this.#jobTable(identity, { sandbox, engines, packages, news, cache });
    this.#table = table;
    await table.restore();
    const idling = this.#leaveWhenIdle(table);
    if (this.#drainReason !== undefined) table.drain(this.#drainReason);
    const updater = this.#updater(table);
    const updating = this.#update(updater);
    const outcome = await superviseConnection(
      {
        ...this.#options,
        identity,
        sandbox: sandbox.kind,
        host: table,
        renewal: this.#renewal,
        updates: updater,
        isWorking: () => table.isWorking,
        onRegistered: (response) => this.#registered(response),
        onCredential: ({ clusterGeneration, sessionToken }) => {
          this.#clusterGeneration = clusterGeneration;
          this.#sessionToken = sessionToken;
        },
        onWelcome: () => {
          this.#streams++;
          this.#isConnected = true;
          table.welcomed();
          updater?.welcomed();
        },
        onEnd: () => {
          this.#isConnected = false;
        },
      },
      this.#stopping.signal,
    );
    if (outcome.kind === "token_rejected") await table.tidied();
    this.#stopping.abort(new Error("the agent stops"));
    if (outcome.kind === "drained") await updater?.leave();
    await idling;
    await tidying;
    return endOf(outcome, await updating);
  }

  #updater(table: JobTable): Updater | undefined {
    return openUpdater({
      ...this.#options,
      table,
      serverVersion: () => this.#serverVersion,
      sessionToken: () => this.#sessionToken,
      pace: new TransferPace(this.#options.clock, downloadLimits),
    });
  }

  /** Where another version is to run, the stream ends without a good-bye: the agent is back in a moment. */
  async #update(updater: Updater | undefined): Promise<UpdaterEnd> {
    const end = (await updater?.run(this.#stopping.signal)) ?? { kind: "stopped" };
    if (end.kind !== "stopped") this.#stopping.abort(new Error("another version is to run"));
    return end;
  }

  async #leaveWhenIdle(table: JobTable): Promise<void> {
    const { clock, config } = this.#options;
    const { idleTimeoutMs = 0 } = config;
    if (idleTimeoutMs === 0) return;
    const isIdle = () => this.#isConnected && table.isIdle;
    const idler = { isIdle, drain: (reason: string) => table.drain(reason) };
    await leaveWhenIdle(idler, { clock, idleTimeoutMs }, this.#stopping.signal);
  }

  #engineStore(): EngineStore {
    const { config, clock, random, log } = this.#options;
    const { enginePaths, engineDownloads: downloads, searchPath, dataDir } = config;
    return new EngineStore({
      enginePaths,
      searchPath,
      clock,
      random,
      log,
      cacheDir: join(dataDir, "engines"),
      downloads,
    });
  }

  #engineNews(engines: EngineStore): EngineNews {
    const { machine = localRuntime, clock, log } = this.#options;
    const onChange = () => this.#table?.enginesChanged();
    return new EngineNews({ read: () => machine.inventory(engines), onChange, clock, log });
  }

  #downloadCache(): DownloadCache {
    const { config, clock } = this.#options;
    const { minFreeBytes, dataDir } = config;
    return new DownloadCache({ directory: join(dataDir, "transfers"), maxBytes: maxCachedBytes, minFreeBytes, clock });
  }

  #packageStore(): PackageStore {
    const { config, clock, random, log } = this.#options;
    const { dataDir, providerCacheBytes: maxBytes = 0, minFreeBytes, reserveBytes = 0 } = config;
    const free = { minFreeBytes: minFreeBytes + reserveBytes + roomForPackages };
    return new PackageStore({ ...free, dataDir, maxBytes, clock, random, log });
  }

  #jobTable(
    { incarnation, name: agentName }: Identity,
    {
      news,
      cache,
      ...parts
    }: Pick<JobServices, "sandbox" | "engines" | "packages" | "news"> & { cache: DownloadCache },
  ): JobTable {
    const { config, clock, random, log, transport, transfers = transport, machine = localRuntime } = this.#options;
    const artifacts = (jobToken: string) => new JobArtifacts(transfers, jobToken);
    const { minFreeBytes, reserveBytes: bytes = 0 } = config;
    const reserve = new DiskReserve({ path: join(config.dataDir, "reserve"), bytes, minFreeBytes, clock, random, log });
    const providerSources = fetchSources({ artifacts, clock, random, log });
    const services: JobServices = {
      config,
      agentName,
      clock,
      random,
      log,
      artifacts,
      runtime: machine,
      reserve,
      providerSources,
      news,
      downloads: { cache, pace: new TransferPace(clock, downloadLimits) },
      uploads: new PartUploads(clock),
      ...parts,
    };
    return new JobTable({
      config,
      incarnation,
      clock,
      log,
      reserve,
      news,
      cache,
      clusterGeneration: () => this.#clusterGeneration,
      runJob: (job, stopping) => runJob(job, { ...services, stopping }),
    });
  }

  #registered(response: RegisterResponse): void {
    this.#serverVersion = response.serverVersion;
    const { config, log, route } = this.#options;
    const fields = {
      ...given({ server: route?.address }),
      "agent.id": response.agentId,
      "agent.server": config.isServerAgent,
      "agent.status": this.#table?.isIdle === false ? "busy" : "idle",
      "agent.ip_address": response.address,
      "agent.pool_id": response.agentPoolId,
      pool: response.agentPool,
    };
    // One that leads to no stream is repeated, and told once.
    log[this.#toldAtStream === this.#streams ? "debug" : "info"](fields, "registered successfully");
    this.#toldAtStream = this.#streams;
  }

  #failed(error: unknown): AgentOutcome {
    this.#options.log.error({ err: error }, "the agent cannot go on");
    return { kind: "failed", detail: messageOf(error) };
  }
}

/** The updater's wish counts where the connection ended for its sake. */
function endOf(outcome: AgentOutcome, end: UpdaterEnd): AgentOutcome {
  if (outcome.kind !== "stopped") return outcome;
  if (end.kind === "switching") return { kind: "switching", detail: end.version };
  return end.kind === "given_up" ? { kind: "given_up", detail: "it held no session in its trial" } : outcome;
}

/** How long an agent whose launcher is gone may take to notice, and to stop. */
const orphanMs = 20_000;
const lockLookMs = 200;

const unusable = (error: unknown) => ({ kind: "directory_unusable", detail: messageOf(error) }) as const;
