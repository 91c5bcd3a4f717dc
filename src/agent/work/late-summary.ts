import { abortable, settled } from "../../lib/async/abort.ts";
import { plannedCounts } from "../../terraform/plan/planned-counts.ts";
import { readPrepared } from "../jobs/files.ts";
import { type AgentJob, idsOf } from "../jobs/job.ts";
import { JobLog } from "../jobs/log.ts";
import type { PlanDigest } from "../plan/plan-reading.ts";
import type { SummaryToUpload } from "../transfers/artifacts.ts";
import type { Uploader } from "../transfers/part-uploads.ts";
import { Afterwards, type Execution } from "./execution.ts";
import { JobHooks } from "./hooks/job-hooks.ts";
import { jot } from "./job-notes.ts";
import { placeBeside } from "./job-place.ts";
import { JobSteps, type StepEnd } from "./job-steps.ts";
import { fetchVariables } from "./job-variables.ts";
import { isSuccess } from "./phase-steps.ts";
import type { JobContext } from "./services.ts";
import { documentsOf, ownDirectories, readPlan, runShow, wantsRedacted } from "./shown-plan.ts";
import { callForJob } from "./way-problem.ts";

export const uploaderOf = ({ job, context }: Pick<Execution, "job" | "context">): Uploader => ({
  artifacts: context.artifacts(job.spec.jobToken),
  noteDelivering: (doing) => job.noteDelivering(doing),
});

/**
 * What a plan would do, if it is known before the plan is shown, and if people need not be told more before it is applied: that data
 * lies where the apply may not find it, for example.
 */
export async function countsAhead({
  job,
  place,
}: Pick<Execution, "job" | "place">): Promise<PlanDigest["counts"] | undefined> {
  if (!job.spec.summaryMayFollow || wantsRedacted(job.spec)) return undefined;
  const elsewhere = ownDirectories(place).map((directory) => `${directory}/`);
  const counts = await plannedCounts(job.files.planFile, elsewhere);
  return counts === undefined ? undefined : { ...counts, forget: 0, drift: 0 };
}

/** A plan that was handed over, and what shows it. */
export interface LateSummary {
  readonly sha256: string;
  /** As they were told; undefined when nobody knows any more. */
  readonly counts: PlanDigest["counts"] | undefined;
  readonly show: Promise<PromiseSettledResult<StepEnd>>;
}

/** Brings what people see of a plan, behind its result. The plan is no worse where that fails. Rejects only when the agent stops. */
export async function bringSummary(execution: Execution, plan: LateSummary): Promise<void> {
  const { job, context } = execution;
  const { stopping } = context;
  try {
    const { engineVersion } = execution.ready;
    const seen = await whatIsSeen(execution, plan);
    const late = { sha256: plan.sha256, engineVersion, ...seen };
    const send = () => context.uploads.summary(uploaderOf(execution), late, stopping);
    await callForJob(send, { job, context, what: "deliver the summary of the plan" }, stopping);
  } catch (error) {
    stopping.throwIfAborted();
    context.log.warn({ ...idsOf(job), err: error }, "the summary of a plan cannot be delivered");
  }
  await jot(job, context, { kind: "summary_settled" });
}

const nothing = { summary: [], documents: undefined } as const;

async function whatIsSeen(
  execution: Execution,
  { show, counts }: LateSummary,
): Promise<Pick<SummaryToUpload, "summary" | "documents">> {
  const { job, context } = execution;
  const shown = await show;
  context.stopping.throwIfAborted();
  const isShown = shown.status === "fulfilled" && isSuccess(shown.value);
  const digest = isShown ? await readPlan(execution) : undefined;
  if (digest?.kind !== "digested") {
    context.log.warn({ ...idsOf(job), show: shown }, "a plan that is applied cannot be shown");
    return nothing;
  }
  const { summary, counts: seen } = digest;
  if (counts !== undefined && JSON.stringify(sorted(seen)) !== JSON.stringify(sorted(counts)))
    context.log.error(
      { ...idsOf(job), told: counts, seen },
      "a plan was counted in another way than its document does",
    );
  return { summary, documents: await documentsOf(execution, digest) };
}

const sorted = (counts: PlanDigest["counts"]) => Object.entries(counts).toSorted(([a], [b]) => (a < b ? -1 : 1));

/** What an earlier process of this agent has told the result of, and not done yet. */
export function owedOf(job: AgentJob, context: JobContext): Afterwards {
  const afterwards = new Afterwards();
  const uploaded = job.journal.last("plan_uploaded");
  const isOwed = uploaded?.summaryFollows === true && !job.journal.has("summary_settled");
  if (isOwed) afterwards.set(() => bringOwed(job, context, uploaded.sha256));
  return afterwards;
}

async function bringOwed(job: AgentJob, context: JobContext, sha256: string): Promise<void> {
  const ready = await readPrepared(job.files);
  if (ready?.kind !== "ready") return;
  const variables = fetchVariables(job, context);
  variables.catch(() => {});
  await using log = await finishedLog(job, context);
  const place = await placeBeside(job, context, ready);
  const steps = new JobSteps({ job, context, log, variables, ready, place });
  const hooks = await JobHooks.open({ job, context, log, steps, place, variables });
  const execution = { job, context, log, variables, ready, place, steps, hooks, afterwards: new Afterwards() };
  const show = abortable(settled(runShow(execution, { isUrgent: false })), context.stopping);
  await bringSummary(execution, { sha256, counts: undefined, show });
}

/** The log is complete: nothing is added to it. */
async function finishedLog({ files }: AgentJob, { clock, log, stopping }: JobContext): Promise<JobLog> {
  const [spoolPath, rawDir] = [files.spool, files.raw];
  const secrets = Promise.resolve([]);
  const opened = await JobLog.open({
    spoolPath,
    rawDir,
    secrets,
    maxBytes: 0,
    onGrowth: () => {},
    clock,
    log,
    stopping,
  });
  await opened.finish();
  return opened;
}
