import type { AgentPool } from "../../domain/agents/pool.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import type { PoolId } from "../../lib/words/ids.ts";
import type { PoolCounts, Queries } from "../../store/ports/store.ts";

/** A pool as its readers see it. */
export interface PoolView {
  readonly pool: AgentPool;
  readonly organizationName: string;
  /** Names of the granted workspaces, sorted. */
  readonly grants: readonly string[];
  /** Names of the assigned workspaces, sorted; at most `maxAssignedShown`. */
  readonly assigned: readonly string[];
  readonly counts: PoolCounts;
}

/** How many assigned workspaces a view names at most. */
export const maxAssignedShown = 1000;

/** Reads what belongs to a pool. */
export async function viewPool(q: Queries, pool: AgentPool): Promise<PoolView> {
  const [view] = await viewPools(q, [pool]);
  if (view === undefined) throw new WindlassError("internal", `the agent pool ${pool.id} has no view`);
  return view;
}

/** Reads what belongs to pools of one organization, in their order. */
export async function viewPools(q: Queries, pools: readonly AgentPool[]): Promise<readonly PoolView[]> {
  const [first] = pools;
  if (first === undefined) return [];
  const organizationName = (await q.organizations.get(first.organizationId))?.name ?? "";
  const counts = new Map((await q.pools.counts(pools.map(({ id }) => id))).map((row) => [row.poolId, row]));
  const views: PoolView[] = [];
  for (const pool of pools) {
    const grants = await q.pools.grants(pool.id);
    const assigned = await q.pools.assigned(pool.id, maxAssignedShown);
    views.push({ pool, organizationName, grants, assigned, counts: counts.get(pool.id) ?? empty(pool.id) });
  }
  return views;
}

const empty = (poolId: PoolId): PoolCounts => ({
  poolId,
  agents: { idle: 0, busy: 0, unknown: 0, errored: 0, exited: 0 },
  pausedAgents: 0,
  drainingAgents: 0,
  capacity: 0,
  queuedJobs: 0,
  runningJobs: 0,
  oldestQueuedAt: null,
});
