import type { AgentPool } from "../../domain/agents/pool.ts";
import type { Organization } from "../../domain/people/organization.ts";
import type { Principal } from "../../domain/people/principal.ts";
import type { Workspace } from "../../domain/workspaces/workspace.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import { isId } from "../../lib/words/ids.ts";
import { workspaceNameShape } from "../../lib/words/workspace-names.ts";
import type { Queries } from "../../store/ports/store.ts";
import { asPerson, demand, findPool, notFound, type Reference } from "../core/access.ts";
import { record } from "../core/audit.ts";
import { type Change, change } from "../core/change.ts";
import { type Control, topics } from "../core/control.ts";
import { isWorkspaceName, shortList } from "../core/names.ts";
import { invalid } from "../core/refusals.ts";
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
    const asked = { references: workspaces, field: "workspaces" };
    const names = await grantedNames(tx, { id: pool.organizationId }, asked);
    if (action === "pool.grant") demandGrantRoom(pool, [...(await tx.pools.grants(pool.id)), ...names]);
    await (action === "pool.grant" ? tx.pools.grant(pool.id, names) : tx.pools.revoke(pool.id, names));
    const next = await touch(tx, at, pool);
    const detail = { name: pool.name, workspaces: shortList(names, 100) };
    await record(tx, person, { action, resource: pool.id, organizationId: pool.organizationId, detail, at: at.now });
    return viewPool(tx, next);
  });
}

/** Every answer about a pool names all of its grants, and every look at its queue reads them. */
export const maxGrants = 5_000;

/** Refuses more grants than a pool may have. */
export function demandGrantRoom(pool: Pick<AgentPool, "name">, names: readonly string[]): void {
  const { size } = new Set(names);
  if (size <= maxGrants) return;
  const message = `agent pool "${pool.name}" would grant ${size} workspaces, and ${maxGrants} are possible: let every workspace of the organization use it (--org-scoped), or make another pool`;
  throw new WindlassError("quota_exceeded", message, { metadata: { limit: String(maxGrants) } });
}

/** The names that grants are for, each once; `field` is the list in the request. */
export async function grantedNames(
  tx: Queries,
  organization: Pick<Organization, "id">,
  { references, field }: { readonly references: readonly string[]; readonly field: string },
): Promise<readonly string[]> {
  const names = new Set<string>();
  for (const [index, reference] of references.entries())
    names.add(await grantedName(tx, organization, { reference, field: `${field}[${index}]` }));
  return [...names];
}

/** The name that a grant is for. An id must be one of an existing workspace; a name need not exist yet. */
async function grantedName(
  tx: Queries,
  organization: Pick<Organization, "id">,
  { reference, field }: { readonly reference: string; readonly field: string },
): Promise<string> {
  if (isId("ws", reference)) {
    const workspace = await tx.workspaces.get(reference);
    if (workspace?.organizationId !== organization.id) throw notFound("workspace", reference);
    return workspace.name;
  }
  if (isWorkspaceName(reference)) return reference;
  throw invalid(
    field,
    `expected the name of a workspace (${workspaceNameShape}) or the id of one, got ${JSON.stringify(reference)}`,
  );
}

/** Lets the grants of a renamed workspace follow it. */
export async function moveGrants(tx: Queries, at: Change, { workspace, name }: { workspace: Workspace; name: string }) {
  for (const pool of await tx.pools.grantedTo(workspace.organizationId, workspace.name)) {
    await tx.pools.revoke(pool.id, [workspace.name]);
    await tx.pools.grant(pool.id, [name]);
    await touch(tx, at, pool);
  }
}

/** Takes back every grant of a workspace that is deleted. */
export async function dropGrants(tx: Queries, at: Change, workspace: Workspace): Promise<void> {
  for (const pool of await tx.pools.grantedTo(workspace.organizationId, workspace.name)) {
    await tx.pools.revoke(pool.id, [workspace.name]);
    await touch(tx, at, pool);
  }
}

async function touch(tx: Queries, at: Change, pool: AgentPool): Promise<AgentPool> {
  const next: AgentPool = { ...pool, updatedAt: at.now, version: pool.version + 1 };
  await tx.pools.save(next);
  at.touched.add(topics.jobs);
  return next;
}
