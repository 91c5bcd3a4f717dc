import { access, stat } from "node:fs/promises";
import { ConnectError } from "@connectrpc/connect";
import { JobEngine, type JobSpec } from "../../gen/windlass/agent/v1/job_pb.ts";
import type { PlanDocuments } from "../../gen/windlass/agent/v1/plan_pb.ts";
import { settled } from "../../lib/async/abort.ts";
import { failpoint } from "../../lib/program/failpoint.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import { type PlanOptions, planArgv } from "../../terraform/engines/argv.ts";
import { walkOfPlan } from "../../terraform/engines/early-interrupt.ts";
import { removeFile } from "../disk/durable-files.ts";
import { configurationRoot } from "../jobs/files.ts";
import { idsOf } from "../jobs/job.ts";
import { readPlanLock } from "../plan/plan-lock.ts";
import type { PlanDigest, PlanTooLarge } from "../plan/plan-reading.ts";
import { type Collected, collectPlanFiles } from "../plan-files/collect.ts";
import { tellElsewhere } from "../plan-files/tell.ts";
import { type PlanToUpload, sha256OfFile } from "../transfers/artifacts.ts";
import type { Execution } from "./execution.ts";
import { endOfHook, exitCodeOf, failureOf } from "./failures.ts";
import { jot, note } from "./job-notes.ts";
import type { StepEnd } from "./job-steps.ts";
import { bringSummary, countsAhead, type LateSummary, uploaderOf } from "./late-summary.ts";
import { initialize, isSuccess } from "./phase-steps.ts";
import { errored, finished, type PhaseEnd } from "./results.ts";
import { afterShow, documentsOf, readPlan, runShow, wantsRedacted } from "./shown-plan.ts";
import { placeSharedStates } from "./states/shared-states.ts";
import { stateArgument } from "./states/state-place.ts";
import { variableFiles } from "./variable-files.ts";
import { callForJob } from "./way-problem.ts";

/** Plans: init if the configuration asks for it, plan, read the plan, upload it with its summary; hooks before and behind. */
export async function planPhase(execution: Execution): Promise<PhaseEnd> {
  const { job, steps, hooks } = execution;
  const unplanned = (await initialize(execution)) ?? endOfHook(execution, await hooks.before("pre-plan"));
  if (unplanned !== undefined) return unplanned;
  const argv = async () => planArgv(await planOptions(execution));
  const plan = await steps.run({ name: "plan", argv, output: { kind: "text" }, hold: walkOfPlan });
  await removeFile(job.files.variables);
  // Go ends a program that crashes with 2 as well.
  const hasChanges = plan.kind === "exited" && plan.code === 2 && (await isThere(job.files.planFile));
  const isGood = hasChanges || isSuccess(plan);
  const failure = isGood ? undefined : await failureOf(execution, "plan", { end: plan });
  if (failure !== undefined && !(await isOfGenerated(execution, plan))) return behindFailure(execution, plan, failure);
  // A hook decides about the plan, and may add to what it has made.
  const isLookedAt = hooks.has("post-plan") || wantsRedacted(job.spec);
  // What the plan is and has made is found out while it is shown: no schemas lend the state to the configuration then.
  const beside = isLookedAt ? undefined : settled(gather(execution));
  const counts = failure === undefined && !hooks.has("post-plan") ? await countsAhead(execution) : undefined;
  const show = settled(runShow(execution, { isUrgent: counts === undefined }));
  const gatheredAhead = counts === undefined ? undefined : await beside;
  if (counts !== undefined && gatheredAhead?.status === "fulfilled" && !job.canceled.aborted)
    return handOverAhead(execution, gatheredAhead.value, { hasChanges, counts, show });
  const unshown = await afterShow(execution, taken(await show));
  const planJson = unshown === undefined ? steps.outputPath("show") : undefined;
  const verdict = await hooks.after("post-plan", { exitCode: exitCodeOf(plan), planJson });
  const over = unshown ?? (failure === undefined ? endOfHook(execution, verdict) : undefined);
  const gathered = await (beside ?? (over === undefined ? settled(gather(execution)) : undefined));
  if (over !== undefined) return failure ?? over;
  const denial = verdict.kind === "denied" ? verdict.by : "";
  const digest = await readPlan(execution);
  if (digest.kind === "too-large") return errored(tooLargeText(digest));
  const documents = () => documentsOf(execution, digest);
  const end = await handOver(execution, taken(gathered), { ...digest, hasChanges, documents, summaryFollows: false });
  return end.outcome === "finished" ? (failure ?? { ...end, denial }) : end;
}

/** Hooks behind a plan run also if that has failed; they change nothing of it. */
async function behindFailure({ job, hooks }: Execution, plan: StepEnd, failure: PhaseEnd): Promise<PhaseEnd> {
  if (plan.kind !== "exited" || job.canceled.aborted || job.journal.has("fenced")) return failure;
  await hooks.tell("post-plan", await hooks.after("post-plan", { exitCode: plan.code }));
  return failure;
}

/** A plan that is known before it is shown. */
interface CountedPlan extends Pick<LateSummary, "show"> {
  readonly hasChanges: boolean;
  readonly counts: PlanDigest["counts"];
}

/** Hands over a plan about which nobody decides: what people see of it follows the result. */
async function handOverAhead(
  execution: Execution,
  gathered: Gathered,
  { hasChanges, counts, show }: CountedPlan,
): Promise<PhaseEnd> {
  const nothingYet = { summary: [], elsewhere: [], documents: async () => undefined } as const;
  const end = await handOver(execution, gathered, { ...nothingYet, counts, hasChanges, summaryFollows: true });
  const { sha256 } = gathered;
  if (end.outcome === "finished") execution.afterwards.set(() => bringSummary(execution, { sha256, counts, show }));
  else await show;
  return end;
}

/** What a plan is, and what it has made. */
interface Gathered {
  readonly sha256: string;
  readonly made: Collected;
  readonly lockFile: Uint8Array;
}

async function gather(execution: Execution): Promise<Gathered> {
  const [sha256, made, lockFile] = await Promise.all([
    sha256OfFile(execution.job.files.planFile),
    collectFiles(execution),
    readPlanLock(execution.place.directory),
  ]);
  return { sha256, made, lockFile };
}

function taken<T>(result: PromiseSettledResult<T> | undefined): T {
  if (result === undefined) throw new WindlassError("internal", "the plan was not looked at");
  if (result.status === "rejected") throw result.reason;
  return result.value;
}

/**
 * Whether a plan failed that has generated configuration: people correct it by hand, so that it is brought to them as that of
 * a good plan is.
 */
async function isOfGenerated({ job: { spec, files, canceled } }: Execution, plan: StepEnd): Promise<boolean> {
  if (spec.options?.generateConfiguration !== true || canceled.aborted) return false;
  const isFailed = plan.kind === "exited" && plan.code === 1;
  return isFailed && (await isThere(files.generatedConfiguration)) && (await isThere(files.planFile));
}

const isThere = async (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

/** The workspace may have another engine than when its run was created: no option is left out in silence. */
function refuseForTerraform({ engine, options }: JobSpec): void {
  if (engine === JobEngine.TOFU || options === undefined) return;
  const { excludes, suppressForgetErrors } = options;
  if (excludes.length === 0 && !suppressForgetErrors) return;
  const flag = suppressForgetErrors ? "-suppress-forget-errors" : "-exclude";
  throw new WindlassError(
    "validation",
    `the run was created with ${flag}, which only OpenTofu has, and its workspace runs terraform now: set the workspace's engine to tofu, or start a run without it`,
  );
}

/** Options of terraform from those of the run; variables go to files outside of the configuration. */
async function planOptions(execution: Execution): Promise<PlanOptions> {
  const { job, variables, place } = execution;
  const { options } = job.spec;
  refuseForTerraform(job.spec);
  const state = stateArgument(execution);
  const { shared } = await variables;
  await placeSharedStates(execution, shared);
  const varFiles = await variableFiles(execution);
  const parallelism = options?.parallelism ?? 0;
  const generated = options?.generateConfiguration === true ? job.files.generatedConfiguration : undefined;
  return {
    out: place.seen(job.files.planFile),
    destroy: options?.destroy ?? false,
    refresh: !(options?.skipRefresh ?? false),
    refreshOnly: options?.refreshOnly ?? false,
    targets: options?.targets ?? [],
    replace: options?.replacements ?? [],
    excludes: options?.excludes ?? [],
    varFiles,
    state,
    parallelism: parallelism === 0 ? undefined : parallelism,
    generatedConfiguration: generated === undefined ? undefined : place.seen(generated),
  };
}

/** What is told of a plan with it. */
interface Told extends Pick<PlanDigest, "summary" | "counts" | "elsewhere"> {
  readonly hasChanges: boolean;
  readonly documents: () => Promise<PlanDocuments | undefined>;
  readonly summaryFollows: boolean;
}

const tooLargeText = ({ bytes }: PlanTooLarge): string =>
  `the plan cannot be summed up: its JSON of ${bytes} bytes takes too much memory`;

/** Uploads the plan, its summary and what it made; a plan that the control plane does not have is none. */
async function handOver(
  execution: Execution,
  { sha256, made, lockFile }: Gathered,
  { hasChanges, counts, elsewhere, summary, documents, summaryFollows }: Told,
): Promise<PhaseEnd> {
  const { job, context } = execution;
  if (made.kind === "unknown") return planAgain(execution);
  const told = made.told + (job.spec.options?.planOnly === true ? "" : tellElsewhere(elsewhere));
  // Before anybody confirms it.
  if (told !== "") await execution.log.say("50-plan-files", () => told);
  const { engineVersion } = execution.ready;
  const upload = {
    sha256,
    summary,
    files: made.packed,
    engine: job.spec.engine,
    engineVersion,
    lockFile,
    documents: await documents(),
    summaryFollows,
  };
  const send = () => context.uploads.plan(uploaderOf(execution), job.files.planFile, upload, context.stopping);
  const keeping = keepForApply(execution, upload);
  try {
    await callForJob(send, { job, context, what: "deliver the plan" }, context.stopping);
    await keeping;
  } catch (error) {
    await keeping;
    context.stopping.throwIfAborted();
    return errored(`the plan could not be uploaded: ${ConnectError.from(error).rawMessage}`, { exitCode: 0 });
  }
  failpoint("agent.plan-uploaded");
  await jot(job, context, { kind: "plan_uploaded", sha256, ...(summaryFollows && { summaryFollows }) });
  return finished({ exitCode: hasChanges ? 2 : 0, hasChanges, planSha256: sha256, counts });
}

/** The apply of the plan may come to this agent: then it fetches none of it. */
async function keepForApply(
  { job, context }: Execution,
  { sha256, files }: Pick<PlanToUpload, "sha256" | "files">,
): Promise<void> {
  if (job.spec.options?.planOnly === true) return;
  try {
    await keepPlan({ job, context }, { sha256, files });
  } catch (error) {
    context.log.warn({ ...idsOf(job), err: error }, "a plan cannot be kept for its apply: it will be fetched");
  }
}

async function keepPlan(
  { job, context }: Pick<Execution, "job" | "context">,
  { sha256, files }: Pick<PlanToUpload, "sha256" | "files">,
): Promise<void> {
  const { cache } = context.downloads;
  const sizeBytes = (await stat(job.files.planFile)).size;
  await cache.keep({ what: "the plan", kind: "secret", sha256, sizeBytes }, job.files.planFile);
  if (files === undefined) return;
  const object = { what: "the archive of the plan's files", kind: "secret", sha256: files.sha256 } as const;
  await cache.keep({ ...object, sizeBytes: files.bytes }, files.file);
}

/** What was made while planning goes with a plan that may be applied. */
async function collectFiles({ job, context, place }: Execution): Promise<Collected> {
  const { files, spec } = job;
  if (spec.options?.planOnly === true) return { kind: "collected", packed: undefined, told: "" };
  const root = configurationRoot(files.work);
  const collected = await collectPlanFiles({
    root,
    seenRoot: place.seenPlace(root),
    record: files.configurationRecord,
    archive: files.planFilesArchive,
    maxBytes: spec.planFiles === undefined ? undefined : Number(spec.planFiles.sizeBytes),
    signal: context.stopping,
  });
  failpoint("agent.plan-files-packed");
  return collected;
}

/** Nobody can tell what the plan made: it is tried again, elsewhere or here. */
async function planAgain({ job, context }: Execution): Promise<PhaseEnd> {
  context.log.warn(idsOf(job), "what lay beside the configuration before the plan is not known any more");
  await note(job, context, { kind: "fenced" });
  return errored("it is not known any more which files the plan made: start the run again");
}
