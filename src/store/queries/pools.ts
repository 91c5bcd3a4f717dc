import type { AgentStatus } from "../../domain/agent.ts";
import type { AgentPool } from "../../domain/agent-pool.ts";
import type { OrganizationId, PoolId } from "../../lib/ids.ts";
import { and, asc, count, eq, inArray, min } from "../drizzle/orm.ts";
import type { PoolCounts, Queries } from "../ports.ts";
import { prepared } from "../prepared.ts";
import { isClaimed, isQueued } from "../tables/conditions.ts";
import type { QueryContext } from "./context.ts";
import { afterName, getting, inserting, saving } from "./rows.ts";

export function poolQueries(context: QueryContext): Queries["pools"] {
  const { db, t } = context;
  const { pools, grants, workspaces } = t;
  const rows = { table: pools, name: "pool", what: "an agent pool" };
  const { get } = getting(context, rows);
  const byName = prepared<{ organizationId: OrganizationId; name: string }>()("pool_by_name", (slot) =>
    db
      .select()
      .from(pools)
      .where(
        and(
          eq(pools.organizationId, slot("organizationId", pools.organizationId)),
          eq(pools.name, slot("name", pools.name)),
        ),
      ),
  );
  const grantsOf = prepared<{ id: PoolId }>()("pool_grants", (slot) =>
    db
      .select({ name: grants.workspaceName })
      .from(grants)
      .where(eq(grants.poolId, slot("id", grants.poolId)))
      .orderBy(asc(grants.workspaceName)),
  );
  return {
    get,
    byName: async (organizationId, name): Promise<AgentPool | undefined> => (await byName({ organizationId, name }))[0],
    list: (organizationId, page) =>
      db
        .select()
        .from(pools)
        .where(and(eq(pools.organizationId, organizationId), afterName(pools.name, page)))
        .orderBy(asc(pools.name))
        .limit(page.limit),
    insert: inserting(context, rows),
    save: saving(context, rows),
    delete: async (id) => {
      await db.delete(pools).where(eq(pools.id, id));
    },
    grants: async (id) => (await grantsOf({ id })).map(({ name }) => name),
    grant: async (poolId, names) => {
      for (const some of chunks([...new Set(names)])) {
        const added = some.map((workspaceName) => ({ poolId, workspaceName }));
        await db.insert(grants).values(added).onConflictDoNothing();
      }
    },
    revoke: async (poolId, names) => {
      for (const some of chunks(names)) {
        await db.delete(grants).where(and(eq(grants.poolId, poolId), inArray(grants.workspaceName, some)));
      }
    },
    assigned: async (id, limit) => {
      const named = await db
        .select({ name: workspaces.name })
        .from(workspaces)
        .where(eq(workspaces.poolId, id))
        .orderBy(asc(workspaces.name))
        .limit(limit);
      return named.map(({ name }) => name);
    },
    counts: (ids) => poolCounts(context, ids),
  };
}

async function poolCounts({ db, t: { agents, jobs } }: QueryContext, ids: readonly PoolId[]): Promise<PoolCounts[]> {
  const counted: PoolCounts[] = [];
  for (const some of chunks(ids)) {
    const agentRows = await db
      .select({ poolId: agents.poolId, status: agents.status, count: count() })
      .from(agents)
      .where(inArray(agents.poolId, some))
      .groupBy(agents.poolId, agents.status);
    const queued = await db
      .select({ poolId: jobs.poolId, count: count(), oldest: min(jobs.queuedAt) })
      .from(jobs)
      .where(and(isQueued(jobs.status), inArray(jobs.poolId, some)))
      .groupBy(jobs.poolId);
    const claimed = await db
      .select({ poolId: jobs.poolId, count: count() })
      .from(jobs)
      .where(and(isClaimed(jobs.status), inArray(jobs.poolId, some)))
      .groupBy(jobs.poolId);
    for (const poolId of some) {
      const waiting = queued.find((row) => row.poolId === poolId);
      counted.push({
        poolId,
        agents: byStatus(agentRows.filter((row) => row.poolId === poolId)),
        queuedJobs: waiting?.count ?? 0,
        runningJobs: claimed.find((row) => row.poolId === poolId)?.count ?? 0,
        oldestQueuedAt: waiting?.oldest ?? null,
      });
    }
  }
  return counted;
}

function byStatus(rows: readonly { status: AgentStatus; count: number }[]): Record<AgentStatus, number> {
  const counts: Record<AgentStatus, number> = { idle: 0, busy: 0, unknown: 0, errored: 0, exited: 0 };
  for (const { status, count } of rows) counts[status] = count;
  return counts;
}

/** Lists in pieces that stay below either engine's limit of parameters. */
function* chunks<T>(items: readonly T[]): Iterable<T[]> {
  for (let from = 0; from < items.length; from += 1_000) yield items.slice(from, from + 1_000);
}
