import type { Principal } from "../../domain/people/principal.ts";
import { isEnded, type Job } from "../../domain/runs/job.ts";
import { lacksSummary, owesSummary, summaryMayFollow } from "../../domain/runs/late-summary.ts";
import { noPlanFiles, type Run } from "../../domain/runs/run.ts";
import type { Engine, Workspace } from "../../domain/workspaces/workspace.ts";
import { allSettled } from "../../lib/async/all-settled.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import type { Queries } from "../../store/ports/store.ts";
import { changeAbout } from "../core/change.ts";
import type { Control } from "../core/control.ts";
import { readSealedFrom, sha256Of, storeSealed } from "../core/sealed-blobs.ts";
import { unshownSummary } from "../documents/plan-summary.ts";
import { dropPlanFiles, saveRunFacts } from "../runs/advance.ts";
import { givenState, jobState } from "./given-state.ts";
import { isGranted } from "./grant.ts";
import { storePlanDocuments, type UploadedDocuments } from "./plan-documents.ts";
import { openPlanFiles, storePlanFiles, type UploadedFiles } from "./plan-files.ts";

/** What one job may touch, read from its token. */
export interface Scope {
  readonly job: Job;
  readonly run: Run;
  readonly workspace: Workspace;
}

async function scopeOf(q: Queries, who: Principal): Promise<Scope> {
  if (who.kind !== "job")
    throw new WindlassError("permission_denied", "this call needs a job token (wdl_job_…)", {
      metadata: { action: "job" },
    });
  const job = await q.jobs.get(who.jobId);
  const [run, workspace] = await allSettled([job && q.runs.get(job.runId), job && q.workspaces.get(job.workspaceId)]);
  if (job === undefined || run === undefined || workspace === undefined || job.epoch !== who.epoch) throw stale(who);
  return { job, run, workspace };
}

const stale = ({ jobId, epoch }: { readonly jobId: string; readonly epoch: number }): WindlassError =>
  new WindlassError("job_epoch_stale", `the claim ${epoch} on job ${jobId} is over`, {
    metadata: { job_id: jobId, epoch: String(epoch) },
  });

/** The scope of a claim that still runs. */
async function liveScope(q: Queries, who: Principal): Promise<Scope> {
  const scope = await scopeOf(q, who);
  if (isEnded(scope.job.status)) throw stale({ jobId: scope.job.id, epoch: scope.job.epoch });
  // What has started goes on to its end; before, the pool must still be the workspace's and grant it.
  if (scope.job.status === "offered" && !(await isGranted(q, scope.job))) throw notGranted(scope.job);
  return scope;
}

const notGranted = ({ id }: Job): WindlassError =>
  new WindlassError("permission_denied", `the pool of job ${id} no longer grants its workspace: nothing is given out`, {
    metadata: { action: "job" },
  });

/** The scope of a claim of which something may still come: it runs, its log is not closed, or its summary follows. */
export async function openScope(q: Queries, who: Principal): Promise<Scope> {
  const scope = await scopeOf(q, who);
  const { id, epoch, status, isLogClosed } = scope.job;
  if (isEnded(status) && isLogClosed && !owesSummary(scope.job, scope.run)) throw stale({ jobId: id, epoch });
  return scope;
}

/** The configuration archive of the job's run, from a byte on, as all that follow. */
export async function* configurationOfJob(
  { store, blobs }: Control,
  who: Principal,
  from = 0,
): AsyncGenerator<Uint8Array> {
  const configuration = await store.read(async (q) => {
    const { run } = await liveScope(q, who);
    return q.configurations.get(run.configurationId);
  });
  if (configuration === undefined)
    throw new WindlassError("not_found", "the configuration of this run is gone", {
      metadata: { resource: "configuration version", name: "" },
    });
  yield* blobs.get(configuration.blobKey, from);
}

/** The plan file that an apply applies. */
export async function* planOfJob(control: Control, who: Principal, from = 0): AsyncGenerator<Uint8Array> {
  const { job, run } = await control.store.read((q) => liveScope(q, who));
  if (job.phase !== "apply" || run.planBlobKey === null)
    throw new WindlassError("not_found", `job ${job.id} has no plan file to download`, {
      metadata: { resource: "plan", name: run.id },
    });
  yield* readSealedFrom(control, { key: run.planBlobKey, subject: `plan/${run.id}` }, from);
}

/** The archive of the files that the plan made, for its apply. */
export async function* planFilesOfJob(control: Control, who: Principal, from = 0): AsyncGenerator<Uint8Array> {
  const { job, run } = await control.store.read((q) => liveScope(q, who));
  if (job.phase !== "apply" || run.planFilesBlobKey === null)
    throw new WindlassError("not_found", `job ${job.id} has no files of a plan to download`, {
      metadata: { resource: "plan files", name: run.id },
    });
  yield* openPlanFiles(control, { runId: run.id, key: run.planFilesBlobKey }, from);
}

/** The state that the job begins with. */
export async function* stateOfJob(control: Control, who: Principal, from = 0): AsyncGenerator<Uint8Array> {
  const state = await control.store.read(async (q) => jobState(q, await liveScope(q, who)));
  if (state !== undefined) yield* (await givenState(control, state)).read(from);
}

/** A plan as an agent uploads it. */
export interface UploadedPlan {
  readonly plan: Uint8Array;
  readonly planSha256: string;
  /** As it is kept, see `StoredPart`: without any sensitive value. Undefined if it follows. */
  readonly summary: Uint8Array | undefined;
  readonly documents: UploadedDocuments;
  /** Undefined if it made none. */
  readonly files: UploadedFiles | undefined;
  /** The program that made it; null and empty from an older agent. */
  readonly engine: Engine | null;
  readonly engineVersion: string;
  /** Empty if there is none. */
  readonly lockFile: Uint8Array;
}

/** What of a plan follows its result. */
export type UploadedSummary = Pick<UploadedPlan, "planSha256" | "documents"> & { readonly summary: Uint8Array };

/** Refuses early, before any byte is taken, a token that may upload neither a plan nor what follows it. */
export const admitPlan = async ({ store }: Control, who: Principal): Promise<void> =>
  void (await store.read((q) => planScope(q, who)));

/** Whether this plan, with these files, is stored already. */
export async function isPlanKnown(
  { store }: Control,
  who: Principal,
  { planSha256, filesSha256 }: { readonly planSha256: string; readonly filesSha256: string },
): Promise<boolean> {
  const { run } = await store.read((q) => startedPlan(q, who));
  return run.planSha256 === planSha256 && (run.planFilesSha256 ?? "") === filesSha256;
}

/** Whether the summary of this plan is stored already. */
export async function isSummaryKnown({ store }: Control, who: Principal, planSha256: string): Promise<boolean> {
  const { run } = await store.read((q) => planScope(q, who));
  return run.planSha256 === planSha256 && !lacksSummary(run);
}

/** Stores the plan of a started plan job. The same again is fine. */
export async function storePlan(
  control: Control,
  who: Principal,
  { plan, planSha256, summary, documents, files, ...origin }: UploadedPlan,
): Promise<void> {
  const { run } = await control.store.read((q) => startedPlan(q, who));
  if (summary === undefined && !summaryMayFollow(run)) throw wantsSummary(run);
  await refuseOtherBytes(plan, planSha256, "plan");
  if (run.planSha256 === planSha256 && run.planFilesSha256 === (files?.sha256 ?? null)) {
    await passOver(files);
    if (summary !== undefined) await storeLateSummary(control, who, { planSha256, summary, documents });
    return;
  }
  // The files still come, behind everything else.
  const [planBlobKey, summaryBlobKey, shownWhole, made] = await Promise.all([
    storeSealed(control, plan, `plan/${run.id}`),
    summary === undefined ? null : storeSummary(control, run, summary),
    storePlanDocuments(control, run.id, documents),
    files === undefined ? noPlanFiles : storePlanFiles(control, run.id, files),
  ]);
  await changeAbout(control, run.id, async (tx, at) => {
    const { run: current, workspace } = await startedPlan(tx, who);
    const run = {
      ...current,
      planSha256,
      planBytes: plan.length,
      planBlobKey,
      summaryBlobKey,
      ...shownWhole,
      ...made,
      engine: origin.engine ?? workspace.engine,
      engineVersion: origin.engineVersion,
      planLockFile: origin.lockFile.length === 0 ? null : Buffer.from(origin.lockFile).toString("utf8"),
    };
    dropPlanFiles(at, current, run);
    await saveRunFacts(tx, at, { run });
  });
}

const wantsSummary = ({ id }: Run): WindlassError =>
  new WindlassError(
    "validation",
    `somebody may look at the plan of run ${id} before it is applied: upload it with its summary`,
    {
      fields: [{ field: "header.summary_follows", description: "expected false: the job has no summary_may_follow" }],
    },
  );

/** Stores the summary of a plan that was stored without it. The same again is fine. */
export async function storeLateSummary(
  control: Control,
  who: Principal,
  { planSha256, summary, documents }: UploadedSummary,
): Promise<void> {
  const { run } = await control.store.read((q) => planScope(q, who));
  demandPlan(run, planSha256);
  if (!lacksSummary(run)) return;
  const [summaryBlobKey, shownWhole] = await Promise.all([
    storeSummary(control, run, summary),
    storePlanDocuments(control, run.id, documents),
  ]);
  await changeAbout(control, run.id, async (tx, at) => {
    const { run: current } = await planScope(tx, who);
    demandPlan(current, planSha256);
    if (lacksSummary(current)) await saveRunFacts(tx, at, { run: { ...current, summaryBlobKey, ...shownWhole } });
  });
}

function demandPlan(run: Run, planSha256: string): void {
  if (run.planSha256 === planSha256) return;
  const message = `the plan of run ${run.id} has the SHA-256 ${run.planSha256 ?? "of none"}, and the summary is of ${planSha256}: upload the plan before its summary`;
  throw new WindlassError("checksum_mismatch", message);
}

const storeSummary = async (control: Control, run: Run, summary: Uint8Array): Promise<string> =>
  storeSealed(control, await shownSummary(control, run, summary), `plan-summary/${run.id}`);

/** Reads what is known already to its end. */
async function passOver(files: UploadedFiles | undefined): Promise<void> {
  for await (const _piece of files?.bytes ?? []);
}

/** The scope of a plan that runs: only then is something of it taken. */
export async function startedPlan(q: Queries, who: Principal): Promise<Scope> {
  const scope = await liveScope(q, who);
  if (scope.job.phase === "plan" && scope.job.status === "started") return scope;
  throw new WindlassError(
    "permission_denied",
    `job ${scope.job.id} is a ${scope.job.phase} that is ${scope.job.status}: only a started plan uploads a plan`,
    { metadata: { action: "upload plan" } },
  );
}

/** The same, or of a plan whose summary follows its result. */
export async function planScope(q: Queries, who: Principal): Promise<Scope> {
  const scope = await openScope(q, who);
  return owesSummary(scope.job, scope.run) ? scope : startedPlan(q, who);
}

/** A summary that cannot be shown makes no plan worse: what stands in its place says why. */
async function shownSummary({ documents, log }: Control, run: Run, summary: Uint8Array): Promise<Uint8Array> {
  const problem = await documents.ask(
    { kind: "plan-problem" },
    { of: run.organizationId, load: async () => [summary] },
  );
  if (problem === "") return summary;
  log.warn({ runId: run.id, problem }, "the summary of a plan cannot be shown");
  return unshownSummary(problem);
}

/** Refuses bytes that are not what was announced. */
export async function refuseOtherBytes(bytes: Uint8Array, sha256: string, what: string): Promise<void> {
  const actual = await sha256Of(bytes);
  if (actual !== sha256)
    throw new WindlassError(
      "checksum_mismatch",
      `the ${what} has the SHA-256 ${actual}, but ${sha256} was announced: upload it again`,
    );
}
