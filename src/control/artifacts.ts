import { createHash } from "node:crypto";
import { isEnded, type Job } from "../domain/job.ts";
import type { Principal } from "../domain/principal.ts";
import type { Run } from "../domain/run.ts";
import { decideState, type StateVersion } from "../domain/state-version.ts";
import type { Workspace } from "../domain/workspace.ts";
import { WindlassError } from "../lib/errors.ts";
import { failpoint } from "../lib/failpoint.ts";
import { newId } from "../lib/ids.ts";
import type { Queries } from "../store/ports.ts";
import { change, type Moment, saveRunFacts } from "./advance.ts";
import { type Control, topics } from "./control.ts";
import { whyDistrusted } from "./distrust.ts";
import { parseState } from "./state-file.ts";

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
  const run = job === undefined ? undefined : await q.runs.get(job.runId);
  const workspace = job === undefined ? undefined : await q.workspaces.get(job.workspaceId);
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
  return scope;
}

/** The scope of a claim of which something may still come: it runs, or its log is not closed. */
export async function openScope(q: Queries, who: Principal): Promise<Scope> {
  const scope = await scopeOf(q, who);
  const { id, epoch, status, isLogClosed } = scope.job;
  if (isEnded(status) && isLogClosed) throw stale({ jobId: id, epoch });
  return scope;
}

/** The configuration archive of the job's run. */
export async function* configurationOfJob({ store, blobs }: Control, who: Principal): AsyncGenerator<Uint8Array> {
  const configuration = await store.read(async (q) => {
    const { run } = await liveScope(q, who);
    return q.configurations.get(run.configurationId);
  });
  if (configuration === undefined)
    throw new WindlassError("not_found", "the configuration of this run is gone", {
      metadata: { resource: "configuration version", name: "" },
    });
  yield* blobs.get(configuration.blobKey);
}

/** The plan file that an apply applies. */
export async function* planOfJob(control: Control, who: Principal): AsyncGenerator<Uint8Array> {
  const { job, run } = await control.store.read((q) => liveScope(q, who));
  if (job.phase !== "apply" || run.planBlobKey === null)
    throw new WindlassError("not_found", `job ${job.id} has no plan file to download`, {
      metadata: { resource: "plan", name: run.id },
    });
  yield* pieces(await openBlob(control, run.planBlobKey, `plan/${run.id}`));
}

/** The workspace's current state. */
export async function* stateOfJob(control: Control, who: Principal): AsyncGenerator<Uint8Array> {
  const state = await control.store.read(async (q) => {
    const { workspace } = await liveScope(q, who);
    return workspace.currentStateId === null ? undefined : q.states.get(workspace.currentStateId);
  });
  if (state !== undefined) yield* pieces(await openBlob(control, state.blobKey, `state/${state.id}`));
}

/** The bytes of a sealed object, in clear. */
export async function openBlob({ blobs, vault }: Control, key: string, subject: string): Promise<Uint8Array> {
  return vault.open(Buffer.concat(await Array.fromAsync(blobs.get(key))), subject);
}

const pieceBytes = 256 * 1024;

function* pieces(bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
}

/** A plan as an agent uploads it. */
export interface UploadedPlan {
  readonly plan: Uint8Array;
  readonly planSha256: string;
  /** JSON with every sensitive value masked. */
  readonly summary: Uint8Array;
}

/** Refuses early, before any byte is taken, a token that may not upload a plan. */
export const admitPlan = async ({ store }: Control, who: Principal): Promise<void> =>
  void (await store.read((q) => startedPlan(q, who)));

/** Refuses early, before any byte is taken, a token that may not upload a state. */
export const admitState = async ({ store }: Control, who: Principal): Promise<void> =>
  void (await store.read((q) => applyScope(q, who)));

/** Stores the plan of a started plan job. The same again is fine. */
export async function storePlan(
  control: Control,
  who: Principal,
  { plan, planSha256, summary }: UploadedPlan,
): Promise<void> {
  const { run } = await control.store.read((q) => startedPlan(q, who));
  refuseOtherBytes(plan, planSha256, "plan");
  if (run.planSha256 === planSha256) return;
  const planBlobKey = await storeSealed(control, plan, `plan/${run.id}`);
  const summaryBlobKey = await storeSealed(control, summary, `plan-summary/${run.id}`);
  await change(control, async (tx, at) => {
    const current = await startedPlan(tx, who);
    const run = { ...current.run, planSha256, planBytes: plan.length, planBlobKey, summaryBlobKey };
    await saveRunFacts(tx, at, { run });
  });
}

async function startedPlan(q: Queries, who: Principal): Promise<Scope> {
  const scope = await liveScope(q, who);
  if (scope.job.phase === "plan" && scope.job.status === "started") return scope;
  throw new WindlassError(
    "permission_denied",
    `job ${scope.job.id} is a ${scope.job.phase} that is ${scope.job.status}: only a started plan uploads a plan`,
    { metadata: { action: "upload plan" } },
  );
}

function refuseOtherBytes(bytes: Uint8Array, sha256: string, what: string): void {
  const actual = createHash("sha256").update(bytes).digest("hex");
  if (actual !== sha256)
    throw new WindlassError(
      "checksum_mismatch",
      `the ${what} has the SHA-256 ${actual}, but ${sha256} was announced: upload it again`,
    );
}

/** Encrypts bytes for a subject and stores them; answers their key. */
export async function storeSealed(
  { blobs, vault }: Pick<Control, "blobs" | "vault">,
  plain: Uint8Array,
  subject: string,
): Promise<string> {
  const sealed = vault.seal(plain, subject);
  const stored = await blobs.put(
    (async function* () {
      yield* pieces(sealed);
    })(),
    { maxBytes: sealed.length },
  );
  return stored.key;
}

/** A state as an agent uploads it. */
export interface UploadedState {
  readonly bytes: Uint8Array;
  readonly lineage: string;
  readonly serial: number;
  readonly sha256: string;
}

/** Stores a state that an apply wrote. Never refused for good: what cannot become current is quarantined. */
export async function storeState(control: Control, who: Principal, uploaded: UploadedState): Promise<StateVersion> {
  const { job, workspace } = await control.store.read((q) => applyScope(q, who));
  refuseOtherBytes(uploaded.bytes, uploaded.sha256, "state");
  const content = parseState(uploaded.bytes);
  if (content.lineage !== uploaded.lineage || content.serial !== uploaded.serial) {
    throw new WindlassError(
      "checksum_mismatch",
      `the state has lineage ${content.lineage} and serial ${content.serial}, but ${uploaded.lineage} and ${uploaded.serial} were announced`,
    );
  }
  const known = await control.store.read((q) => q.states.find(workspace.id, uploaded));
  if (known !== undefined && known.jobId === job.id) return known;
  const id = newId("sv", control.random);
  const blobKey = await storeSealed(control, uploaded.bytes, `state/${id}`);
  failpoint("server.state-blob-stored");
  return change(control, async (tx, at) => {
    const scope = await applyScope(tx, who);
    const version: StateVersion = {
      id,
      organizationId: scope.workspace.organizationId,
      workspaceId: scope.workspace.id,
      runId: scope.run.id,
      jobId: scope.job.id,
      lineage: content.lineage,
      serial: content.serial,
      status: "current",
      quarantineReason: "",
      sha256: uploaded.sha256,
      bytes: uploaded.bytes.length,
      blobKey,
      terraformVersion: content.terraformVersion,
      resourceCount: content.resourceCount,
      createdBy: "",
      rollbackOf: null,
      createdAt: at.now,
    };
    return admit(tx, at, { scope, version });
  });
}

/** A started apply, or a lost one whose evidence is still awaited. Once its result is sealed its states are all here. */
async function applyScope(q: Queries, who: Principal): Promise<Scope> {
  const scope = await openScope(q, who);
  if (scope.job.phase === "apply" && scope.job.startedAt !== null) return scope;
  throw new WindlassError(
    "permission_denied",
    `job ${scope.job.id} is a ${scope.job.phase} that is ${scope.job.status}: only a started apply uploads a state`,
    { metadata: { action: "upload state" } },
  );
}

async function admit(
  tx: Queries,
  at: Moment,
  { scope, version }: { scope: Scope; version: StateVersion },
): Promise<StateVersion> {
  const { workspace, run, job } = scope;
  const current = workspace.currentStateId === null ? undefined : await tx.states.get(workspace.currentStateId);
  const holds = workspace.lock?.kind === "run" && workspace.lock.runId === run.id;
  const doubt = await whyDistrusted(tx, job);
  const decision = decideState(current ?? null, version, { holdsWorkspace: holds, doubt });
  if (decision.kind === "known" && current !== undefined) return current;
  if (decision.kind === "quarantine") {
    const aside: StateVersion = { ...version, status: "quarantined", quarantineReason: decision.reason };
    await tx.states.insert(aside);
    at.touched.add(topics.run(run.id));
    return aside;
  }
  if (current !== undefined) await tx.states.save({ ...current, status: "superseded" });
  await tx.states.insert(version);
  await tx.workspaces.save({ ...workspace, currentStateId: version.id });
  at.touched.add(topics.run(run.id));
  return version;
}
