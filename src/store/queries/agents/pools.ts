import type { SQL } from "drizzle-orm";
import type { AgentStatus } from "../../../domain/agents/agent.ts";
import type { PoolId } from "../../../lib/words/ids.ts";
import { and, asc, count, desc, eq, exists, inArray, min, or, sql, sum } from "../../drizzle/orm.ts";
import type { PoolCounts, PoolListing, PoolQueries } from "../../ports/agents.ts";
import { isClaimed, isQueued } from "../../tables/conditions.ts";
import type { QueryContext } from "../context.ts";
import { inOrderOfName, sliceOf } from "../pages.ts";
import {
  chunks,
  counted,
  inChunks,
  inserting,
  keepingAnswers,
  many,
  one,
  oneInAnyCase,
  removing,
  saving,
} from "../rows.ts";

export function poolQueries(context: QueryContext): PoolQueries {
  const { db, t } = context;
  const { pools, grants, workspaces } = t;
  const rows = { table: pools, what: "an agent pool" };
  const inAnyCase = oneInAnyCase(context, pools);
  const named = inOrderOfName(context, pools);
  const grantsOf = keepingAnswers(
    context,
    { text: "the grants of a pool", tables: [grants] },
    many(context, grants, "poolId", { order: [asc(grants.workspaceName)] }),
  );
  return {
    get: one(context, pools, "id"),
    byName: one(context, pools, "organizationId", "name"),
    byNameInAnyCase: (organizationId, name) => inAnyCase(name, eq(pools.organizationId, organizationId)),
    list: (organizationId, page) => named.page(eq(pools.organizationId, organizationId), page),
    find: findQuery(context),
    slice: (listing, slice) =>
      sliceOf(context, pools, { where: conditionOf(context, listing), order: orderOf(context, listing) }, slice),
    count: (organizationId) => counted(context, pools, eq(pools.organizationId, organizationId)),
    insert: inserting(context, rows),
    save: saving(context, rows),
    delete: removing(context, pools),
    grants: async (id) => (await grantsOf(id)).map(({ workspaceName }) => workspaceName),
    grantedTo: async (organizationId, workspaceName) => {
      const found = await db
        .select({ pool: pools })
        .from(grants)
        .innerJoin(pools, eq(pools.id, grants.poolId))
        .where(and(eq(grants.workspaceName, workspaceName), eq(pools.organizationId, organizationId)))
        .orderBy(asc(pools.name));
      return found.map(({ pool }) => pool);
    },
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
    ...workspacesQueries(context),
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
  const found: PoolCounts[] = [];
  for (const some of chunks(ids)) {
    const agentRows = await db
      .select({
        poolId: agents.poolId,
        status: agents.status,
        isPaused: agents.isPaused,
        isDraining: agents.isDraining,
        count: count(),
        capacity: sum(agents.concurrency).mapWith(Number),
      })
      .from(agents)
      .where(inArray(agents.poolId, some))
      .groupBy(agents.poolId, agents.status, agents.isPaused, agents.isDraining);
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
      found.push({
        poolId,
        ...agentCounts(agentRows.filter((row) => row.poolId === poolId)),
        queuedJobs: waiting?.count ?? 0,
        runningJobs: claimed.find((row) => row.poolId === poolId)?.count ?? 0,
        oldestQueuedAt: waiting?.oldest ?? null,
      });
    }
  }
  return found;
}

interface AgentGroup {
  readonly status: AgentStatus;
  readonly isPaused: boolean;
  readonly isDraining: boolean;
  readonly count: number;
  readonly capacity: number;
}

function agentCounts(
  groups: readonly AgentGroup[],
): Pick<PoolCounts, "agents" | "pausedAgents" | "drainingAgents" | "capacity"> {
  const agents: Record<AgentStatus, number> = { idle: 0, busy: 0, unknown: 0, errored: 0, exited: 0 };
  for (const { status, count } of groups) agents[status] += count;
  const here = groups.filter(({ status }) => status === "idle" || status === "busy");
  const total = (some: readonly AgentGroup[], read: (group: AgentGroup) => number) =>
    some.reduce((all, group) => all + read(group), 0);
  const agentsIn = (some: readonly AgentGroup[]) => total(some, (group) => group.count);
  return {
    agents,
    pausedAgents: agentsIn(here.filter(({ isPaused }) => isPaused)),
    drainingAgents: agentsIn(here.filter(({ isDraining }) => isDraining)),
    capacity: total(here, (group) => group.capacity),
  };
}

function workspacesQueries({
  db,
  t: { pools, grants, workspaces },
}: QueryContext): Pick<PoolQueries, "grantedWorkspaces" | "assignedWorkspaces"> {
  const isGranted = and(eq(workspaces.organizationId, pools.organizationId), eq(workspaces.name, grants.workspaceName));
  return {
    grantedWorkspaces: (ids, limit) =>
      inChunks(ids, (some) =>
        db
          .select({ poolId: grants.poolId, workspaceId: workspaces.id })
          .from(grants)
          .innerJoin(pools, eq(pools.id, grants.poolId))
          .innerJoin(workspaces, isGranted)
          .where(inArray(grants.poolId, some))
          .orderBy(asc(workspaces.name))
          .limit(limit),
      ),
    assignedWorkspaces: async (ids, limit) =>
      inChunks(ids, async (some) => {
        const rows = await db
          .select({ poolId: workspaces.poolId, workspaceId: workspaces.id })
          .from(workspaces)
          .where(inArray(workspaces.poolId, some))
          .orderBy(asc(workspaces.name))
          .limit(limit);
        return rows.flatMap(({ poolId, workspaceId }) => (poolId === null ? [] : [{ poolId, workspaceId }]));
      }),
  };
}

function conditionOf(
  { db, t: { pools, grants }, dialect }: QueryContext,
  { organizationId, search, usableBy }: PoolListing,
): SQL | undefined {
  const isFound =
    search === "" ? undefined : or(dialect.contains(pools.name, search), dialect.contains(pools.description, search));
  const grantOf = (name: string) =>
    db
      .select({ one: sql`1` })
      .from(grants)
      .where(and(eq(grants.poolId, pools.id), eq(grants.workspaceName, name)));
  const isUsable =
    usableBy === undefined ? undefined : or(sql`${pools.isOrganizationScoped}`, exists(grantOf(usableBy)));
  return and(eq(pools.organizationId, organizationId), isFound, isUsable);
}

function orderOf({ t: { pools } }: QueryContext, { order, isDescending }: PoolListing): readonly SQL[] {
  const direction = isDescending ? desc : asc;
  return [direction(order === "name" ? pools.name : pools.createdAt), direction(pools.id)];
}

function findQuery(context: QueryContext): PoolQueries["find"] {
  const {
    db,
    t: { pools },
  } = context;
  return (listing, { after, limit }) => {
    const { order, isDescending } = listing;
    const beyond = sql.raw(isDescending ? "<" : ">");
    const position =
      after === null
        ? undefined
        : order === "name"
          ? sql`${pools.name} ${beyond} ${sql.param(after.name, pools.name)}`
          : sql`(${pools.createdAt}, ${pools.id}) ${beyond} (${sql.param(after.createdAt, pools.createdAt)}, ${sql.param(after.id, pools.id)})`;
    return db
      .select()
      .from(pools)
      .where(and(conditionOf(context, listing), position))
      .orderBy(...orderOf(context, listing))
      .limit(limit);
  };
}
