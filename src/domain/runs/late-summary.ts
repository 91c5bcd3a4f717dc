import { isEnded, type Job } from "./job.ts";
import { isSavedPlan, type Run } from "./run.ts";

/** How long after its plan has ended a summary is taken. */
const takenMs = 15 * 60_000;

/**
 * Whether the summary of its plan may follow its result: of a plan about which nobody decides, because it is applied at once
 * or never.
 */
export const summaryMayFollow = ({ options }: Pick<Run, "options">): boolean =>
  (options.isAutoApply || options.isPlanOnly) && !isSavedPlan({ options }) && options.generatesConfiguration !== true;

/** True for a plan that was handed over without its summary. */
export const lacksSummary = ({ planSha256, summaryBlobKey }: Pick<Run, "planSha256" | "summaryBlobKey">): boolean =>
  planSha256 !== null && summaryBlobKey === null;

/** True while the claim of a plan that has ended may still bring its summary. */
export const owesSummary = ({ phase, status }: Pick<Job, "phase" | "status">, run: Run): boolean =>
  phase === "plan" && status === "finished" && lacksSummary(run);

/** True when nobody waits any more for what a job that has ended has not brought. */
export const isTooLate = (
  { status, endedAt }: Pick<Job, "status" | "endedAt">,
  now: Date,
  waitMs: number = takenMs,
): boolean => isEnded(status) && endedAt !== null && now.getTime() - endedAt.getTime() > waitMs;
