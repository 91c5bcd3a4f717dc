import { type AgentPool, mayUse } from "../../domain/agents/pool.ts";
import type { Person, Principal } from "../../domain/people/principal.ts";
import type { Workspace } from "../../domain/workspaces/workspace.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import type { Queries } from "../../store/ports/store.ts";
import { asPerson, demand, findPool, findWorkspace, notFound, type Reference } from "../core/access.ts";
import { type Change, change } from "../core/change.ts";
import type { Control } from "../core/control.ts";
import { listedNames, shortList } from "../core/names.ts";
import { invalid } from "../core/refusals.ts";
import { type PoolView, viewPool } from "../workspaces/pool-view.ts";
import { changeSettings, type SettingsChange } from "../workspaces/workspaces.ts";

export interface AssignmentChange {
  readonly pool: Reference;
  /** Ids or names. */
  readonly workspaces: readonly string[];
}

/** Makes workspaces run on the agents of a pool, all or none; their queued jobs go with them. */
export async function assignWorkspaces(
  control: Control,
  who: Principal,
  { pool: reference, workspaces: names }: AssignmentChange,
): Promise<PoolView> {
  const person = asPerson(who);
  return change(control, async (tx, at) => {
    const pool = await findPool(tx, person, reference);
    demand(person, "operate");
    const workspaces = await findAll(tx, person, { pool, names });
    await demandGrants(tx, pool, workspaces);
    const wanted = workspaces.filter(({ poolId }) => poolId !== pool.id);
    await changeAll(tx, at, person, wanted, { executionMode: "agent", pool: pool.id });
    return viewPool(tx, pool);
  });
}

/** Takes workspaces from a pool, all or none: they run on the server from now on, their queued jobs too. */
export async function unassignWorkspaces(
  control: Control,
  who: Principal,
  { pool: reference, workspaces: names }: AssignmentChange,
): Promise<PoolView> {
  const person = asPerson(who);
  return change(control, async (tx, at) => {
    const pool = await findPool(tx, person, reference);
    demand(person, "operate");
    const workspaces = await findAll(tx, person, { pool, names });
    refuseOthers(pool, workspaces);
    const wanted = workspaces.filter(({ poolId }) => poolId !== null);
    await changeAll(tx, at, person, wanted, { executionMode: "remote" });
    return viewPool(tx, pool);
  });
}

/** The workspaces, each once. */
async function findAll(
  tx: Queries,
  person: Person,
  { pool, names }: { readonly pool: AgentPool; readonly names: readonly string[] },
): Promise<readonly Workspace[]> {
  const found = new Map<string, Workspace>();
  for (const name of names) {
    const workspace = await findWorkspace(tx, person, { organization: pool.organizationId, name });
    if (workspace.organizationId !== pool.organizationId) throw notFound("workspace", name);
    found.set(workspace.id, workspace);
  }
  return [...found.values()];
}

async function demandGrants(tx: Queries, pool: AgentPool, workspaces: readonly Workspace[]): Promise<void> {
  const grants = new Set(await tx.pools.grants(pool.id));
  const refused = workspaces.filter((one) => one.poolId !== pool.id && !mayUse(pool, grants, one));
  const names = refused.map(({ name }) => name);
  if (names.length === 0) return;
  const them = names.length === 1 ? `workspace "${names[0]}"` : `the workspaces ${shortList(names)}`;
  const message = `agent pool "${pool.name}" does not grant ${them}: nothing was assigned. Grant first: windlass pool grant ${pool.name} ${names.slice(0, 10).join(" ")}`;
  throw new WindlassError("pool_not_granted", message, {
    metadata: { pool: pool.name, workspaces: listedNames(names) },
  });
}

/** A workspace of another pool would leave that one, which nobody has asked for. */
function refuseOthers(pool: AgentPool, workspaces: readonly Workspace[]): void {
  const names = workspaces.filter(({ poolId }) => poolId !== null && poolId !== pool.id).map(({ name }) => name);
  if (names.length === 0) return;
  throw invalid(
    "workspaces",
    `${shortList(names)} are assigned to another pool than "${pool.name}": nothing was changed`,
  );
}

async function changeAll(
  tx: Queries,
  at: Change,
  person: Person,
  workspaces: readonly Workspace[],
  changes: SettingsChange["changes"],
): Promise<void> {
  for (const workspace of workspaces) await changeSettings(tx, at, { person, workspace, changes });
}
