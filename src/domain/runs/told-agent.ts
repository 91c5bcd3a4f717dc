import type { JobId, PoolId } from "../../lib/words/ids.ts";
import type { AgentEngines } from "../agents/agent.ts";
import type { Labels } from "../agents/label-selector.ts";
import type { JobFeature } from "./job-features.ts";

/** How far a job is, as its agent said last. */
export interface ToldProgress {
  readonly resourcesDone: number;
  readonly preparing: string;
  readonly delivering: string;
  /** What its agent has heard that is wanted of it, by its number in the agent protocol. */
  readonly desired: number;
  readonly wayProblem: string;
}

/** What the control plane that an agent is connected to, or has registered with, tells the others of it. It is JSON. */
export interface ToldAgent {
  /** It has registered, and has no stream so far. */
  readonly isArriving: boolean;
  readonly name: string;
  readonly version: string;
  readonly poolId: PoolId | null;
  readonly bootId: string;
  readonly concurrency: number;
  readonly labels: Labels;
  readonly engines: AgentEngines | null;
  readonly features: readonly JobFeature[];
  /** Why it could not have what it was asked for lately, by the wish's text. */
  readonly unmet: Readonly<Record<string, string>>;
  /** Jobs it was offered or runs: id to epoch. */
  readonly jobs: Readonly<Record<JobId, number>>;
  readonly takesJobs: boolean;
  readonly refusal: string;
  readonly wayProblem: string;
  /** Why jobs are not offered to it again for now, by their ids. */
  readonly declined: Readonly<Record<JobId, string>>;
  /** Of its disk: bytes, rounded, as text. */
  readonly freeDiskBytes: string;
  readonly progress: Readonly<Record<string, ToldProgress>>;
}
