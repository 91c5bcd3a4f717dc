import { linkSignals } from "../../lib/async/abort.ts";
import { failpoint } from "../../lib/program/failpoint.ts";
import { messageOf } from "../../lib/values/errors.ts";
import { isWindlassError } from "../../lib/words/errors.ts";
import { isFull, isOutOfSpace } from "../disk/durable-files.ts";
import { type Prepared, readPrepared } from "../jobs/files.ts";
import type { AgentJob } from "../jobs/job.ts";
import type { StoredResult } from "../jobs/journal.ts";
import { type FinishedLog, JobLog, storedLog } from "../jobs/log.ts";
import { heading, notice } from "../jobs/log-lines.ts";
import { applyPhase } from "./apply-phase.ts";
import { Afterwards, type Execution } from "./execution.ts";
import { readHookReports } from "./hooks/hook-reports.ts";
import { JobHooks } from "./hooks/job-hooks.ts";
import { jot, note } from "./job-notes.ts";
import { type JobPlace, placeJob } from "./job-place.ts";
import { JobSteps } from "./job-steps.ts";
import { fetchVariables, type GivenInputs } from "./job-variables.ts";
import { planPhase } from "./plan-phase.ts";
import { noProviders } from "./providers/job-providers.ts";
import { errored, type PhaseEnd } from "./results.ts";
import type { JobContext } from "./services.ts";
import { tellProblems } from "./states/shared-states.ts";
import { limitTime } from "./time-limit.ts";

/** What came of a job, and what is done for it behind that. */
export interface Executed {
  readonly result: StoredResult;
  readonly afterwards: Afterwards;
}

/** Executes a granted job, or takes its execution up again, and writes its result down. A plan that was fenced has none. */
export async function executeJob(job: AgentJob, context: JobContext): Promise<Executed | undefined> {
  const prepared = (await readPrepared(job.files)) ?? lostPreparation;
  await using fetching = beginFetching(job, context, prepared);
  const { variables } = fetching;
  await using log = await openLog(job, context, variables);
  job.showLog(log.view);
  await log.say("00-heading", () => heading(job.spec, prepared, context.agentName), {
    isAlwaysSame: true,
  });
  const afterwards = new Afterwards();
  const end = await phaseEnd({ job, context, log, prepared, variables, afterwards });
  if (job.journal.has("fenced")) return undefined;
  if (end.errorMessage !== "")
    await log.say("99-end", () => notice(end.errorMessage.replace(/: see the log(?=$|\. )/, "")));
  const finished = await log.finish();
  // Terraform does not notice that its output is lost, and the log may have kept up until then.
  const wasDiskFull = finished.wasDiskFull || (await isFull(job.files.root));
  const result = {
    ...withLog(end, { ...finished, wasDiskFull }, prepared.engineVersion),
    applyNotStarted: hasNotApplied(job, end),
    hooks: [...(await readHookReports(job.files.hookReports))],
  };
  // The file is closed with `log`: from here on the stream reads it by its name.
  job.showLog(storedLog(job.files.spool, result.logBytes));
  failpoint("agent.result-unwritten");
  // A crash of the machine may take the result of a plan, which is made again then.
  await (job.isApply ? note : jot)(job, context, { kind: "result", result });
  failpoint("agent.result-written");
  return { result, afterwards };
}

/**
 * What a job is given, as it arrives. Disposing it ends the questions and what they write: nothing of a job goes on
 * behind its end.
 */
function beginFetching(job: AgentJob, context: JobContext, { kind }: Prepared) {
  const over = linkSignals(context.stopping);
  const variables =
    kind === "ready" ? fetchVariables(job, { ...context, stopping: over.signal }) : Promise.resolve(noVariables);
  return {
    variables,
    [Symbol.asyncDispose]: async () => {
      over.abort(new Error("the job is over"));
      await variables.catch(() => {});
      over[Symbol.dispose]();
    },
  };
}

/** The journal knows of an apply before there is one: without a word in it, nothing was changed. */
const hasNotApplied = (job: AgentJob, { outcome }: PhaseEnd): boolean =>
  job.isApply && outcome !== "finished" && job.journal.ofStep("step_started", "apply") === undefined;

/** What cleans up behind a job: it changes nothing of its end. */
async function lastHooks({ job, hooks }: Pick<Execution, "job" | "hooks">, { exitCode }: PhaseEnd): Promise<void> {
  const stages = job.canceled.aborted ? (["on-cancel", "job-exit"] as const) : (["job-exit"] as const);
  for (const stage of stages) await hooks.tell(stage, await hooks.after(stage, { exitCode }));
}

/** A full disk is said on the run, and a plan that nobody can read in whole is none. */
function withLog(end: PhaseEnd, finished: FinishedLog, engineVersion: string): StoredResult {
  const { bytes, sha256, isWhole, wasDiskFull } = finished;
  const result = { ...end, logBytes: bytes, logSha256: sha256, engineVersion };
  if (!isWhole) {
    const message = `the agent's disk is full, and the rest of the log is missing: make space there. ${end.errorMessage}`;
    const outcome = end.outcome === "finished" && end.planSha256 !== "" ? "errored" : end.outcome;
    return { ...result, outcome, errorMessage: message.trim() };
  }
  if (!wasDiskFull || end.outcome === "finished") return result;
  return { ...result, errorMessage: `the agent's disk was full: make space there. ${end.errorMessage}` };
}

const noVariables: GivenInputs = { terraform: [], environment: [], shared: [], providers: noProviders, secrets: [] };
const lostPreparation: Prepared = {
  kind: "unusable",
  message: "the preparation of this job was lost: start the run again",
  engineVersion: "",
};

function openLog(job: AgentJob, context: JobContext, variables: Promise<GivenInputs>): Promise<JobLog> {
  const isFresh = !job.journal.has("step_started");
  // Before any step there is nothing to hide; afterwards nothing may be shown without knowing what to hide.
  const secrets = variables.then(
    (found) => found.secrets,
    () => (isFresh ? [] : undefined),
  );
  return JobLog.open({
    spoolPath: job.files.spool,
    rawDir: job.files.raw,
    secrets,
    maxBytes: Number(job.spec.maxLogBytes),
    onGrowth: () => job.logGrew(),
    clock: context.clock,
    log: context.log,
    stopping: context.stopping,
  });
}

interface Opened {
  readonly job: AgentJob;
  readonly context: JobContext;
  readonly log: JobLog;
  readonly prepared: Prepared;
  readonly variables: Promise<GivenInputs>;
  readonly afterwards: Afterwards;
}

async function phaseEnd({ job, context, log, prepared, variables, afterwards }: Opened): Promise<PhaseEnd> {
  if (prepared.kind === "unusable") return errored(prepared.message);
  using timeout = limitTime(job, context);
  let place: JobPlace | undefined;
  try {
    await tellProblems({ job, context, log, variables });
    place = await placeJob(job, context, prepared);
    const steps = new JobSteps({ job, context, log, variables, ready: prepared, place });
    const hooks = await JobHooks.open({ job, context, log, steps, place, variables });
    const execution = { job, context, log, variables, ready: prepared, place, steps, hooks, afterwards };
    const end = await (job.isApply ? applyPhase(execution) : planPhase(execution));
    await lastHooks(execution, end);
    await place.leave();
    return timeout.hasExpired && end.outcome !== "finished"
      ? { ...end, outcome: "errored", errorMessage: timeout.message }
      : end;
  } catch (error) {
    context.stopping.throwIfAborted();
    await place?.leave();
    if (!isWindlassError(error)) context.log.error({ err: error, job: job.key }, "the execution of a job failed");
    if (isOutOfSpace(error)) return errored("the agent's disk is full: make space there and start the run again");
    return errored(messageOf(error));
  }
}
