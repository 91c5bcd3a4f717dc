import type { AgentPool } from "../../domain/agents/pool.ts";
import type { Principal } from "../../domain/people/principal.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import type { WorkspaceId } from "../../lib/words/ids.ts";
import type { Slice, Sliced } from "../../store/ports/pages.ts";
import type { PoolListing, Queries } from "../../store/ports/store.ts";
import { asPerson, demand, findOrganization, findPool, notFound, type Reference } from "../core/access.ts";
import type { Control } from "../core/control.ts";

/** A pool with the workspaces that it has to do with, by their ids. */
export interface LinkedPool {
  readonly pool: AgentPool;
  readonly organizationName: string;
  /** Those that it is granted to and that are there, by name. */
  readonly granted: readonly WorkspaceId[];
  /** By name, of very many the first. */
  readonly assigned: readonly WorkspaceId[];
  /** Idle, busy or, for a short while, silent. */
  readonly connectedAgents: number;
}

/** Most ids of workspaces in one answer about pools. */
const maxLinks = 20_000;

async function linkPools(q: Queries, pools: readonly AgentPool[]): Promise<readonly LinkedPool[]> {
  const [first] = pools;
  if (first === undefined) return [];
  const ids = pools.map(({ id }) => id);
  const organizationName = (await q.organizations.get(first.organizationId))?.name ?? "";
  const grants = await q.pools.grantedWorkspaces(ids, maxLinks + 1);
  if (grants.length > maxLinks) throw tooMany(pools.length);
  const granted = Map.groupBy(grants, ({ poolId }) => poolId);
  const assigned = Map.groupBy(await q.pools.assignedWorkspaces(ids, maxLinks), ({ poolId }) => poolId);
  const counts = new Map((await q.pools.counts(ids)).map(({ poolId, agents }) => [poolId, agents]));
  return pools.map((pool) => {
    const { idle = 0, busy = 0, unknown = 0 } = counts.get(pool.id) ?? {};
    return {
      ...{ pool, organizationName, connectedAgents: idle + busy + unknown },
      granted: (granted.get(pool.id) ?? []).map(({ workspaceId }) => workspaceId),
      assigned: (assigned.get(pool.id) ?? []).map(({ workspaceId }) => workspaceId),
    };
  });
}

const tooMany = (pools: number) =>
  new WindlassError(
    "answer_too_large",
    `these ${pools} agent pools are granted to more than ${maxLinks} workspaces together: ask for fewer pools a page`,
  );

/** The pool of that id or name. */
export async function getLinkedPool(control: Control, who: Principal, reference: Reference): Promise<LinkedPool> {
  const person = asPerson(who);
  demand(person, "read");
  return control.store.read(async (q) => {
    const pool = await findPool(q, person, reference);
    const [linked] = await linkPools(q, [pool]);
    if (linked === undefined) throw notFound("agent pool", reference.name);
    return linked;
  });
}

export interface PoolSearch extends Omit<PoolListing, "organizationId"> {
  readonly organization: string;
  readonly slice: Slice;
}

/** A part of the pools of an organization, how many are found, and how many there are. */
export interface FoundPools extends Sliced<LinkedPool> {
  readonly all: number;
}

/** A counted part of the pools of an organization. */
export async function searchPools(
  control: Control,
  who: Principal,
  { organization, slice, ...listing }: PoolSearch,
): Promise<FoundPools> {
  const person = asPerson(who);
  demand(person, "read");
  return control.store.read(async (q) => {
    const { id: organizationId } = await findOrganization(q, person, organization);
    const { rows, total } = await q.pools.slice({ ...listing, organizationId }, slice);
    return { rows: await linkPools(q, rows), total, all: await q.pools.count(organizationId) };
  });
}
