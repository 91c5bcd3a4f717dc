import { abortable, linkSignals } from "../../lib/async/abort.ts";
import { failpoint } from "../../lib/program/failpoint.ts";
import { engineNameOf } from "../contract/engine-name.ts";
import { removeFile, removeTree } from "../disk/durable-files.ts";
import { type Prepared, secureJob } from "../jobs/files.ts";
import { type AgentJob, idsOf, type StartAnswer } from "../jobs/job.ts";
import type { StoredResult } from "../jobs/journal.ts";
import { storedLog } from "../jobs/log.ts";
import type { JobEnd } from "../jobs/work-to-end.ts";
import { type Executed, executeJob } from "./execute.ts";
import { Afterwards } from "./execution.ts";
import { jot, note } from "./job-notes.ts";
import { owedOf } from "./late-summary.ts";
import { notStarted } from "./results.ts";
import type { JobContext } from "./services.ts";
import { resendState } from "./states/resend-state.ts";

/**
 * Does a job from where its journal stands to its end: prepare, ask, execute, report. After a restart the same function
 * goes on where the last process stopped. Rejects only when stopped, or for a fault of this machine.
 */
export async function runJob(job: AgentJob, context: JobContext): Promise<JobEnd> {
  const stored = job.journal.last("result")?.result;
  if (stored !== undefined) return report(job, context, { result: stored, afterwards: owedOf(job, context) });
  if (!job.journal.has("exec")) {
    const start = await bringToStart(job, context);
    if (start.kind === "canceled") {
      const result = notStarted(engineNameOf(job.spec));
      await note(job, context, { kind: "result", result });
      return report(job, context, { result, afterwards: new Afterwards() });
    }
    if (start.kind !== "started") return start;
  }
  job.enter({ kind: "running" });
  const executed = await executeJob(job, context);
  return executed === undefined ? abandon(job, context) : report(job, context, executed);
}

/** Why the job's program cannot be had here; empty if it is here. */
const engineMissingOf = (prepared: Prepared): string =>
  prepared.kind === "unusable" && prepared.isEngineMissing === true ? prepared.message.slice(0, 4096) : "";

/** The control plane will give the job to another agent, or has done so. */
async function abandon(job: AgentJob, context: JobContext): Promise<JobEnd> {
  context.log.warn(idsOf(job), "job abandoned: the control plane gives it away again when its lease is over");
  await note(job, context, { kind: "acknowledged" });
  return { kind: "forgotten" };
}

type Start =
  | { readonly kind: "started" }
  | { readonly kind: "canceled" }
  | Extract<JobEnd, { kind: "forgotten" | "declined" }>;

/** Prepares a job and asks for it; when this resolves with `started`, the journal says so and terraform may be started. */
async function bringToStart(job: AgentJob, context: JobContext): Promise<Start> {
  if (job.isRestored) await abortable(job.confirmed, context.stopping);
  using until = linkSignals(context.stopping, job.canceled);
  try {
    until.signal.throwIfAborted();
    job.enter({ kind: "preparing" });
    const preparation = await context.runtime.prepare(job, context, until.signal);
    if (preparation.kind === "declined") return preparation;
    const grant = await ask(job, engineMissingOf(preparation), until.signal);
    if (grant.kind === "granted") {
      await job.freshness.untilFresh(until.signal);
      return await begin(job, context);
    }
    context.log.info({ ...idsOf(job), reason: grant.reason }, "job refused by the control plane");
    return { kind: "forgotten" };
  } catch (error) {
    context.stopping.throwIfAborted();
    if (job.gone.aborted) return { kind: "forgotten" };
    if (job.canceled.aborted) return { kind: "canceled" };
    throw error;
  }
}

/**
 * Asks for the job, which is on the disk before it is begun. An apply is there before anybody may believe that it runs; a plan that is
 * lost with the machine is planned again.
 */
async function ask(job: AgentJob, engineMissing: string, signal: AbortSignal): Promise<StartAnswer> {
  const securing = secureJob(job.files, job.journal);
  securing.catch(() => {});
  try {
    if (job.isApply) await securing;
    job.enter({ kind: "asking", engineMissing });
    return await abortable(job.granted, signal);
  } finally {
    await securing;
  }
}

/**
 * Invariant I1: what follows may have started terraform, and the journal says so before. The disk knows it with the line that comes
 * before the first process.
 */
async function begin(job: AgentJob, context: JobContext): Promise<Start> {
  await jot(job, context, { kind: "exec", epoch: String(job.claim.epoch) });
  failpoint("agent.exec-journaled");
  context.log.info(idsOf(job), "job started");
  return { kind: "started" };
}

/** Resolves with why the control plane takes no result of the job, if it does not. */
async function untilTaken(job: AgentJob, context: JobContext, result: StoredResult): Promise<string | undefined> {
  const over = new AbortController();
  using until = linkSignals(context.stopping, over.signal);
  const resending = resendState(job, context, result, until.signal);
  try {
    return (await abortable(Promise.race([job.sealed, job.resultRefused, resending]), context.stopping)) ?? undefined;
  } finally {
    over.abort();
    await resending.catch(() => {});
  }
}

/** Nobody applies the same plan again. */
async function forgetInputs({ spec }: AgentJob, { downloads }: JobContext): Promise<void> {
  for (const { sha256 } of [spec.plan, spec.planFiles, spec.state].filter((one) => one !== undefined))
    await downloads.cache.forget({ kind: "secret", sha256 });
}

/** Tells the result until the control plane has everything. */
async function report(job: AgentJob, context: JobContext, { result, afterwards }: Executed): Promise<JobEnd> {
  job.showLog(storedLog(job.files.spool, result.logBytes));
  job.enter({ kind: "reporting", result });
  await afterwards.run();
  // What terraform printed in clear was needed until the result was written down.
  if (!job.isApply) await removeFile(job.files.raw);
  for (const path of [job.files.cli, job.files.providers, job.files.packages]) await removeTree(path);
  const { outcome, exitCode, errorMessage } = result;
  // Of a plan that has changes the exit code is 2, which looks like a failure.
  const why = outcome === "finished" ? {} : { exitCode, errorMessage };
  context.log.info({ ...idsOf(job), outcome, ...why }, "job finished");
  const refusal = await untilTaken(job, context, result);
  if (refusal !== undefined) return { kind: "kept", reason: `the control plane refused its result: ${refusal}` };
  if (job.isApply) await forgetInputs(job, context);
  const undelivered = job.journal.last("state_undelivered");
  if (undelivered !== undefined) return { kind: "kept", reason: undelivered.reason };
  await note(job, context, { kind: "acknowledged" });
  return { kind: "forgotten" };
}
