import type { OrganizationStats } from "../../../domain/people/stats.ts";
import type { OrganizationId } from "../../../lib/words/ids.ts";
import { and, count, eq, sql } from "../../drizzle/orm.ts";
import type { StatsQueries } from "../../ports/access.ts";
import { isActive, isClaimed, isConnected, isQuarantined, isQueued } from "../../tables/conditions.ts";
import type { QueryContext } from "../context.ts";

export function statsQueries(context: QueryContext): StatsQueries {
  return {
    ofOrganization: async (id): Promise<OrganizationStats> => ({
      ...(await owned(context, id)),
      ...(await agentCounts(context, id)),
      ...(await runCounts(context, id)),
    }),
  };
}

type Counts = readonly { readonly count: number }[];
const only = ([row]: Counts): number => row?.count ?? 0;

async function owned({ db, t: { workspaces, pools, states, runs } }: QueryContext, id: OrganizationId) {
  const all = await db.select({ count: count() }).from(workspaces).where(eq(workspaces.organizationId, id));
  const poolCount = await db.select({ count: count() }).from(pools).where(eq(pools.organizationId, id));
  const aside = and(eq(states.organizationId, id), isQuarantined(states.status));
  const quarantined = await db.select({ count: count() }).from(states).where(aside);
  const held = await db
    .select({ count: count() })
    .from(workspaces)
    .innerJoin(runs, eq(runs.id, workspaces.lockRunId))
    .where(and(eq(workspaces.organizationId, id), sql`not (${isActive(runs.status)})`));
  return {
    workspaces: only(all),
    pools: only(poolCount),
    quarantinedStates: only(quarantined),
    interruptedWorkspaces: only(held),
  };
}

async function agentCounts({ db, t: { agents } }: QueryContext, id: OrganizationId) {
  const connected = await db
    .select({ status: agents.status, count: count() })
    .from(agents)
    .where(and(eq(agents.organizationId, id), isConnected(agents.status)))
    .groupBy(agents.status);
  const sum = (rows: Counts) => rows.reduce((total, row) => total + row.count, 0);
  return { connectedAgents: sum(connected), busyAgents: sum(connected.filter(({ status }) => status === "busy")) };
}

async function runCounts({ db, t: { runs, jobs } }: QueryContext, id: OrganizationId) {
  const active = await db
    .select({ status: runs.status, count: count() })
    .from(runs)
    .where(and(eq(runs.organizationId, id), isActive(runs.status)))
    .groupBy(runs.status);
  const ofJobs = (condition: typeof isQueued) =>
    db
      .select({ count: count() })
      .from(jobs)
      .where(and(eq(jobs.organizationId, id), condition(jobs.status)));
  return {
    activeRuns: active.reduce((total, row) => total + row.count, 0),
    runsToConfirm: only(active.filter(({ status }) => status === "planned")),
    queuedJobs: only(await ofJobs(isQueued)),
    runningJobs: only(await ofJobs(isClaimed)),
  };
}
