import { isEnded, type Job, type LateEvidence, type LogProblem } from "../../domain/runs/job.ts";
import { logProblemText } from "../../domain/runs/log-problem.ts";
import { mustDecide } from "../../domain/runs/lost.ts";
import type { Run } from "../../domain/runs/run.ts";
import { errorText, evidenceText } from "../../domain/runs/run-error.ts";
import { keptHooks, type RunHook, withHooksOf } from "../../domain/runs/run-hook.ts";
import type { Engine } from "../../domain/workspaces/workspace.ts";
import type { AgentId, JobId } from "../../lib/words/ids.ts";
import type { Queries } from "../../store/ports/store.ts";
import { type Change, changeAbout } from "../core/change.ts";
import { type Control, topics } from "../core/control.ts";
import { advanceJob, type ResultFacts, releaseWorkspace, saveRunFacts } from "../runs/advance.ts";
import { logStreamOf } from "../runs/logs.ts";
import { isGranted } from "./grant.ts";

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

/**
 * Decides whether an agent may start a job: one conditional change, bound to (job, epoch, incarnation). Undefined means
 * yes.
 */
export const grantStart = (
  control: Control,
  claim: Claim,
  { incarnation, mayStart }: Starter,
): Promise<string | undefined> =>
  changeAbout(control, claim.jobId, async (tx, at) => {
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

/** Puts an offered job back into the queue. */
export const declineOffer = (control: Control, claim: Claim): Promise<void> =>
  changeAbout(control, claim.jobId, async (tx, at) => {
    const job = claimed(await tx.jobs.get(claim.jobId), claim);
    if (job !== undefined) await advanceJob(tx, at, { job, event: { kind: "declined" } });
  });

/** Ends the claim on a started plan that its agent has given up, as if its lease were over. */
export const losePlan = (control: Control, claim: Claim): Promise<void> =>
  changeAbout(control, claim.jobId, async (tx, at) => {
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
  /** The agent cannot send what is missing. */
  readonly isLogLost: boolean;
  readonly planSha256: string;
  /** 0: none. */
  readonly stateSerial: number;
  /** Empty: none, or an agent that knows only the serial. */
  readonly stateSha256: string;
  /** The agent's journal shows that terraform apply was never started. */
  readonly hasNotApplied: boolean;
  /** The program that ran; null from an older agent. */
  readonly engine: Engine | null;
  /** Empty if none ran. */
  readonly engineVersion: string;
  /** Of the agent, that ran for the job. */
  readonly hooks: readonly Omit<RunHook, "phase">[];
}

export type ReportAnswer =
  /** Everything is stored; the agent may forget the job. */
  | { readonly kind: "sealed"; readonly logProblem: LogProblem | null }
  /** It says that the job has finished, and nobody has let it start. */
  | { readonly kind: "not_granted" }
  | { readonly kind: "needs_log"; readonly from: number }
  /** The last state has not arrived yet. */
  | { readonly kind: "needs_state" };

/**
 * Takes the result of a job: its log is sealed first, so that a run that has ended has its whole log, but not before
 * its state is here: until then nothing has ended.
 */
export async function takeReport(control: Control, claim: Claim, report: Report): Promise<ReportAnswer> {
  const { job, isHere } = await control.store.read(async (q) => {
    const found = claimed(await q.jobs.get(claim.jobId), claim);
    return { job: found, isHere: found !== undefined && (await hasState(q, found, report)) };
  });
  if (job === undefined || !isOpen(job)) return nothingMore;
  if (isTooEarly(job, report)) return { kind: "not_granted" };
  if (!isHere) return { kind: "needs_state" };
  const log = await closeLog(control, job, report);
  if (log.kind === "needs_log") return log;
  return changeAbout(control, claim.jobId, async (tx, at) => {
    const current = claimed(await tx.jobs.get(claim.jobId), claim);
    if (current === undefined || !isOpen(current)) return nothingMore;
    if (isTooEarly(current, report)) return { kind: "not_granted" };
    if (!(await hasState(tx, current, report))) return { kind: "needs_state" };
    const ending = { job: current, report, log };
    if (current.status === "interrupted") await takeLateReport(tx, at, ending);
    else if (isEnded(current.status)) await closeLateLog(tx, at, ending);
    else await end(tx, at, ending);
    if (log.problem !== null) await tellProblem(tx, at, { job: current, problem: log.problem });
    return { kind: "sealed", logProblem: log.problem };
  });
}

const nothingMore: ReportAnswer = { kind: "sealed", logProblem: null };

/** Terraform needs a grant: a result that says otherwise changes nothing, and the claim is as it was. */
const isTooEarly = (job: Job, { outcome }: Report): boolean => job.status === "offered" && outcome === "finished";

/** A job whose report would still tell something new. */
const isOpen = (job: Job): boolean =>
  job.status === "offered" || job.status === "started" || (isEnded(job.status) && !job.isLogClosed);

/** A log that takes nothing more: what is stored of it, and why that is not all. */
interface ClosedLog {
  readonly kind: "closed";
  readonly bytes: number;
  readonly problem: LogProblem | null;
}

interface Ending {
  readonly job: Job;
  readonly report: Report;
  readonly log: ClosedLog;
}

/** Closes the log as whole if it is what the agent reports, else with what is wrong; asks for what may still come. */
async function closeLog(
  { logs, log }: Control,
  job: Job,
  { logBytes, logSha256, isLogLost }: Report,
): Promise<ClosedLog | Extract<ReportAnswer, { kind: "needs_log" }>> {
  const sealed = await logs.seal(logStreamOf(job), logBytes, logSha256);
  if (sealed.kind === "sealed") return { kind: "closed", bytes: logBytes, problem: null };
  const { nextOffset: storedBytes } = sealed;
  if (sealed.kind === "incomplete" && !isLogLost) return { kind: "needs_log", from: storedBytes };
  const problem: LogProblem =
    sealed.kind === "incomplete"
      ? { kind: "not_sent", missingBytes: logBytes - storedBytes }
      : logBytes === storedBytes
        ? { kind: "sha256", storedBytes, reported: logSha256 }
        : { kind: "length", reportedBytes: logBytes, storedBytes };
  log.error(
    { jobId: job.id, runId: job.runId, ...problem },
    "a log is not what its agent reports: it is closed as it is",
  );
  await logs.sealWithGap(logStreamOf(job), problem.kind === "not_sent" ? problem.missingBytes : undefined);
  return { kind: "closed", bytes: storedBytes, problem };
}

/** The run's timeline says of which log what is wrong. */
async function tellProblem(
  tx: Queries,
  at: Change,
  { job, problem }: { readonly job: Job; readonly problem: LogProblem },
): Promise<void> {
  const run = await tx.runs.get(job.runId);
  if (run === undefined) return;
  const told = {
    actor: job.agentName ?? "",
    title: `the log of the ${job.phase} is not whole`,
    comment: logProblemText(problem),
  };
  await saveRunFacts(tx, at, { run, told });
}

/** Whether the last state is here: exactly that content, where the agent names it. */
async function hasState(tx: Queries, job: Job, { stateSerial, stateSha256 }: Report): Promise<boolean> {
  if (job.phase !== "apply" || (stateSerial === 0 && stateSha256 === "")) return true;
  const newest = await tx.states.newestOfJob(job.id);
  if (newest === undefined) return false;
  if (stateSha256 === "") return newest.serial >= stateSerial;
  // A person may have adopted it under another serial meanwhile.
  return newest.sha256 === stateSha256 || (await tx.states.lastWord(job.id, stateSha256)) !== undefined;
}

async function end(tx: Queries, at: Change, { job, report, log }: Ending): Promise<void> {
  if (job.phase === "plan") await noteEngine(tx, job, report);
  await noteHooks(tx, job, report);
  const checked =
    job.phase === "plan" ? { ...(await checkPlan(tx, job, report)), resourcesInFlight: [], lost: null } : report;
  const { outcome, exitCode, errorMessage } = checked;
  const stateSerial = report.stateSerial === 0 ? null : report.stateSerial;
  await advanceJob(tx, at, {
    job,
    facts: checked,
    event: {
      kind: "ended",
      outcome,
      exitCode,
      errorMessage,
      stateSerial,
      logBytes: log.bytes,
      logProblem: log.problem,
      hasNotApplied: await isUntouched(tx, job, report),
    },
  });
}

/** Saved with the move that follows, as what comes next. */
async function noteHooks(tx: Queries, job: Job, report: Report): Promise<void> {
  const run = await tx.runs.get(job.runId);
  if (run === undefined) return;
  const hooks = hooksWith(run, job, report);
  if (hooks !== null || run.hooks !== null) await tx.runs.save({ ...run, hooks });
}

const hooksWith = (run: Run, { phase }: Job, { hooks }: Report): Run["hooks"] =>
  withHooksOf(run.hooks, phase, keptHooks(hooks.map((hook) => ({ phase, ...hook }))));

/**
 * The run says which program planned it, also when the plan failed. Saved with the move that follows, whose version it
 * has.
 */
async function noteEngine(tx: Queries, job: Job, { engine, engineVersion }: Report): Promise<void> {
  if (engineVersion === "") return;
  const run = await tx.runs.get(job.runId);
  if (run === undefined || run.engineVersion === engineVersion) return;
  const known = engine ?? run.engine ?? (await tx.workspaces.get(job.workspaceId))?.engine ?? null;
  await tx.runs.save({ ...run, engine: known, engineVersion });
}

/** An agent is believed that it has not applied, or had no grant to do it, if nothing speaks against it. */
async function isUntouched(tx: Queries, job: Job, report: Report): Promise<boolean> {
  const { add, change, destroy, import: imported, forget = 0 } = report.counts;
  const hasChanged = add + change + destroy + imported + forget + report.resourcesInFlight.length > 0;
  const hasTraces = report.stateSerial > 0 || report.lost !== null || hasChanged;
  const isSaid = report.hasNotApplied || job.status === "offered";
  return isSaid && !hasTraces && (await tx.states.newestOfJob(job.id)) === undefined;
}

/** A plan that would be applied must be here, and be the one that the agent speaks of. */
async function checkPlan(tx: Queries, job: Job, report: Report): Promise<Report> {
  if (job.phase !== "plan" || report.outcome !== "finished") return report;
  const run = await tx.runs.get(job.runId);
  const isNeeded = run !== undefined && !run.options.isPlanOnly && (report.hasChanges || run.options.allowsEmptyApply);
  if (!isNeeded || (run.planSha256 !== null && run.planSha256 === report.planSha256)) return report;
  return { ...report, outcome: "errored", errorMessage: `${whyNoPlan(run, report)}: start the run again` };
}

function whyNoPlan({ planSha256 }: Run, report: Report): string {
  if (planSha256 === null)
    return "the agent reported a plan that can be applied and uploaded none: nothing is there to apply";
  const reported = report.planSha256 === "" ? "none" : `one with SHA-256 ${report.planSha256}`;
  return `the agent uploaded a plan with SHA-256 ${planSha256} and reported ${reported}`;
}

/** A plan whose agent was lost has ended without its log; now the agent has brought it. */
async function closeLateLog(tx: Queries, at: Change, { job, log }: Ending): Promise<void> {
  const closed: Job = { ...job, isLogClosed: true, logBytes: log.bytes, logProblem: log.problem };
  await tx.jobs.saveIf(closed, { epoch: job.epoch, status: job.status });
  at.touched.add(topics.run(job.runId)).add(topics.log(job.id));
}

/**
 * Evidence after the fact: the run stays errored, and says what is now known; the workspace is free once its state is
 * safe.
 */
async function takeLateReport(tx: Queries, at: Change, { job, report, log }: Ending): Promise<void> {
  const run = await tx.runs.get(job.runId);
  const evidence = await evidenceOf(tx, job, report);
  const late: Job = {
    ...job,
    isLogClosed: true,
    logBytes: log.bytes,
    logProblem: log.problem,
    exitCode: report.exitCode,
    stateSerial: evidence.state?.serial ?? null,
    lateEvidence: evidence,
  };
  await tx.jobs.saveIf(late, { epoch: job.epoch, status: job.status });
  if (run === undefined) return;
  const { resourcesInFlight, lost, counts: appliedChanges } = report;
  const errorMessage = errorText(run, { kind: "recovered", cause: job.errorMessage, evidence, lost });
  const hooks = hooksWith(run, job, report);
  const told: Run = { ...run, errorMessage, resourcesInFlight, lost, appliedChanges, hooks };
  const comment = evidenceText(told, evidence);
  const event = { actor: job.agentName ?? "", title: "the lost agent came back", comment };
  await saveRunFacts(tx, at, { run: told, told: event });
  at.touched.add(topics.log(job.id));
  if (evidence.state?.isAside !== true && !mustDecide(lost)) await releaseWorkspace(tx, at, told);
}

async function evidenceOf(tx: Queries, job: Job, report: Report): Promise<LateEvidence> {
  const { outcome, exitCode, errorMessage: message, stateSerial: serial } = report;
  const isAside = serial !== 0 && (await tx.states.newestOfJob(job.id))?.status === "quarantined";
  return { outcome, exitCode, message, state: serial === 0 ? null : { serial, isAside } };
}
