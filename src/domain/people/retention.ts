import { isEnded, type Job } from "../runs/job.ts";
import { isFinal, type Run } from "../runs/run.ts";
import type { StateVersion } from "../workspaces/state-version.ts";
import type { Workspace } from "../workspaces/workspace.ts";

/** How many superseded states of a workspace are kept, or how long. */
export type KeptStates =
  | { readonly kind: "count"; readonly count: number }
  | { readonly kind: "age"; readonly ms: number };

/** How long things are kept, in milliseconds; null is for ever. */
export interface Retention {
  readonly runsMs: number | null;
  readonly logsMs: number | null;
  readonly configurationsMs: number | null;
  /** Agents that have said good-bye. */
  readonly exitedAgentsMs: number | null;
  /** Agents that were lost: nothing was heard of them until they were errored, and nothing since. */
  readonly lostAgentsMs: number | null;
  /** Superseded states; null is for ever. */
  readonly states: KeptStates | null;
  readonly auditMs: number | null;
  /** API keys and agent tokens that were revoked or have expired. */
  readonly endedKeysMs: number | null;
}

/** How long a request id is remembered. */
export const requestMemoryMs = 24 * 3_600_000;

/** Superseded states of a workspace that stay in any case, the newest ones. */
export const lastStates = 3;

/** What stands around a run that might go. */
export interface RunSurroundings {
  readonly workspace: Pick<Workspace, "lock"> | undefined;
  /** Id of the newest run of its workspace. */
  readonly newestId: Run["id"] | undefined;
  /** True if a state of it is kept aside, so that a person has to decide. */
  readonly hasQuarantined: boolean;
}

/** The instant before which things are too old; null if nothing ever is. */
export const before = (now: Date, keepMs: number | null): Date | null =>
  keepMs === null ? null : new Date(now.getTime() - keepMs);

/**
 * True for a run that may be deleted: it ended long ago, is not the newest of its workspace, and nobody has to decide
 * about it.
 */
export function isExpendable(
  run: Run,
  { workspace, newestId, hasQuarantined }: RunSurroundings,
  endedBefore: Date | null,
): boolean {
  if (endedBefore === null || !isFinal(run.status) || run.endedAt === null || run.endedAt >= endedBefore) return false;
  return !isUnsettled(run, workspace) && !hasQuarantined && run.id !== newestId;
}

/** True for a log that may be emptied: its run ended long ago, nothing of it can come any more, and nobody has to decide. */
export function isLogExpendable(
  {
    run,
    job,
    workspace,
  }: { readonly run: Run; readonly job: Job; readonly workspace: Pick<Workspace, "lock"> | undefined },
  endedBefore: Date | null,
): boolean {
  if (endedBefore === null || run.endedAt === null || run.endedAt >= endedBefore) return false;
  return isFinal(run.status) && isEnded(job.status) && job.isLogClosed && !isUnsettled(run, workspace);
}

/** How many superseded states of a workspace, the newest ones, are not even looked at. */
export const untouchedStates = (keep: KeptStates): number =>
  keep.kind === "count" ? Math.max(lastStates, keep.count) : lastStates;

/** What stands around a state that might go. */
export interface StateSurroundings {
  readonly currentStateId: StateVersion["id"] | null;
  /** It is older than those that `untouchedStates` counts. */
  readonly isOld: boolean;
  /** When the next accepted state took its place; null if none did. */
  readonly supersededAt: Date | null;
  /** A run that is kept has not ended, or shows it as what it, or one of its jobs, made in the end. */
  readonly isPointedTo: boolean;
}

/** True for a state that may be deleted: superseded, not among the last ones, and no run that is kept points to it. */
export function isStateExpendable(
  { id, status }: Pick<StateVersion, "id" | "status">,
  { currentStateId, isOld, supersededAt, isPointedTo }: StateSurroundings,
  { keep, now }: { readonly keep: KeptStates; readonly now: Date },
): boolean {
  if (status !== "superseded" || id === currentStateId || !isOld || isPointedTo) return false;
  return keep.kind === "count" || (supersededAt !== null && supersededAt.getTime() < now.getTime() - keep.ms);
}

/** A run that has ended and still holds its workspace waits for evidence, or for a person. */
const isUnsettled = (run: Run, workspace: Pick<Workspace, "lock"> | undefined): boolean =>
  workspace?.lock?.kind === "run" && workspace.lock.runId === run.id;
