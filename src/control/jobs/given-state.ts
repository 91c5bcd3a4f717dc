import type { Job } from "../../domain/runs/job.ts";
import { isSavedPlan, type Run } from "../../domain/runs/run.ts";
import type { StateVersion } from "../../domain/workspaces/state-version.ts";
import type { Workspace } from "../../domain/workspaces/workspace.ts";
import { isWindlassError } from "../../lib/words/errors.ts";
import type { Queries } from "../../store/ports/store.ts";
import type { Control } from "../core/control.ts";
import { CountedPieces, readSealedFrom } from "../core/sealed-blobs.ts";
import type { StateName } from "../documents/state-name.ts";
import { type NewText, withTexts } from "../documents/state-texts.ts";
import { stateSource, stateSubject } from "../states/states.ts";

interface Placed {
  readonly job: Pick<Job, "phase">;
  readonly run: Run;
  readonly workspace: Workspace;
}

/** True for the plan of a saved plan: others may change the workspace's state while it is made. */
const isMadeAside = ({ job, run }: Pick<Placed, "job" | "run">): boolean => job.phase === "plan" && isSavedPlan(run);

/** The state that a job begins with: the workspace's, or what was noted when a saved plan was offered. */
export async function jobState(q: Queries, { job, run, workspace }: Placed): Promise<StateVersion | undefined> {
  const id = isMadeAside({ job, run }) ? run.baseStateId : workspace.currentStateId;
  return id === null ? undefined : q.states.get(id);
}

/** False where the state that a job begins with has to be noted at each offer. */
export async function hasBase(q: Queries, job: Job): Promise<boolean> {
  const run = await q.runs.get(job.runId);
  return run === undefined || !isMadeAside({ job, run });
}

/** Notes which state a saved plan is made of, before its agent is told. */
export async function noteBase({ store }: Control, job: Job): Promise<void> {
  await store.write(async (tx) => {
    const run = await tx.runs.get(job.runId);
    const workspace = await tx.workspaces.get(job.workspaceId);
    if (run !== undefined && workspace !== undefined)
      await tx.runs.save({ ...run, baseStateId: workspace.currentStateId });
  }, job.id);
}

/** A state as a job gets it. */
export interface JobBase {
  readonly bytes: number;
  readonly sha256: string;
  /** From a byte on. */
  read(from: number): AsyncIterable<Uint8Array>;
}

/**
 * The state that a job begins with, under the lineage and serial that its version has. A client may have named them otherwise than
 * the state itself does; what the job writes has to follow the version, and terraform goes by what it reads.
 */
export async function givenState(control: Control, state: StateVersion): Promise<JobBase> {
  const plain = (from: number) =>
    readSealedFrom(control, { key: state.blobKey, subject: stateSubject(state.id) }, from);
  const asItIs = { bytes: state.bytes, sha256: state.sha256, read: plain };
  // What a job has brought was compared with what it said.
  if (state.jobId !== null) return asItIs;
  const texts = textsOf(state, await nameOf(control, state));
  if (texts.length === 0) return asItIs;
  const counted = new CountedPieces(withTexts(plain(0), texts));
  for await (const _piece of counted) {
    // Only its size and its sum count.
  }
  return { ...counted.seen, read: (from) => after(withTexts(plain(0), texts), from) };
}

/** What cannot be read is given as it is: the job fails at it, and says so. */
async function nameOf(control: Control, state: StateVersion): Promise<StateName | null> {
  try {
    return await control.documents.ask({ kind: "state-name" }, stateSource(control, state));
  } catch (error) {
    if (isWindlassError(error, "storage_unavailable")) throw error;
    control.log.error({ err: error, stateVersionId: state.id }, "a state cannot be read for a job");
    return null;
  }
}

function textsOf({ lineage, serial }: StateVersion, name: StateName | null): readonly NewText[] {
  if (name?.places == null || (name.lineage === lineage && name.serial === serial)) return [];
  const { places } = name;
  return [
    { ...places.lineage, text: JSON.stringify(lineage) },
    { ...places.serial, text: String(serial) },
  ];
}

async function* after(pieces: AsyncIterable<Uint8Array>, from: number): AsyncGenerator<Uint8Array, void> {
  let skip = from;
  for await (const piece of pieces) {
    if (piece.length > skip) yield piece.subarray(skip);
    skip = Math.max(0, skip - piece.length);
  }
}
