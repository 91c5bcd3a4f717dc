import type { Clock } from "../../lib/clock.ts";
import type { Log } from "../../lib/program/log.ts";
import type { Random } from "../../lib/random.ts";
import type { TransferPace } from "../../lib/transfer/transfer-pace.ts";
import type { ProviderSources } from "../../terraform/configuration/provider-sources.ts";
import type { EngineInventory, EngineStore } from "../../terraform/engines/engine-store.ts";
import type { AgentConfig } from "../contract/config.ts";
import type { Patience } from "../contract/patience.ts";
import type { DiskReserve } from "../disk/disk-reserve.ts";
import type { EngineNews } from "../jobs/engine-news.ts";
import type { Preparation } from "../jobs/files.ts";
import type { AgentJob } from "../jobs/job.ts";
import type { Sandbox } from "../sandbox/choose-sandbox.ts";
import type { endLeftBehind } from "../steps/left-behind.ts";
import type { adoptStep, startStep } from "../steps/step-process.ts";
import type { JobArtifacts } from "../transfers/artifacts.ts";
import type { DownloadCache } from "../transfers/download-cache.ts";
import type { PartUploads } from "../transfers/part-uploads.ts";
import type { PackageStore } from "./providers/package-store.ts";

/**
 * What the work on a job asks of the machine: to bring its parts here, and to run programs. A model of agents replaces
 * it.
 */
export interface JobRuntime {
  /** Which programs jobs can have here. */
  readonly inventory: (engines: EngineStore) => Promise<EngineInventory>;
  /** Brings everything that a job needs to its directory. */
  readonly prepare: (job: AgentJob, services: JobServices, signal: AbortSignal) => Promise<Preparation>;
  /** Starts a program that outlives the agent. */
  readonly start: typeof startStep;
  /** Finds a program that this or an earlier process of the agent started. */
  readonly adopt: typeof adoptStep;
  /** Ends what a program that is over has left behind. */
  readonly endLeftBehind: typeof endLeftBehind;
}

/** What the work on every job shares. */
export interface JobServices {
  readonly config: AgentConfig;
  /** What people call the agent. */
  readonly agentName: string;
  readonly artifacts: (jobToken: string) => JobArtifacts;
  readonly runtime: JobRuntime;
  /** What the control plane says of where the providers of a granted job come from; undefined when it says nothing. */
  readonly providerSources: (job: AgentJob, stopping: AbortSignal) => Promise<ProviderSources | undefined>;
  /** The terraform and tofu programs of this agent. */
  readonly engines: EngineStore;
  /** What the control plane is told of them. */
  readonly news: EngineNews;
  /** The providers that this agent has fetched. */
  readonly packages: PackageStore;
  /** In which the processes of jobs are started. */
  readonly sandbox: Sandbox;
  readonly reserve: DiskReserve;
  /** What was fetched from the control plane, and how fast more is. */
  readonly downloads: { readonly cache: DownloadCache; readonly pace: TransferPace };
  /** Brings what came of jobs to the control plane. */
  readonly uploads: PartUploads;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** How one job is worked on. */
export interface JobContext extends JobServices {
  /** Aborted when the agent stops; what is begun stays on the disk. */
  readonly stopping: AbortSignal;
}

export const patienceOf = (
  { clock, random }: Pick<JobServices, "clock" | "random">,
  mayPass: (error: unknown) => boolean,
): Patience => ({
  clock,
  random,
  mayPass,
});
