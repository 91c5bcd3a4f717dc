import { mayUse } from "../domain/agent-pool.ts";
import { isEnded, type Job } from "../domain/job.ts";
import type { Run } from "../domain/run.ts";
import type { AgentId, JobId } from "../lib/ids.ts";
import type { Queries } from "../store/ports.ts";
import { advanceJob, change, type Moment, type ResultFacts, releaseWorkspace, saveRunFacts } from "./advance.ts";
import { type Control, topics } from "./control.ts";
import { logStreamOf } from "./run-logs.ts";

/** A claim as an agent names it: the job, the offer, and the agent that the verified session stands for. */
export interface Claim {
  readonly jobId: JobId;
  readonly epoch: number;
  readonly agentId: AgentId;
}

/** The job, if this is its present claim. */
export const claimed = (job: Job | undefined, claim: Claim): Job | undefined =>
  job !== undefined && job.epoch === claim.epoch && job.agentId === claim.agentId ? job : undefined;

/** Who asks for a start. */
export interface Starter {
  readonly incarnation: string;
  /** False for an agent whose token was revoked: what it has started goes on, and nothing else begins. */
  readonly mayStart: boolean;
}

/** Decides whether an agent may start a job: one conditional change, bound to (job, epoch, incarnation). Undefined means yes. */
export const grantStart = (
  control: Control,
  claim: Claim,
  { incarnation, mayStart }: Starter,
): Promise<string | undefined> =>
  change(control, async (tx, at) => {
    const job = claimed(await tx.jobs.get(claim.jobId), claim);
    if (job === undefined) return "the claim is over: the job was offered again, or has ended";
    if (job.status === "offered" && !mayStart) {
      await advanceJob(tx, at, { job, event: { kind: "declined" } });
      return "the agent token is not valid any more: another agent gets the job";
    }
    if (job.status === "offered" && !(await isGranted(tx, job))) {
      await advanceJob(tx, at, { job, event: { kind: "declined" } });
      return "the pool no longer grants the workspace";
    }
    const moved = await advanceJob(tx, at, { job, event: { kind: "started", incarnation } });
    return moved.kind === "refused" ? moved.why : undefined;
  });

async function isGranted(tx: Queries, job: Job): Promise<boolean> {
  const workspace = await tx.workspaces.get(job.workspaceId);
  if (workspace === undefined || workspace.poolId !== job.poolId) return false;
  if (job.poolId === null) return true;
  const pool = await tx.pools.get(job.poolId);
  return pool !== undefined && mayUse(pool, new Set(await tx.pools.grants(pool.id)), workspace);
}

/** Puts an offered job back into the queue. */
export const declineOffer = (control: Control, claim: Claim): Promise<void> =>
  change(control, async (tx, at) => {
    const job = claimed(await tx.jobs.get(claim.jobId), claim);
    if (job !== undefined) await advanceJob(tx, at, { job, event: { kind: "declined" } });
  });

/** Ends the claim on a started plan that its agent has given up, as if its lease were over. */
export const losePlan = (control: Control, claim: Claim): Promise<void> =>
  change(control, async (tx, at) => {
    const job = claimed(await tx.jobs.get(claim.jobId), claim);
    if (job?.status === "started" && job.phase === "plan") {
      await advanceJob(tx, at, { job, event: { kind: "lease_expired" } });
    }
  });

/** What an agent reports of a job that has ended. */
export interface Report extends ResultFacts {
  readonly outcome: "finished" | "errored" | "canceled";
  readonly exitCode: number;
  readonly errorMessage: string;
  readonly logBytes: number;
  readonly logSha256: string;
  readonly planSha256: string;
  /** 0: none. */
  readonly stateSerial: number;
}

export type ReportAnswer =
  /** Everything is stored; the agent may forget the job. */
  | { readonly kind: "sealed" }
  | { readonly kind: "needs_log"; readonly from: number }
  /** The last state has not arrived yet. */
  | { readonly kind: "needs_state" };

/** Takes the result of a job: its log is sealed first, so that a run that has ended has its whole log. */
export async function takeReport(control: Control, claim: Claim, report: Report): Promise<ReportAnswer> {
  const job = claimed(await control.store.read((q) => q.jobs.get(claim.jobId)), claim);
  if (job === undefined || !isOpen(job)) return { kind: "sealed" };
  const sealed = await control.logs.seal(logStreamOf(job), report.logBytes, report.logSha256);
  if (sealed.kind === "incomplete") return { kind: "needs_log", from: sealed.nextOffset };
  if (sealed.kind === "mismatch") await closeMismatch(control, job, report);
  return change(control, async (tx, at) => {
    const current = claimed(await tx.jobs.get(claim.jobId), claim);
    if (current === undefined || !isOpen(current)) return { kind: "sealed" };
    if (!(await hasState(tx, current, report))) return { kind: "needs_state" };
    if (current.status === "interrupted") await takeLateReport(tx, at, { job: current, report });
    else if (isEnded(current.status)) await closeLateLog(tx, at, { job: current, report });
    else await end(tx, at, { job: current, report });
    return { kind: "sealed" };
  });
}

/** A job whose report would still tell something new. */
const isOpen = (job: Job): boolean =>
  job.status === "offered" || job.status === "started" || (isEnded(job.status) && !job.isLogClosed);

async function closeMismatch(control: Control, job: Job, { logBytes }: Report): Promise<void> {
  control.log.error(
    { jobId: job.id, runId: job.runId, logBytes },
    "a log does not match its agent's SHA-256: it is closed with a visible gap",
  );
  await control.logs.sealWithGap(logStreamOf(job), undefined);
}

async function hasState(tx: Queries, job: Job, { stateSerial }: Report): Promise<boolean> {
  if (job.phase !== "apply" || stateSerial === 0) return true;
  const newest = await tx.states.newestOfJob(job.id);
  return newest !== undefined && newest.serial >= stateSerial;
}

async function end(tx: Queries, at: Moment, { job, report }: { job: Job; report: Report }): Promise<void> {
  const checked = job.phase === "plan" ? { ...(await checkPlan(tx, job, report)), resourcesInFlight: [] } : report;
  const { outcome, exitCode, errorMessage, logBytes } = checked;
  const stateSerial = report.stateSerial === 0 ? null : report.stateSerial;
  await advanceJob(tx, at, {
    job,
    facts: checked,
    event: { kind: "ended", outcome, exitCode, errorMessage, logBytes, stateSerial },
  });
}

/** A plan that would be applied must be here, and be the one that the agent speaks of. */
async function checkPlan(tx: Queries, job: Job, report: Report): Promise<Report> {
  if (job.phase !== "plan" || report.outcome !== "finished") return report;
  const run = await tx.runs.get(job.runId);
  const isNeeded = run !== undefined && !run.options.isPlanOnly && (report.hasChanges || run.options.allowsEmptyApply);
  if (!isNeeded || (run.planSha256 !== null && run.planSha256 === report.planSha256)) return report;
  return {
    ...report,
    outcome: "errored",
    errorMessage: "the plan file that the agent uploaded is not the one it reported: start the run again",
  };
}

/** A plan whose agent was lost has ended without its log; now the agent has brought it. */
async function closeLateLog(tx: Queries, at: Moment, { job, report }: { job: Job; report: Report }): Promise<void> {
  const closed: Job = { ...job, isLogClosed: true, logBytes: report.logBytes };
  await tx.jobs.saveIf(closed, { epoch: job.epoch, status: job.status });
  at.touched.add(topics.run(job.runId)).add(topics.log(job.id));
}

/** Evidence after the fact: the run stays errored, and says what is now known; the workspace is free once its state is safe. */
async function takeLateReport(tx: Queries, at: Moment, { job, report }: { job: Job; report: Report }): Promise<void> {
  const run = await tx.runs.get(job.runId);
  const late: Job = {
    ...job,
    isLogClosed: true,
    logBytes: report.logBytes,
    exitCode: report.exitCode,
    stateSerial: report.stateSerial === 0 ? null : report.stateSerial,
  };
  await tx.jobs.saveIf(late, { epoch: job.epoch, status: job.status });
  if (run === undefined) return;
  const newest = report.stateSerial === 0 ? undefined : await tx.states.newestOfJob(job.id);
  const isSafe = newest === undefined || newest.status !== "quarantined";
  const told: Run = {
    ...run,
    errorMessage: lateMessage(run, report, isSafe),
    resourcesInFlight: report.resourcesInFlight,
    appliedChanges: report.counts,
  };
  const comment = told.errorMessage.split(". Recovered: ").at(-1) ?? "";
  const event = { actor: job.agentName ?? "", title: "the lost agent came back", comment };
  await saveRunFacts(tx, at, { run: told, told: event });
  at.touched.add(topics.log(job.id));
  if (isSafe) await releaseWorkspace(tx, at, told);
}

function lateMessage(run: Run, { outcome, exitCode, errorMessage, stateSerial }: Report, isSafe: boolean): string {
  const first = run.errorMessage.split(". Recovered:")[0] ?? "";
  const said = errorMessage === "" ? "" : ` (${errorMessage})`;
  const state =
    stateSerial === 0
      ? "no state of it is stored"
      : `state serial ${stateSerial} ${isSafe ? "was recovered" : "is quarantined: look at it with `windlass state list --quarantined`"}`;
  return `${first}. Recovered: the agent came back, terraform had ${outcome === "finished" ? "applied everything" : `ended with exit code ${exitCode}${said}`}, ${state}`;
}
