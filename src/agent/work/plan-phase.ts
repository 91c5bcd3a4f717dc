import { access, stat } from "node:fs/promises";
import { join } from "node:path";
import { ConnectError } from "@connectrpc/connect";
import { JobEngine, type JobSpec } from "../../gen/windlass/agent/v1/job_pb.ts";
import type { PlanDocuments } from "../../gen/windlass/agent/v1/plan_pb.ts";
import { openRegular } from "../../lib/fs/regular-file.ts";
import { failpoint } from "../../lib/program/failpoint.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import { type PlanOptions, planArgv, schemasArgv, showPlanArgv } from "../../terraform/engines/argv.ts";
import { walkOfPlan } from "../../terraform/engines/early-interrupt.ts";
import { readAt, removeFile } from "../disk/durable-files.ts";
import { configurationRoot } from "../jobs/files.ts";
import { idsOf } from "../jobs/job.ts";
import { notice } from "../jobs/log-lines.ts";
import { digestPlan } from "../plan/plan-digest.ts";
import { packDocuments } from "../plan/plan-documents.ts";
import { readPlanLock } from "../plan/plan-lock.ts";
import type { PlanDigest } from "../plan/plan-reading.ts";
import { type Collected, collectPlanFiles } from "../plan-files/collect.ts";
import { tellElsewhere } from "../plan-files/tell.ts";
import { type PlanToUpload, sha256OfFile } from "../transfers/artifacts.ts";
import type { Execution } from "./execution.ts";
import { failureOf } from "./failures.ts";
import { jot, note } from "./job-notes.ts";
import type { StepEnd } from "./job-steps.ts";
import { initialize, isSuccess } from "./phase-steps.ts";
import { errored, finished, type PhaseEnd } from "./results.ts";
import { placeSharedStates, sharedStatesIn } from "./states/shared-states.ts";
import { lendState, stateArgument, takeStateBack } from "./states/state-place.ts";
import { earlyVariableFiles, variableFiles } from "./variable-files.ts";
import { callForJob } from "./way-problem.ts";

/** Plans: init if the configuration asks for it, plan, read the plan, upload it with its summary. */
export async function planPhase(execution: Execution): Promise<PhaseEnd> {
  const { job, steps } = execution;
  const over = await initialize(execution);
  if (over !== undefined) return over;
  const argv = async () => planArgv(await planOptions(execution));
  const plan = await steps.run({ name: "plan", argv, output: { kind: "text" }, hold: walkOfPlan });
  await removeFile(job.files.variables);
  // Go ends a program that crashes with 2 as well.
  const hasChanges = plan.kind === "exited" && plan.code === 2 && (await isThere(job.files.planFile));
  const isGood = hasChanges || isSuccess(plan);
  const failure = isGood ? undefined : await failureOf(execution, "plan", { end: plan });
  if (failure !== undefined && !(await isOfGenerated(execution, plan))) return failure;
  // What the plan is and has made is found out while it is shown: no schemas lend the state to the configuration then.
  const isBeside = !wantsRedacted(job.spec);
  const beside = isBeside ? settled(gather(execution)) : undefined;
  const shown = await showPlan(execution);
  const gathered = await (beside ?? (shown === undefined ? settled(gather(execution)) : undefined));
  if (shown !== undefined) return failure ?? shown;
  const end = await handOver(execution, hasChanges, taken(gathered));
  return end.outcome === "finished" ? (failure ?? end) : end;
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

type Settled<T> = PromiseSettledResult<T>;

const settled = async <T>(work: Promise<T>): Promise<Settled<T>> => {
  const [result] = await Promise.allSettled([work]);
  return result;
};

function taken<T>(result: Settled<T> | undefined): T {
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

/** Prints the plan as JSON, and the schemas if they are wanted, to files; answers the end of the phase if that failed. */
async function showPlan(execution: Execution): Promise<PhaseEnd | undefined> {
  const { job, steps, place, log } = execution;
  const showArgv = async () => showPlanArgv(place.seen(job.files.planFile), await earlyVariableFiles(execution));
  const show = await steps.run({ name: "show", argv: showArgv, output: { kind: "hidden" } });
  await removeFile(job.files.variables);
  if (!isSuccess(show)) {
    // One that was never started, or was lost, has said nothing.
    if (show.kind === "exited") await tellWhyNotShown(execution);
    return failureOf(execution, "show", { end: show });
  }
  if (!wantsRedacted(job.spec)) return undefined;
  const argv = async () => {
    await lendState(execution);
    return schemasArgv(await earlyVariableFiles(execution));
  };
  const schemas = await steps.run({ name: "schemas", argv, output: { kind: "hidden" } });
  await takeStateBack(execution);
  await removeFile(job.files.variables);
  if (isSuccess(schemas)) return undefined;
  if (schemas.kind !== "exited" || job.canceled.aborted)
    return failureOf(execution, "providers schema", { end: schemas });
  await log.say("65-schemas", () =>
    notice("clients cannot show this plan: the schemas of its providers could not be read"),
  );
  return undefined;
}

const wantsRedacted = ({ planDocuments }: JobSpec): boolean => planDocuments?.redacted ?? false;

const isThere = async (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

/** How much is read of what `show` printed when it failed. */
const maxShownBytes = 64 * 1024;

/**
 * What `show` says when it fails, without the document that it may have begun: that one is hidden because of its
 * secrets.
 */
async function tellWhyNotShown({ steps, log }: Execution): Promise<void> {
  await using file = await openRegular(steps.outputPath("show"));
  if (file === undefined) return;
  const said = await readAt(file, 0, maxShownBytes);
  const lines = Buffer.from(said)
    .toString("utf8")
    .split("\n")
    .filter((line) => !line.startsWith("{"));
  await log.say("60-show", () => lines.join("\n"));
}

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

/** Uploads the plan, its summary and what it made; a plan that the control plane does not have is none. */
async function handOver(
  execution: Execution,
  hasChanges: boolean,
  { sha256, made, lockFile }: Gathered,
): Promise<PhaseEnd> {
  const { job, context } = execution;
  const shown = await readPlan(execution);
  if (shown.kind === "too-large") {
    return errored(`the plan cannot be summed up: its JSON of ${shown.bytes} bytes takes too much memory`);
  }
  if (made.kind === "unknown") return planAgain(execution);
  const told = made.told + (job.spec.options?.planOnly === true ? "" : tellElsewhere(shown.elsewhere));
  // Before anybody confirms it.
  if (told !== "") await execution.log.say("50-plan-files", () => told);
  const { engineVersion } = execution.ready;
  const upload = {
    sha256,
    summary: shown.summary,
    files: made.packed,
    engine: job.spec.engine,
    engineVersion,
    lockFile,
    documents: await documentsOf(execution, shown),
  };
  const by = {
    artifacts: context.artifacts(job.spec.jobToken),
    noteDelivering: (doing: string) => job.noteDelivering(doing),
  };
  const send = () => context.uploads.plan(by, job.files.planFile, upload, context.stopping);
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
  await jot(job, context, { kind: "plan_uploaded", sha256 });
  return finished({ exitCode: hasChanges ? 2 : 0, hasChanges, planSha256: sha256, counts: shown.counts });
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

async function readPlan({ job, steps, place, variables }: Execution) {
  const { secrets } = await variables;
  const facts = {
    isRefreshOnly: job.spec.options?.refreshOnly ?? false,
    isTofu: job.spec.engine === JobEngine.TOFU,
  };
  const directories = ["/tmp", "/var/tmp", ...["tmp", "home"].map((name) => join(place.seenWork, name))];
  const brought = [place.seenPlace(configurationRoot(job.files.work)), sharedStatesIn(place.seenWork)];
  const outside = { directories, brought };
  const schemas = steps.outputPath("schemas");
  const isShown = wantsRedacted(job.spec) && (await stat(schemas)).size <= maxSchemasBytes;
  const paths = { path: steps.outputPath("show"), schemas: isShown ? schemas : undefined };
  return digestPlan({ ...paths, secrets, facts, outside });
}

/** Several times what the largest providers have. */
const maxSchemasBytes = 512 * 1024 * 1024;

/** What the control plane takes of the plan beside its summary. */
async function documentsOf({ job, steps, log }: Execution, shown: PlanDigest): Promise<PlanDocuments | undefined> {
  const wanted = job.spec.planDocuments;
  if (wanted === undefined) return undefined;
  const documents = await packDocuments(steps.outputPath("show"), shown, Number(wanted.maxBytes));
  if (wanted.redacted && documents.redactedJson.length === 0)
    await log.say("65-schemas", () =>
      notice("clients cannot show this plan: it is too large for them, or its schemas cannot be read"),
    );
  return documents;
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
