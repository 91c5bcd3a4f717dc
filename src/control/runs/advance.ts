import { queuedJob } from "../../domain/runs/creation.ts";
import {
  type Desired,
  isEnded,
  type Job,
  type JobEffect,
  type JobEvent,
  type JobPhase,
  moveJob,
  newestOf,
} from "../../domain/runs/job.ts";
import type { Lost } from "../../domain/runs/lost.ts";
import type { ResourceInFlight } from "../../domain/runs/resource-in-flight.ts";
import { type ChangeCounts, moveRun, type Run, type RunEffect, type RunEvent } from "../../domain/runs/run.ts";
import { errorText } from "../../domain/runs/run-error.ts";
import { type TimelineEntry, tellMove } from "../../domain/runs/timeline.ts";
import type { Workspace } from "../../domain/workspaces/workspace.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import { newId, type WorkspaceId } from "../../lib/words/ids.ts";
import type { Queries } from "../../store/ports/store.ts";
import type { Change } from "../core/change.ts";
import { topics } from "../core/control.ts";
import { heldError } from "../core/refusals.ts";
import { jobOwner } from "../core/uploads.ts";
import { awaitsJudgement } from "./distrust.ts";
import { warningsOf } from "./in-flight-warnings.ts";

/** What an agent reported of a job beyond its outcome. */
export interface ResultFacts {
  readonly hasChanges: boolean;
  readonly counts: ChangeCounts;
  readonly resourcesInFlight: readonly ResourceInFlight[];
  /** The hook that has denied a plan; empty if none did. */
  readonly deniedBy: string;
  /** What an apply had finished and its last state does not have. */
  readonly lost: Lost | null;
}

/** Of a job of which nothing was reported. */
export const noFacts: ResultFacts = {
  hasChanges: false,
  counts: { add: 0, change: 0, destroy: 0, import: 0, forget: 0, drift: 0 },
  resourcesInFlight: [],
  deniedBy: "",
  lost: null,
};

export type Advanced =
  | { readonly kind: "moved"; readonly run: Run }
  | { readonly kind: "refused"; readonly why: string };

/** Moves a run together with its jobs, its timeline and its workspace's lock, so that they stand or fall together. */
export async function advanceRun(
  tx: Queries,
  at: Change,
  { run, event, agentName = "" }: { run: Run; event: RunEvent; agentName?: string | undefined },
): Promise<Advanced> {
  const move = moveRun(run, event, at.now);
  if (move.kind === "refused") return move;
  const { effects } = move;
  const isPlanQueued = effects.some((effect) => effect.kind === "queue_job" && effect.phase === "plan");
  const moved: Run = isPlanQueued ? { ...move.run, warnings: await warningsOf(tx, move.run) } : move.run;
  await tx.runs.save(moved);
  dropPlanFiles(at, run, moved);
  const isMoved = moved.status !== run.status;
  await tell(tx, at, { run: moved, told: tellMove(moved, event, agentName), isMoved });
  at.touched.add(topics.run(run.id));
  for (const effect of effects) await applyRunEffect(tx, at, { run: moved, effect });
  return { kind: "moved", run: effects.some(movesFurther) ? ((await tx.runs.get(run.id)) ?? moved) : moved };
}

/** Of such an effect the run itself may move once more. */
const movesFurther = ({ kind }: RunEffect): boolean => kind === "cancel_job" || kind === "release_workspace";

/** The object of files that a row referred to, and does not any more. */
export function dropPlanFiles({ unneeded }: Change, before: Run, after: Run): void {
  const key = before.planFilesBlobKey;
  if (key !== null && key !== after.planFilesBlobKey) unneeded.add(key);
}

async function applyRunEffect(
  tx: Queries,
  at: Change,
  { run, effect }: { run: Run; effect: RunEffect },
): Promise<void> {
  switch (effect.kind) {
    case "queue_job":
      return queueJob(tx, at, { run, phase: effect.phase });
    case "cancel_job": {
      const job = newestOf(await tx.jobs.ofRun(run.id), effect.phase);
      if (job !== undefined) await cancelJob(tx, at, { job, mode: effect.mode });
      return;
    }
    case "take_workspace":
      return takeWorkspace(tx, at, run);
    case "release_workspace":
      if (await awaitsJudgement(tx, run)) return keepForJudgement(tx, at, run);
      return releaseWorkspace(tx, at, run);
  }
}

/** The next run would plan on a state that may be behind the world. */
async function keepForJudgement(tx: Queries, at: Change, run: Run): Promise<void> {
  await saveRunFacts(tx, at, { run: { ...run, errorMessage: errorText(run, { kind: "in_quarantine" }) } });
}

async function queueJob(tx: Queries, at: Change, { run, phase }: { run: Run; phase: JobPhase }): Promise<void> {
  const workspace = await tx.workspaces.get(run.workspaceId);
  if (workspace === undefined) throw new WindlassError("internal", `the workspace of ${run.id} is gone`);
  const before = newestOf(await tx.jobs.ofRun(run.id), phase);
  const id = newId("job", at.random);
  await tx.jobs.insert(queuedJob(run, { id, phase, poolId: workspace.poolId, before, queuedAt: at.now }));
  at.touched.add(topics.jobs);
}

/** Moves a job and its run. The answer says whether it moved; a refusal changes nothing. */
export async function advanceJob(
  tx: Queries,
  at: Change,
  { job, event, facts = noFacts }: { job: Job; event: JobEvent; facts?: ResultFacts | undefined },
): Promise<
  | { readonly kind: "moved"; readonly job: Job }
  | { readonly kind: "unchanged" }
  | { readonly kind: "refused"; readonly why: string }
> {
  const move = moveJob(job, event, at);
  if (move.kind !== "moved") return move;
  if (!(await tx.jobs.saveIf(move.job, { epoch: job.epoch, status: job.status }))) {
    return { kind: "refused", why: `job ${job.id} has moved on since it was read` };
  }
  touchJob(at, job, event);
  touchJob(at, move.job, event);
  const agentName = job.agentName ?? move.job.agentName ?? "";
  await dropUploads(tx, at, move.job);
  for (const effect of move.effects) await applyJobEffect(tx, at, { job: move.job, effect, facts, agentName });
  return { kind: "moved", job: move.job };
}

/** What a job has begun to upload goes with its end; a lost apply may still bring its states. */
async function dropUploads(tx: Queries, { unneeded }: Change, { id, status }: Job): Promise<void> {
  if (!isEnded(status) || status === "interrupted") return;
  for (const upload of await tx.uploads.ofOwner(jobOwner(id))) {
    for (const { blobKey } of await tx.uploads.parts(upload.id)) unneeded.add(blobKey);
    await tx.uploads.delete(upload.id);
  }
}

function touchJob(at: Change, job: Job, { kind }: JobEvent): void {
  at.touched.add(topics.run(job.runId)).add(topics.log(job.id));
  // What its agent asked for or told itself it hears on its stream.
  const isOfAgent = kind === "started" || kind === "ended";
  if (job.agentId !== null && !isOfAgent) at.touched.add(topics.agent(job.agentId));
  if (job.status === "queued") at.touched.add(topics.jobs);
}

async function applyJobEffect(
  tx: Queries,
  at: Change,
  { job, effect, facts, agentName }: { job: Job; effect: JobEffect; facts: ResultFacts; agentName: string },
): Promise<void> {
  const run = await tx.runs.get(job.runId);
  if (run === undefined) throw new WindlassError("internal", `the run of ${job.id} is gone`);
  const advanced = await advanceRun(tx, at, { run, event: runEventOf(job, effect, facts), agentName });
  if (advanced.kind === "refused") throw new WindlassError("internal", `${advanced.why} (${job.phase} ${effect.kind})`);
}

function runEventOf(job: Job, effect: JobEffect, facts: ResultFacts): RunEvent {
  const { phase } = job;
  const counts = phase === "apply" ? facts.counts : null;
  switch (effect.kind) {
    case "started":
      return { kind: "job_started", phase };
    case "requeued":
      return { kind: "job_requeued", phase };
    case "canceled":
      return {
        kind: "job_canceled",
        phase,
        isForced: effect.isForced,
        counts,
        resourcesInFlight: facts.resourcesInFlight,
        lost: facts.lost,
      };
    case "errored":
      return {
        kind: "job_errored",
        phase,
        message: effect.message,
        counts,
        resourcesInFlight: facts.resourcesInFlight,
        lost: facts.lost,
      };
    case "not_applied":
      return { kind: "apply_not_started", message: effect.message };
    case "finished":
      if (phase === "apply") return { kind: "apply_finished", counts: facts.counts };
      return { kind: "plan_finished", hasChanges: facts.hasChanges, counts: facts.counts, deniedBy: facts.deniedBy };
    case "interrupted":
      return {
        kind: "apply_interrupted",
        message: effect.message,
        resourcesInFlight: facts.resourcesInFlight,
        lost: facts.lost,
      };
  }
}

/** Asks a job to end. One that has not started ends at once. */
export async function cancelJob(
  tx: Queries,
  at: Change,
  { job, mode }: { job: Job; mode: Exclude<Desired, "run"> },
): Promise<void> {
  await advanceJob(tx, at, { job, event: { kind: "cancel_requested", mode } });
}

/** Lets go of the workspace if this run holds it, and gives it to the next. */
export async function releaseWorkspace(tx: Queries, at: Change, run: Run): Promise<void> {
  const workspace = await tx.workspaces.get(run.workspaceId);
  if (workspace?.lock?.kind !== "run" || workspace.lock.runId !== run.id) return;
  await tx.workspaces.save({ ...workspace, lock: null });
  await promoteNext(tx, at, workspace.id);
}

/** Gives a free workspace to its oldest pending run. */
export async function promoteNext(tx: Queries, at: Change, workspaceId: WorkspaceId): Promise<void> {
  const workspace = await tx.workspaces.get(workspaceId);
  if (workspace === undefined || workspace.lock !== null) return;
  const [next] = await tx.runs.pending(workspaceId, 1);
  if (next !== undefined) await acquire(tx, at, { run: next, workspace });
}

async function acquire(tx: Queries, at: Change, { run, workspace }: { run: Run; workspace: Workspace }): Promise<void> {
  await tx.workspaces.save({ ...workspace, lock: { kind: "run", runId: run.id, at: at.now } });
  const advanced = await advanceRun(tx, at, { run, event: { kind: "workspace_acquired" } });
  if (advanced.kind === "refused") throw new WindlassError("internal", advanced.why);
}

async function takeWorkspace(tx: Queries, at: Change, run: Run): Promise<void> {
  const workspace = await tx.workspaces.get(run.workspaceId);
  if (workspace === undefined) throw new WindlassError("internal", `the workspace of ${run.id} is gone`);
  if (workspace.lock !== null) throw await heldError(tx, workspace, "Wait for its release, and confirm the plan again");
  await tx.workspaces.save({ ...workspace, lock: { kind: "run", runId: run.id, at: at.now } });
}

/** Saves facts about a run that are no move of it, and what there is to tell of them. */
export async function saveRunFacts(
  tx: Queries,
  at: Change,
  { run, told }: { run: Run; told?: TimelineEntry | undefined },
): Promise<Run> {
  const saved: Run = { ...run, version: run.version + 1 };
  await tx.runs.save(saved);
  if (told !== undefined) await tell(tx, at, { run: saved, told, isMoved: false });
  at.touched.add(topics.run(run.id));
  return saved;
}

/** Writes what happened into the timeline of a run, at the place of the run's version: once for each version. */
export async function tell(
  tx: Queries,
  { now }: Pick<Change, "now">,
  { run, told, isMoved }: { run: Run; told: TimelineEntry; isMoved: boolean },
): Promise<void> {
  await tx.runEvents.insert({
    runId: run.id,
    position: run.version,
    at: now,
    ...told,
    status: isMoved ? run.status : null,
  });
}
