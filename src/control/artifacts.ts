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
import { parseState } from "./state-file.ts";

/** What one job may touch, read from its token. */
interface Scope {
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

/** A variable as a job gets it, in clear. */
export interface JobVariable {
  readonly key: string;
  readonly value: string;
  readonly isEnvironment: boolean;
  readonly isHcl: boolean;
  readonly isSensitive: boolean;
}

/** The variables of a started job: the workspace's, and above them the run's own. */
export async function variablesOfJob({ store, vault }: Control, who: Principal): Promise<readonly JobVariable[]> {
  const { run, rows } = await store.read(async (q) => {
    const scope = await liveScope(q, who);
    if (scope.job.status !== "started")
      throw new WindlassError(
        "permission_denied",
        `job ${scope.job.id} has not been started: its variables are not given out`,
        { metadata: { action: "variables" } },
      );
    return { run: scope.run, rows: await q.variables.all(scope.workspace.id) };
  });
  const own = new Set(run.options.variables.map((variable) => variable.key));
  const fromWorkspace = rows
    .filter((row) => row.category === "env" || !own.has(row.key))
    .map((row) => ({
      key: row.key,
      value:
        row.sealedValue === null
          ? row.value
          : Buffer.from(vault.open(row.sealedValue, `variable/${row.id}`)).toString("utf8"),
      isEnvironment: row.category === "env",
      isHcl: row.isHcl,
      isSensitive: row.isSensitive,
    }));
  const fromRun = run.options.variables.map(({ key, value, isHcl }) => ({
    key,
    value,
    isEnvironment: false,
    isHcl,
    isSensitive: false,
  }));
  return [...fromRun, ...fromWorkspace].toSorted(
    (a, b) => Number(a.isEnvironment) - Number(b.isEnvironment) || (a.key < b.key ? -1 : 1),
  );
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

async function openBlob({ blobs, vault }: Control, key: string, subject: string): Promise<Uint8Array> {
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
    await saveRunFacts(tx, at, { ...current.run, planSha256, planBytes: plan.length, planBlobKey, summaryBlobKey });
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
export async function storeSealed({ blobs, vault }: Control, plain: Uint8Array, subject: string): Promise<string> {
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
      createdAt: at.now,
    };
    return admit(tx, at, { scope, version });
  });
}

/** A started apply, or a lost one whose evidence is still awaited. Once its result is sealed its states are all here. */
async function applyScope(q: Queries, who: Principal): Promise<Scope> {
  const scope = await scopeOf(q, who);
  if (isEnded(scope.job.status) && scope.job.isLogClosed) throw stale({ jobId: scope.job.id, epoch: scope.job.epoch });
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
  const { workspace, run } = scope;
  const current = workspace.currentStateId === null ? undefined : await tx.states.get(workspace.currentStateId);
  const holds = workspace.lock?.kind === "run" && workspace.lock.runId === run.id;
  const decision = decideState(current ?? null, version, holds);
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
