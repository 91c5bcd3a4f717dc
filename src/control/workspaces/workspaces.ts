import type { Organization } from "../../domain/people/organization.ts";
import type { Person, Principal } from "../../domain/people/principal.ts";
import { isTofuAlone } from "../../domain/runs/engine.ts";
import { statusText } from "../../domain/runs/run.ts";
import type { Engine, ExecutionMode, Workspace } from "../../domain/workspaces/workspace.ts";
import { counted } from "../../lib/text/counted.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import { isId, newId, type WorkspaceId } from "../../lib/words/ids.ts";
import type { Queries, WorkspaceFilter } from "../../store/ports/store.ts";
import { asPerson, demand, findOrganization, findPool, findWorkspace, type Reference } from "../core/access.ts";
import { record } from "../core/audit.ts";
import { type Change, change } from "../core/change.ts";
import { type Control, topics } from "../core/control.ts";
import { nameCursor } from "../core/cursor.ts";
import { demandEtag } from "../core/etags.ts";
import { nameTaken } from "../core/names.ts";
import { type Page, type PageRequest, searchByKey, withRows } from "../core/pages.ts";
import { invalid } from "../core/refusals.ts";
import { once } from "../core/requests.ts";
import { moveGrants } from "./grants.ts";
import { type CheckedSettings, checkSettings, type WorkspaceSettings } from "./settings.ts";
import { viewWorkspace, viewWorkspaces, type WorkspaceView } from "./view.ts";

/** Settings of a workspace that is created; null is what the organization says. */
export type NewSettings = Omit<WorkspaceSettings, "executionMode" | "engine"> & {
  readonly executionMode: ExecutionMode | null;
  readonly engine: Engine | null;
};

export interface NewWorkspace {
  readonly organization: string;
  readonly settings: NewSettings;
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
    const organization = await findOrganization(tx, person, reference);
    const organizationId = organization.id;
    demand(person, "operate");
    const create = async (): Promise<Workspace> => {
      const context = { person, organizationId, currentPoolId: null, field: "workspace" };
      const asked = await checkSettings(tx, context, withDefaults(settings, organization));
      const checked =
        settings.engine === null ? await withEngineOfAgents(control, tx, { organizationId, asked }) : asked;
      await demandFreeName(tx, organizationId, checked.row.name);
      await demandRoom(tx, organization);
      return insert(tx, person, { checked, organizationId, id: newId("ws", control.random), at });
    };
    const body = { organizationId, ...settings };
    const request = { person, requestId, method: "CreateWorkspace", body, at: at.now };
    return viewWorkspace(
      tx,
      await once(tx, request, create, async (id) => (isId("ws", id) ? tx.workspaces.get(id) : undefined)),
    );
  });
}

/** A pool without a mode means mode agent; else the organization's defaults count. */
function withDefaults(settings: NewSettings, organization: Organization): WorkspaceSettings {
  const { executionMode, engine, engineVersion, pool, inheritsExecutionMode } = settings;
  const isPlain = engine === null && engineVersion === "";
  const isUnsaid = executionMode === null && pool === "";
  if (inheritsExecutionMode && !isUnsaid) throw contradiction("workspace");
  return {
    ...settings,
    ...(isUnsaid ? modeOf(organization) : { executionMode: executionMode ?? "agent", pool }),
    engine: engine ?? organization.defaultEngine,
    engineVersion: isPlain ? organization.defaultEngineVersion : engineVersion,
  };
}

/** The mode and the pool of workspaces that follow their organization. */
const modeOf = ({ defaultExecutionMode, defaultPoolId }: Organization) => ({
  executionMode: defaultExecutionMode,
  pool: defaultPoolId ?? "",
});

const contradiction = (field: string) =>
  invalid(
    `${field}.inherits_execution_mode`,
    "a workspace that follows its organization has no execution mode or pool of its own: leave these out, or this",
  );

interface Undecided {
  readonly organizationId: Organization["id"];
  readonly asked: CheckedSettings;
}

/** Most agents that are looked at where those of the workspace tell nothing. */
const maxAgents = 500;

/** Nobody said which engine: where the agents that would run it have OpenTofu alone, terraform would be of no use. */
async function withEngineOfAgents(
  { presence }: Control,
  q: Queries,
  { organizationId, asked: { row, consumers } }: Undecided,
): Promise<CheckedSettings> {
  if (row.engine !== "terraform" || row.engineVersion !== "") return { row, consumers };
  const isThere = (connected: { readonly poolId: Workspace["poolId"] }) =>
    row.executionMode !== "local" && connected.poolId === row.poolId;
  const own = presence.everywhere().filter(isThere);
  const isTold = own.some(({ engines }) => engines === null || engines.programs.length > 0);
  const agents = isTold ? own : await othersThatTell(q, organizationId, row.poolId);
  const engine = isTofuAlone(agents.map(({ engines }) => engines)) ? "tofu" : "terraform";
  return { row: { ...row, engine }, consumers };
}

/**
 * Where nobody is connected who would run it, or who has a program: the agents that were in its pool, else those of
 * other pools.
 */
async function othersThatTell(q: Queries, organizationId: Organization["id"], poolId: Workspace["poolId"]) {
  const filter = { organizationId, statuses: ["idle", "busy", "unknown"], search: "" } as const;
  const page = { after: null, limit: maxAgents };
  const ofPool = poolId === null ? [] : await q.agents.list({ ...filter, poolId }, page);
  return ofPool.length > 0 ? ofPool : q.agents.list({ ...filter, poolId: null }, page);
}

interface Insertion {
  readonly checked: CheckedSettings;
  readonly organizationId: Organization["id"];
  readonly id: WorkspaceId;
  readonly at: Change;
}

async function insert(tx: Queries, person: Person, { checked, organizationId, id, at }: Insertion): Promise<Workspace> {
  const times = { createdAt: at.now, updatedAt: at.now };
  const row: Workspace = {
    id,
    organizationId,
    ...checked.row,
    lock: null,
    currentStateId: null,
    ...times,
    version: 1,
  };
  await tx.workspaces.insert(row);
  await tx.workspaces.setConsumers(id, checked.consumers);
  notePools(tx, undefined, row);
  await recordSettings(tx, person, { workspace: row, action: "workspace.create", at: at.now });
  return row;
}

async function demandRoom(tx: Queries, { id, name, maxWorkspaces }: Organization): Promise<void> {
  if (maxWorkspaces === 0 || (await tx.workspaces.count(id)) < maxWorkspaces) return;
  const message = `organization "${name}" has its ${counted(maxWorkspaces, "workspace")} already: delete one, or let a site admin raise the limit`;
  throw new WindlassError("quota_exceeded", message, { metadata: { limit: String(maxWorkspaces) } });
}

/** The workspace of that id or name. */
export async function getWorkspace(control: Control, who: Principal, reference: Reference): Promise<WorkspaceView> {
  const person = asPerson(who);
  demand(person, "read");
  return control.store.read(async (q) => viewWorkspace(q, await findWorkspace(q, person, reference)));
}

export interface WorkspaceList extends Omit<WorkspaceFilter, "organizationId" | "poolId"> {
  readonly organization: string;
  /** Id or name: only workspaces assigned to it; empty is all. */
  readonly pool: string;
  readonly page: PageRequest;
}

/** The workspaces of an organization, by name. */
export async function listWorkspaces(
  control: Control,
  who: Principal,
  { organization, pool, page, ...conditions }: WorkspaceList,
): Promise<Page<WorkspaceView>> {
  const person = asPerson(who);
  demand(person, "read");
  const { store } = control;
  const filter = await store.read(async (q): Promise<WorkspaceFilter> => {
    const found = pool === "" ? undefined : await findPool(q, person, { organization, name: pool });
    const organizationId = found?.organizationId ?? (await findOrganization(q, person, organization)).id;
    return { ...conditions, organizationId, poolId: found?.id ?? null };
  });
  const workspaces = await searchByKey(page, {
    cursor: nameCursor,
    placeAfter: (keys) => store.read((q) => q.workspaces.placeAfter(filter.organizationId, keys)),
    read: (keys) => store.read((q) => q.workspaces.list(filter, keys)),
    keyOf: ({ name }) => name,
  });
  return withRows(workspaces, await store.read((q) => viewWorkspaces(q, workspaces.rows)));
}

export interface WorkspaceUpdate {
  readonly reference: Reference;
  /** New values, or how they are made of the present ones. */
  readonly changes: Partial<WorkspaceSettings> | ((current: WorkspaceSettings) => Partial<WorkspaceSettings>);
  readonly etag: string;
}

/**
 * Changes a workspace. Its queued jobs follow it to another pool; its grants and what is shared with it follow to
 * another name.
 */
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
    const next = await changeSettings(tx, at, { person, workspace, changes });
    return viewWorkspace(tx, (await tx.workspaces.get(next.id)) ?? next);
  });
}

export interface SettingsChange extends Pick<WorkspaceUpdate, "changes"> {
  readonly person: Person;
  readonly workspace: Workspace;
}

/** Changes settings of a workspace with everything that follows them. */
export async function changeSettings(
  tx: Queries,
  at: Change,
  { person, workspace, changes: said }: SettingsChange,
): Promise<Workspace> {
  const { id, organizationId, poolId } = workspace;
  const current = await settingsOf(tx, workspace);
  const changes = await withMode(tx, workspace, typeof said === "function" ? said(current) : said);
  const wanted = { ...current, ...leavingAgents(changes), ...changes };
  if (wanted.name !== workspace.name) await rename(tx, at, { workspace, name: wanted.name });
  const context = { person, organizationId, currentPoolId: poolId, field: "changes" };
  const { row, consumers } = await checkSettings(tx, context, wanted);
  const next: Workspace = { ...workspace, ...row, updatedAt: at.now, version: workspace.version + 1 };
  await tx.workspaces.save(next);
  if (changes.consumers !== undefined) await tx.workspaces.setConsumers(id, consumers);
  await moveJobs(tx, at, { from: workspace, to: next });
  notePools(tx, workspace, next);
  await recordSettings(tx, person, { workspace: next, action: "workspace.update", at: at.now });
  return next;
}

/** Pools show which workspaces use them. */
function notePools(tx: Queries, from: Workspace | undefined, { organizationId, poolId, name }: Workspace): void {
  if (from !== undefined && from.poolId === poolId && from.name === name) return;
  for (const id of new Set([from?.poolId ?? null, poolId]))
    if (id !== null) tx.changes.note({ kind: "pool", id, organizationId });
}

/** Whoever names a mode or a pool follows the organization no longer; whoever follows it has its mode and pool. */
async function withMode(
  tx: Queries,
  { organizationId }: Workspace,
  changes: Partial<WorkspaceSettings>,
): Promise<Partial<WorkspaceSettings>> {
  const namesMode = changes.executionMode !== undefined || changes.pool !== undefined;
  if (changes.inheritsExecutionMode !== true) return namesMode ? { ...changes, inheritsExecutionMode: false } : changes;
  if (namesMode) throw contradiction("changes");
  const organization = await tx.organizations.get(organizationId);
  return organization === undefined ? changes : { ...changes, ...modeOf(organization) };
}

/** Lets the workspaces that follow an organization have its mode and pool. */
export async function moveFollowers(
  tx: Queries,
  at: Change,
  { person, organizationId }: { readonly person: Person; readonly organizationId: Organization["id"] },
): Promise<void> {
  for (let after: string | null = null; ; ) {
    const some = await tx.workspaces.followers(organizationId, { after, limit: 500 });
    for (const workspace of some)
      await changeSettings(tx, at, { person, workspace, changes: { inheritsExecutionMode: true } });
    after = some.at(-1)?.name ?? null;
    if (after === null) return;
  }
}

async function settingsOf(tx: Queries, { poolId, ...workspace }: Workspace): Promise<WorkspaceSettings> {
  const consumers = (await tx.workspaces.consumers([workspace.id])).map(({ consumerName }) => consumerName);
  return { ...workspace, pool: poolId ?? "", consumers };
}

/** Leaving agent mode leaves the pool, and nobody is left to select. */
const leavingAgents = ({ executionMode }: Partial<WorkspaceSettings>): Partial<WorkspaceSettings> =>
  executionMode === undefined || executionMode === "agent" ? {} : { pool: "", agentSelector: "" };

async function rename(tx: Queries, at: Change, { workspace, name }: { workspace: Workspace; name: string }) {
  await demandFreeName(tx, workspace.organizationId, name, workspace.id);
  await moveGrants(tx, at, { workspace, name });
  await tx.workspaces.moveConsumer(workspace.organizationId, workspace.name, name);
}

/** No two names of an organization differ in capitals alone: people and file systems take them for the same. */
async function demandFreeName(
  tx: Queries,
  organizationId: Workspace["organizationId"],
  name: string,
  self?: WorkspaceId,
): Promise<void> {
  const found = await tx.workspaces.byNameInAnyCase(organizationId, name);
  if (found !== undefined && found.id !== self) throw nameTaken("workspace", found.name);
}

/** Queued jobs wait where their workspace now runs. In local mode nothing runs, so nothing may be under way. */
async function moveJobs(tx: Queries, at: Change, { from, to }: { from: Workspace; to: Workspace }): Promise<void> {
  if (from.agentSelector !== to.agentSelector) at.touched.add(topics.jobs);
  if (from.executionMode === to.executionMode && from.poolId === to.poolId) return;
  if (to.executionMode === "local") await demandNoRuns(tx, to, "cannot change to execution mode local");
  for (const job of await tx.jobs.queuedOfWorkspace(to.id)) {
    await tx.jobs.saveIf({ ...job, poolId: to.poolId }, { epoch: job.epoch, status: "queued" });
    at.touched.add(topics.run(job.runId));
  }
  at.touched.add(topics.jobs);
}

/** Refuses what cannot be done while a run of the workspace has not ended. */
export async function demandNoRuns(tx: Queries, { id, name }: Workspace, consequence: string): Promise<void> {
  const [run] = await tx.runs.active(id, 1);
  if (run === undefined) return;
  const message = `workspace "${name}" ${consequence}: its run ${run.id} is ${statusText(run.status)}. Wait for its end or cancel it: windlass run cancel ${run.id}`;
  throw new WindlassError("workspace_in_use", message, { metadata: { workspace: name, run_id: run.id } });
}

/** Records what was done to a workspace, with its settings. */
export async function recordSettings(
  tx: Queries,
  person: Person,
  { workspace, action, at }: { readonly workspace: Workspace; readonly action: string; readonly at: Date },
): Promise<void> {
  const { id, organizationId, name, executionMode, poolId } = workspace;
  const detail = { name, execution_mode: executionMode, pool_id: poolId ?? "" };
  await record(tx, person, { action, resource: id, organizationId, detail, at });
}
