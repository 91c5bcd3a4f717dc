import { defaultsOf } from "../../lib/settings.ts";
import type { HookStage } from "../../lib/words/hook-stages.ts";
import { agentSettings } from "../../settings/agent.ts";
import type { DownloadRules } from "../../terraform/engines/engine-store.ts";
import type { UpdateConfig } from "./update-talk.ts";

/** What an operator may ask for; `auto` is the best there is. */
export type SandboxMode = "auto" | "bwrap" | "none";

/** Variables of the agent's own environment that jobs get. */
export interface PassedEnvironment {
  readonly values: Readonly<Record<string, string>>;
  /** Names and patterns that were asked for and are not set. */
  readonly missing: readonly string[];
}

/** Programs that the operator wants run before and after terraform. */
export interface HookConfig {
  readonly directory: string;
  /** How long one may take: for the stages that have a limit of their own, and for the others. */
  readonly limitsMs: { readonly others: number; readonly stages: Readonly<Record<string, number | undefined>> };
  /** The stages whose hooks run as the agent does, not in a job's sandbox; absent is none. */
  readonly outsideSandbox?: readonly HookStage[] | undefined;
  /** Arguments for terraform that hooks may set (`TF_CLI_ARGS_plan`); absent is none. */
  readonly maySet?: readonly string[] | undefined;
}

/** Everything an agent is told when it starts; `cmd` checks it first. */
export interface AgentConfig {
  /** Belongs to this agent alone; it is locked. */
  readonly dataDir: string;
  /** Directory of the links through which terraform sees its work: the same path on every machine of a pool. */
  readonly workRoot: string;
  /** Name for people; absent is `<hostname>-<4 characters>`, kept in the data directory. */
  readonly name?: string | undefined;
  readonly labels: Readonly<Record<string, string>>;
  /** The only phase whose jobs it takes; both if absent. */
  readonly accepts?: "plan" | "apply" | undefined;
  /** How many jobs it takes before it leaves; absent or 0 is any number. */
  readonly maxJobs?: number | undefined;
  /** How long it stays connected without a job; absent or 0 is for ever. */
  readonly idleTimeoutMs?: number | undefined;
  /** How many jobs it runs at once. */
  readonly concurrency: number;
  /** Version of the program, for people. */
  readonly version: string;
  /** How it updates itself; absent is not at all. */
  readonly update?: UpdateConfig | undefined;
  /** True for the agent inside the control plane. */
  readonly isServerAgent: boolean;
  /** The terraform or tofu program to use instead of any on `searchPath`, or one of each. */
  readonly enginePaths?: readonly string[] | undefined;
  /** How programs that the machine lacks are downloaded; absent is never. */
  readonly engineDownloads?: DownloadRules | undefined;
  /** Where programs are looked for, in the form of PATH. */
  readonly searchPath: string;
  /** A CLI configuration of terraform, for all jobs. */
  readonly cliConfigFile?: string | undefined;
  /** Where credentials helpers of the agent's user lie. */
  readonly pluginHome?: string | undefined;
  /** Variables of the agent's own environment that jobs get. */
  readonly passed?: PassedEnvironment | undefined;
  /** How much the cache of providers may hold; absent or 0 is no cache. */
  readonly providerCacheBytes?: number | undefined;
  /** How a job's processes are kept apart from the machine. */
  readonly sandbox: SandboxMode;
  /** What jobs in a sandbox may read beside the system and the directories of `searchPath`: absolute paths. */
  readonly sandboxPaths?: readonly string[] | undefined;
  /** Absent: there are none. */
  readonly hooks?: HookConfig | undefined;
  /** What no job may see beside `dataDir`: absolute paths. */
  readonly hiddenPaths?: readonly string[] | undefined;
  /** With less free space than this, no job is taken. */
  readonly minFreeBytes: number;
  /** Space in the data directory that is kept for states and journals; none if absent. */
  readonly reserveBytes?: number | undefined;
  /** How long directories of jobs that could not be delivered are kept; 0 is for ever. */
  readonly keptForMs?: number | undefined;
  /** How much room all of them may take; 0 is any. */
  readonly keptBytes?: number | undefined;
  /** How long a canceled plan may take before it is ended by force. */
  readonly planPatienceMs?: number | undefined;
  /** The same for an init that is canceled or has used up its time: nothing is lost with it. */
  readonly initPatienceMs?: number | undefined;
  /** After an init has printed nothing for this long, its log says what it waits for. */
  readonly initSilenceMs?: number | undefined;
}

const { keptJobsFor, keptJobsSize } = defaultsOf(agentSettings);

export const keptLimitsOf = ({ keptForMs = keptJobsFor, keptBytes = keptJobsSize }: AgentConfig) => ({
  ageMs: keptForMs,
  bytes: keptBytes,
});

/** How long a plan that was asked to end may take before it is ended by force: invariant I8. */
export const defaultPlanPatienceMs = 60_000;
export const defaultInitPatienceMs = 2_000;
export const defaultInitSilenceMs = 15_000;

/** The protocol this agent speaks. */
export const protocol = { minimum: 1, maximum: 1 } as const;
