import { isEnded, type Job } from "./job.ts";
import { isFinal, type Run } from "./run.ts";
import type { Workspace } from "./workspace.ts";

/** How long things are kept, in milliseconds; null is for ever. */
export interface Retention {
  readonly runsMs: number | null;
  readonly logsMs: number | null;
  readonly configurationsMs: number | null;
  readonly exitedAgentsMs: number | null;
}

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

/** True for a run that may be deleted: it ended long ago, is not the newest of its workspace, and nobody has to decide about it. */
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

/** A run that has ended and still holds its workspace waits for evidence, or for a person. */
const isUnsettled = (run: Run, workspace: Pick<Workspace, "lock"> | undefined): boolean =>
  workspace?.lock?.kind === "run" && workspace.lock.runId === run.id;
