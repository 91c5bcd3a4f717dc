import { isEnded, type Job } from "./job.ts";
import { isFinal, noPlanFiles, type Run, statusText } from "./run.ts";

/** How far epochs jump at a restore: further than any database gets between a backup and its restore. */
export const epochJump = 1_000_000;

/** When a database was restored, and from a backup of when. */
export interface Restoration {
  readonly now: Date;
  readonly backupAt: Date;
}

/**
 * A job of a backup as it may stand in the restored database. What has happened since the backup is not known there, so
 * nothing of it may be started again: every job ends. An apply that could have run ends `interrupted`, and keeps the claim
 * that an agent may come back with, for its log, its state and its result; all other claims are void.
 */
export function fenceJob(job: Job, { now, backupAt }: Restoration): Job {
  if (isEnded(job.status)) return job.status === "interrupted" ? job : { ...job, tokenHash: null };
  const ended = { endedAt: now, leaseUntil: null, errorMessage: `restored from a backup of ${backupAt.toISOString()}` };
  if (job.status === "started") {
    // Its log is filed under its epoch, and no ended job is ever offered again.
    return job.phase === "apply"
      ? { ...job, ...ended, status: "interrupted" }
      : { ...job, ...ended, status: "errored", tokenHash: null };
  }
  if (job.phase === "apply") return { ...job, ...ended, ...unclaimed, status: "interrupted" };
  const epoch = job.epoch + epochJump;
  return { ...job, ...ended, ...unclaimed, status: "errored", epoch, isLogClosed: true };
}

const unclaimed = { agentId: null, agentName: null, incarnation: null, tokenHash: null } as const;

/** Whether an agent may bring what an apply did that the restored database only knows as queued or offered. */
export const awaitsClaim = (job: Job): boolean =>
  job.phase === "apply" && job.status === "interrupted" && job.agentId === null && !job.isLogClosed;

/** A run of a backup as it may stand in the restored database: it has ended, and a person says what comes next. */
export function fenceRun(run: Run, holdsWorkspace: boolean, { now, backupAt }: Restoration): Run {
  if (isFinal(run.status)) return run;
  const what = `the control plane was restored from a backup of ${backupAt.toISOString()}, when this run was ${statusText(run.status)}`;
  const errorMessage = holdsWorkspace
    ? `${what}: what it has done since is not known. The workspace stays locked: look at what was applied, then decide with windlass run resolve`
    : `${what}: start it again`;
  return {
    ...run,
    ...noPlanFiles,
    status: "errored",
    statusAt: now,
    endedAt: now,
    errorMessage,
    version: run.version + 1,
  };
}
