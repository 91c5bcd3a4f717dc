import type { JobId, PoolId } from "../../lib/words/ids.ts";
import type { Job, JobPhase } from "./job.ts";
import { noPlanFiles, type Run } from "./run.ts";

/** What one new run does not have in common with another. */
type Given =
  | ("id" | "organizationId" | "workspaceId" | "configurationId" | "options" | "message")
  | ("createdBy" | "createdAt" | "source" | "urgency" | "retryOf");

/** A run as it begins: it waits for its workspace. */
export const newRun = (given: Pick<Run, Given>): Run => ({
  ...given,
  status: "pending",
  statusAt: given.createdAt,
  hasChanges: false,
  plannedChanges: null,
  appliedChanges: null,
  planSha256: null,
  planBytes: null,
  planBlobKey: null,
  summaryBlobKey: null,
  planJsonBlobKey: null,
  redactedPlanBlobKey: null,
  ...noPlanFiles,
  engine: null,
  engineVersion: "",
  planLockFile: null,
  decidedBy: "",
  decidedAt: null,
  decisionComment: "",
  cancelRequestedAt: null,
  canceledBy: "",
  baseStateId: null,
  errorMessage: "",
  resourcesInFlight: [],
  lost: null,
  warnings: null,
  deniedBy: null,
  hooks: null,
  endedAt: null,
  version: 1,
});

/** What a job has beside what its run says. */
interface NewJob {
  readonly id: JobId;
  /** Null: the server agent. */
  readonly poolId: PoolId | null;
  readonly phase: JobPhase;
  /** The newest job of the phase, if there was one. */
  readonly before?: Pick<Job, "epoch"> | undefined;
  readonly queuedAt: Date;
}

/** The job of a phase as it begins: no agent has been offered it. */
export const queuedJob = (run: Run, { before, ...given }: NewJob): Job => ({
  ...given,
  organizationId: run.organizationId,
  workspaceId: run.workspaceId,
  runId: run.id,
  status: "queued",
  ...engineOf(run, given.phase),
  rank: rankOf(run, given.phase),
  urgency: run.urgency,
  // Epochs go up over all jobs of a phase: whoever follows its log sees that another one begins.
  epoch: before?.epoch ?? 0,
  attempt: 0,
  agentId: null,
  agentName: null,
  incarnation: null,
  desired: "run",
  cancelRequestedAt: null,
  tokenHash: null,
  offeredAt: null,
  startedAt: null,
  endedAt: null,
  leaseUntil: null,
  exitCode: null,
  errorMessage: "",
  logBytes: null,
  isLogClosed: false,
  logProblem: null,
  stateSerial: null,
  lateEvidence: null,
  distrustedBy: null,
});

/** Only the program that made a plan applies it. */
const engineOf = ({ engine, engineVersion, options }: Run, phase: JobPhase): Pick<Job, "engine" | "engineVersion"> =>
  phase === "apply" ? { engine, engineVersion } : { engine: null, engineVersion: options.engineVersion };

const rankOf = ({ options }: Run, phase: JobPhase): Job["rank"] => (phase === "apply" ? 0 : options.isPlanOnly ? 2 : 1);
