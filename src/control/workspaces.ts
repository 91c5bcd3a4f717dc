import type { Person, Principal } from "../domain/principal.ts";
import type { Workspace } from "../domain/workspace.ts";
import { WindlassError } from "../lib/errors.ts";
import { newId, type WorkspaceId } from "../lib/ids.ts";
import type { Queries } from "../store/ports.ts";
import { asPerson, demand, findOrganization, findPool, findWorkspace, type Reference } from "./access.ts";
import { change, type Moment } from "./advance.ts";
import { record } from "./audit.ts";
import { type Control, topics } from "./control.ts";
import { demandEtag } from "./etags.ts";
import { dropGrants, moveGrants } from "./grants.ts";
import { nameTaken } from "./names.ts";
import { type Page, type PageRequest, pageByKey, withRows } from "./pages.ts";
import { once } from "./requests.ts";
import { lockedError } from "./workspace-locks.ts";
import { checkSettings, type WorkspaceSettings } from "./workspace-settings.ts";
import { viewWorkspace, viewWorkspaces, type WorkspaceView } from "./workspace-view.ts";

export interface NewWorkspace {
  readonly organization: string;
  readonly settings: WorkspaceSettings;
  readonly requestId: string;
}

/** Creates a workspace. */
export async function createWorkspace(
  control: Control,
  who: Principal,
  { organization: reference, settings, requestId }: NewWorkspace,
): Promise<WorkspaceView> {
  const person = asPerson(who);
  return change(control, async (tx, at) => {
    const { id: organizationId } = await findOrganization(tx, person, reference);
    demand(person, "operate");
    const create = async (): Promise<Workspace> => {
      const context = { person, organizationId, currentPoolId: null, field: "workspace" };
      const checked = await checkSettings(tx, context, settings);
      await demandFreeName(tx, organizationId, checked.name);
      const times = { createdAt: at.now, updatedAt: at.now };
      const id = newId("ws", control.random);
      const row: Workspace = { id, organizationId, ...checked, lock: null, currentStateId: null, ...times, version: 1 };
      await tx.workspaces.insert(row);
      await recordSettings(tx, person, { workspace: row, action: "workspace.create", at: at.now });
      return row;
    };
    const body = { organizationId, ...settings };
    const request = { person, requestId, method: "CreateWorkspace", body, at: at.now };
    return viewWorkspace(tx, await once(tx, request, create, (id) => tx.workspaces.get(id as WorkspaceId)));
  });
}

/** The workspace of that id or name. */
export async function getWorkspace(control: Control, who: Principal, reference: Reference): Promise<WorkspaceView> {
  const person = asPerson(who);
  demand(person, "read");
  return control.store.read(async (q) => viewWorkspace(q, await findWorkspace(q, person, reference)));
}

export interface WorkspaceList {
  readonly organization: string;
  /** Id or name: only workspaces assigned to it; empty is all. */
  readonly pool: string;
  readonly page: PageRequest;
}

/** The workspaces of an organization, by name. */
export async function listWorkspaces(
  control: Control,
  who: Principal,
  { organization, pool, page }: WorkspaceList,
): Promise<Page<WorkspaceView>> {
  const person = asPerson(who);
  demand(person, "read");
  return control.store.read(async (q) => {
    const found = pool === "" ? undefined : await findPool(q, person, { organization, name: pool });
    const organizationId = found?.organizationId ?? (await findOrganization(q, person, organization)).id;
    const filter = { organizationId, poolId: found?.id ?? null };
    const workspaces = await pageByKey(
      page,
      (keys) => q.workspaces.list(filter, keys),
      ({ name }) => name,
    );
    return withRows(workspaces, await viewWorkspaces(q, workspaces.rows));
  });
}

export interface WorkspaceUpdate {
  readonly reference: Reference;
  readonly changes: Partial<WorkspaceSettings>;
  readonly etag: string;
}

/** Changes a workspace. Its queued jobs follow it to another pool; its grants follow it to another name. */
export async function updateWorkspace(
  control: Control,
  who: Principal,
  { reference, changes, etag }: WorkspaceUpdate,
): Promise<WorkspaceView> {
  const person = asPerson(who);
  return change(control, async (tx, at) => {
    const workspace = await findWorkspace(tx, person, reference);
    demand(person, "operate");
    demandEtag(workspace, etag, `workspace "${workspace.name}"`);
    const { id, organizationId, poolId } = workspace;
    const wanted = { ...settingsOf(workspace), ...dropPool(changes), ...changes };
    if (wanted.name !== workspace.name) await rename(tx, at, { workspace, name: wanted.name });
    const checked = await checkSettings(
      tx,
      { person, organizationId, currentPoolId: poolId, field: "changes" },
      wanted,
    );
    const next: Workspace = { ...workspace, ...checked, updatedAt: at.now, version: workspace.version + 1 };
    await tx.workspaces.save(next);
    await moveJobs(tx, at, { from: workspace, to: next });
    await recordSettings(tx, person, { workspace: next, action: "workspace.update", at: at.now });
    return viewWorkspace(tx, (await tx.workspaces.get(id)) ?? next);
  });
}

const settingsOf = ({ poolId, ...workspace }: Workspace): WorkspaceSettings => ({
  name: workspace.name,
  description: workspace.description,
  executionMode: workspace.executionMode,
  engine: workspace.engine,
  engineVersion: workspace.engineVersion,
  workingDirectory: workspace.workingDirectory,
  isAutoApply: workspace.isAutoApply,
  pool: poolId ?? "",
});

/** Leaving agent mode leaves the pool. */
const dropPool = ({ executionMode }: Partial<WorkspaceSettings>): Partial<WorkspaceSettings> =>
  executionMode === undefined || executionMode === "agent" ? {} : { pool: "" };

async function rename(tx: Queries, at: Moment, { workspace, name }: { workspace: Workspace; name: string }) {
  await demandFreeName(tx, workspace.organizationId, name);
  await moveGrants(tx, at, { workspace, name });
}

async function demandFreeName(tx: Queries, organizationId: Workspace["organizationId"], name: string): Promise<void> {
  if ((await tx.workspaces.byName(organizationId, name)) !== undefined) throw nameTaken("workspace", name);
}

/** Queued jobs wait where their workspace now runs. In local mode nothing runs, so nothing may be under way. */
async function moveJobs(tx: Queries, at: Moment, { from, to }: { from: Workspace; to: Workspace }): Promise<void> {
  if (from.executionMode === to.executionMode && from.poolId === to.poolId) return;
  if (to.executionMode === "local") await demandNoRuns(tx, to, "cannot change to execution mode local");
  for (const job of await tx.jobs.queuedOfWorkspace(to.id)) {
    await tx.jobs.saveIf({ ...job, poolId: to.poolId }, { epoch: job.epoch, status: "queued" });
    at.touched.add(topics.run(job.runId));
  }
  at.touched.add(topics.jobs);
}

async function demandNoRuns(tx: Queries, { id, name }: Workspace, consequence: string): Promise<void> {
  const [run] = await tx.runs.active(id, 1);
  if (run === undefined) return;
  const message = `workspace "${name}" ${consequence}: its run ${run.id} is ${run.status}. Wait for its end or cancel it: windlass run cancel ${run.id}`;
  throw new WindlassError("workspace_in_use", message, { metadata: { workspace: name, run_id: run.id } });
}

export interface WorkspaceDeletion {
  readonly reference: Reference;
  /** Also with state or a lock; never with a run under way. */
  readonly isForced: boolean;
}

/** Deletes a workspace with its variables, configurations, runs and states. */
export async function deleteWorkspace(
  control: Control,
  who: Principal,
  { reference, isForced }: WorkspaceDeletion,
): Promise<void> {
  const person = asPerson(who);
  await change(control, async (tx, at) => {
    const workspace = await findWorkspace(tx, person, reference);
    demand(person, "operate");
    await demandNoRuns(tx, workspace, "cannot be deleted");
    if (!isForced) demandExpendable(workspace);
    await tx.workspaces.delete(workspace.id);
    // Whoever takes the name next has to be granted anew.
    await dropGrants(tx, at, workspace);
    await recordSettings(tx, person, { workspace, action: "workspace.delete", at: at.now });
  });
}

function demandExpendable(workspace: Workspace): void {
  const { name, currentStateId } = workspace;
  if (workspace.lock !== null) throw lockedError(workspace, "Unlock it first, or delete it with force");
  if (currentStateId === null) return;
  const message = `workspace "${name}" has state (${currentStateId}): destroy its resources first, or delete it with force, and terraform forgets them while they stay in the world`;
  throw new WindlassError("workspace_in_use", message, {
    metadata: { workspace: name, state_version_id: currentStateId },
  });
}

async function recordSettings(
  tx: Queries,
  person: Person,
  { workspace, action, at }: { readonly workspace: Workspace; readonly action: string; readonly at: Date },
): Promise<void> {
  const { id, organizationId, name, executionMode, poolId } = workspace;
  const detail = { name, execution_mode: executionMode, pool_id: poolId ?? "" };
  await record(tx, person, { action, resource: id, organizationId, detail, at });
}
