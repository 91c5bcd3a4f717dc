import type { Principal } from "../../domain/people/principal.ts";
import { decideState, type StateVersion, timeAfter } from "../../domain/workspaces/state-version.ts";
import { failpoint } from "../../lib/program/failpoint.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import { newId } from "../../lib/words/ids.ts";
import type { Queries } from "../../store/ports/store.ts";
import { type Change, changeAbout } from "../core/change.ts";
import { type Control, topics } from "../core/control.ts";
import { storeSealed } from "../core/sealed-blobs.ts";
import type { StateContent } from "../documents/state-file.ts";
import { whyDistrusted } from "../runs/distrust.ts";
import { openScope, refuseOtherBytes, type Scope } from "./artifacts.ts";

/** Refuses early, before any byte is taken, a token that may not upload a state. */
export const admitState = async ({ store }: Control, who: Principal): Promise<void> =>
  void (await store.read((q) => applyScope(q, who)));

/** A state as an agent uploads it. */
export interface UploadedState {
  readonly bytes: Uint8Array;
  readonly lineage: string;
  readonly serial: number;
  readonly sha256: string;
  /** Its place among the states of its job; 0 if the agent does not count them. */
  readonly sequence?: number | undefined;
  /** The job's last word. */
  readonly isFinal?: boolean | undefined;
  /** Why it is only to be kept aside. */
  readonly asideReason?: string | undefined;
}

/** A state that has come before, which need not come again. */
export async function knownState(
  control: Control,
  who: Principal,
  { sha256, sequence: jobSequence = 0, isFinal = false }: Pick<UploadedState, "sha256" | "sequence" | "isFinal">,
): Promise<StateVersion | undefined> {
  const known = await control.store.read(async (q) => {
    const { job } = await applyScope(q, who);
    return q.states.ofJob(job.id, { jobSequence, sha256 });
  });
  return known === undefined ? undefined : settled(control, known, isFinal);
}

/** Stores a state that an apply wrote. Never refused for good: what cannot become current is quarantined. */
export async function storeState(control: Control, who: Principal, uploaded: UploadedState): Promise<StateVersion> {
  const { job, workspace } = await control.store.read((q) => applyScope(q, who));
  const content = await checkedContent(control, workspace, uploaded);
  const { sha256, sequence: jobSequence = 0, isFinal = false } = uploaded;
  const known = await control.store.read((q) => q.states.ofJob(job.id, { jobSequence, sha256 }));
  if (known !== undefined) return settled(control, known, isFinal);
  const id = newId("sv", control.random);
  const blobKey = await storeSealed(control, uploaded.bytes, `state/${id}`);
  failpoint("server.state-blob-stored");
  return changeAbout(control, job.id, async (tx, at) => {
    const scope = await applyScope(tx, who);
    // An agent that lost its connection sends again what is still being stored, here or at another server.
    const meanwhile = await tx.states.ofJob(scope.job.id, { jobSequence, sha256 });
    if (meanwhile !== undefined) return settledIn(tx, meanwhile, isFinal);
    const version: StateVersion = {
      id,
      organizationId: scope.workspace.organizationId,
      workspaceId: scope.workspace.id,
      runId: scope.run.id,
      jobId: scope.job.id,
      jobSequence,
      isFinal,
      baseSerial: null,
      lineage: content.lineage,
      serial: content.serial,
      status: "current",
      quarantineReason: "",
      sha256,
      bytes: uploaded.bytes.length,
      blobKey,
      jsonBlobKey: null,
      isIntermediate: false,
      terraformVersion: content.terraformVersion,
      resourceCount: content.resourceCount,
      unreadReason: content.unreadReason,
      createdBy: "",
      rollbackOf: null,
      createdAt: at.now,
    };
    return admit(tx, at, scope, version, uploaded.asideReason);
  });
}

async function checkedContent(
  { documents }: Control,
  { organizationId }: Scope["workspace"],
  { bytes, sha256, lineage, serial }: UploadedState,
): Promise<StateContent> {
  await refuseOtherBytes(bytes, sha256, "state");
  const content = await documents.ask({ kind: "applied-state" }, { of: organizationId, load: async () => [bytes] });
  if (content.lineage === lineage && content.serial === serial) return content;
  throw new WindlassError(
    "checksum_mismatch",
    `the state has lineage ${content.lineage} and serial ${content.serial}, but ${lineage} and ${serial} were announced`,
  );
}

/** What came on the way turns out to be the last word. */
async function settled(control: Control, known: StateVersion, isFinal: boolean): Promise<StateVersion> {
  if (!isFinal || known.isFinal) return known;
  return changeAbout(control, known.id, async (tx) => settledIn(tx, (await tx.states.get(known.id)) ?? known, isFinal));
}

async function settledIn(tx: Queries, known: StateVersion, isFinal: boolean): Promise<StateVersion> {
  if (!isFinal || known.isFinal) return known;
  const version: StateVersion = { ...known, isFinal: true };
  await tx.states.save(version);
  return version;
}

/** A started apply, or a lost one whose evidence is still awaited. Once its result is sealed its states are all here. */
export async function applyScope(q: Queries, who: Principal): Promise<Scope> {
  const scope = await openScope(q, who);
  if (scope.job.phase === "apply" && scope.job.startedAt !== null) return scope;
  throw new WindlassError(
    "permission_denied",
    `job ${scope.job.id} is a ${scope.job.phase} that is ${scope.job.status}: only a started apply uploads a state`,
    { metadata: { action: "upload state" } },
  );
}

/** States of one job that are kept aside. */
const maxQuarantined = 50;

/** Makes room for one more state that is kept aside: what a job wrote first tells least of how it ended. */
async function keepNewest(tx: Queries, { jobId }: StateVersion): Promise<void> {
  const kept = jobId === null ? [] : await tx.states.quarantinedOfJob(jobId);
  for (const { id } of kept.slice(0, Math.max(0, kept.length - maxQuarantined + 1))) await tx.states.delete(id);
}

async function admit(
  tx: Queries,
  at: Change,
  scope: Scope,
  version: StateVersion,
  asideReason: string | undefined,
): Promise<StateVersion> {
  const { workspace, run, job } = scope;
  const current = workspace.currentStateId === null ? undefined : await tx.states.get(workspace.currentStateId);
  const newest = await tx.states.newestOfJob(job.id);
  const decision = decideState(current ?? null, version, {
    jobId: job.id,
    holdsWorkspace: workspace.lock?.kind === "run" && workspace.lock.runId === run.id,
    doubt: whyDistrusted(job),
    asideReason,
    newest: newest ?? null,
  });
  if (decision.kind === "known" && current !== undefined) return current;
  if (decision.kind === "outdated" && newest !== undefined) return newest;
  at.touched.add(topics.run(run.id));
  if (decision.kind === "quarantine") {
    await keepNewest(tx, version);
    const aside: StateVersion = { ...version, status: "quarantined", quarantineReason: decision.reason };
    await tx.states.insert(aside);
    return aside;
  }
  const baseSerial = decision.kind === "accept" ? decision.baseSerial : null;
  const accepted: StateVersion = { ...version, baseSerial, createdAt: timeAfter(current, version.createdAt) };
  if (current !== undefined) await tx.states.save({ ...current, status: "superseded" });
  await tx.states.insert(accepted);
  await tx.workspaces.save({ ...workspace, currentStateId: version.id });
  return accepted;
}
