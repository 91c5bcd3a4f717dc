import type { AgentPool } from "../domain/agent-pool.ts";
import type { Organization } from "../domain/organization.ts";
import type { Principal } from "../domain/principal.ts";
import type { Workspace } from "../domain/workspace.ts";
import { isId } from "../lib/ids.ts";
import type { Queries } from "../store/ports.ts";
import { asPerson, demand, findPool, notFound, type Reference } from "./access.ts";
import { change, type Moment } from "./advance.ts";
import { record } from "./audit.ts";
import { type Control, topics } from "./control.ts";
import { invalid } from "./invalid.ts";
import { isName, nameShape, shortList } from "./names.ts";
import { type PoolView, viewPool } from "./pool-view.ts";

export interface GrantChange {
  readonly pool: Reference;
  /** Names, existing or not, or ids of existing workspaces. */
  readonly workspaces: readonly string[];
}

/** Lets workspaces use a pool that is not organization-scoped. Those that may already stay. */
export async function grantWorkspaces(control: Control, who: Principal, wanted: GrantChange): Promise<PoolView> {
  return changeGrants(control, who, { ...wanted, action: "pool.grant" });
}

/** Takes grants back. Nobody is evicted: jobs of workspaces that are still assigned wait and say so. */
export async function revokeWorkspaces(control: Control, who: Principal, wanted: GrantChange): Promise<PoolView> {
  return changeGrants(control, who, { ...wanted, action: "pool.revoke" });
}

async function changeGrants(
  control: Control,
  who: Principal,
  { pool: reference, workspaces, action }: GrantChange & { readonly action: "pool.grant" | "pool.revoke" },
): Promise<PoolView> {
  const person = asPerson(who);
  return change(control, async (tx, at) => {
    const pool = await findPool(tx, person, reference);
    demand(person, "operate");
    const names: string[] = [];
    for (const [index, workspace] of workspaces.entries()) {
      const owner = { id: pool.organizationId };
      names.push(await grantedName(tx, owner, { reference: workspace, field: `workspaces[${index}]` }));
    }
    await (action === "pool.grant" ? tx.pools.grant(pool.id, names) : tx.pools.revoke(pool.id, names));
    const next = await touch(tx, at, pool);
    const detail = { name: pool.name, workspaces: shortList(names, 100) };
    await record(tx, person, { action, resource: pool.id, organizationId: pool.organizationId, detail, at: at.now });
    return viewPool(tx, next);
  });
}

/** The name that a grant is for. An id must be one of an existing workspace; a name need not exist yet. */
export async function grantedName(
  tx: Queries,
  organization: Pick<Organization, "id">,
  { reference, field }: { readonly reference: string; readonly field: string },
): Promise<string> {
  if (isId("ws", reference)) {
    const workspace = await tx.workspaces.get(reference);
    if (workspace?.organizationId !== organization.id) throw notFound("workspace", reference);
    return workspace.name;
  }
  if (isName(reference)) return reference;
  throw invalid(
    field,
    `expected the name of a workspace (${nameShape}) or the id of one, got ${JSON.stringify(reference)}`,
  );
}

/** Lets the grants of a renamed workspace follow it. */
export async function moveGrants(tx: Queries, at: Moment, { workspace, name }: { workspace: Workspace; name: string }) {
  for (const pool of await allPools(tx, workspace.organizationId)) {
    if (!(await tx.pools.grants(pool.id)).includes(workspace.name)) continue;
    await tx.pools.revoke(pool.id, [workspace.name]);
    await tx.pools.grant(pool.id, [name]);
    await touch(tx, at, pool);
  }
}

/** Takes back every grant of a workspace that is deleted. */
export async function dropGrants(tx: Queries, at: Moment, workspace: Workspace): Promise<void> {
  for (const pool of await allPools(tx, workspace.organizationId)) {
    if (!(await tx.pools.grants(pool.id)).includes(workspace.name)) continue;
    await tx.pools.revoke(pool.id, [workspace.name]);
    await touch(tx, at, pool);
  }
}

const pageRows = 500;

async function allPools(tx: Queries, organizationId: AgentPool["organizationId"]): Promise<readonly AgentPool[]> {
  const all: AgentPool[] = [];
  for (;;) {
    const page = await tx.pools.list(organizationId, { after: all.at(-1)?.name ?? null, limit: pageRows });
    all.push(...page);
    if (page.length < pageRows) return all;
  }
}

async function touch(tx: Queries, at: Moment, pool: AgentPool): Promise<AgentPool> {
  const next: AgentPool = { ...pool, updatedAt: at.now, version: pool.version + 1 };
  await tx.pools.save(next);
  at.touched.add(topics.jobs);
  return next;
}
