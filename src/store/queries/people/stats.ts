import type { OrganizationStats } from "../../../domain/people/stats.ts";
import type { OrganizationId } from "../../../lib/words/ids.ts";
import { and, count, eq, sql } from "../../drizzle/orm.ts";
import type { StatsQueries } from "../../ports/access.ts";
import { isActive, isClaimed, isConnected, isQuarantined, isQueued } from "../../tables/conditions.ts";
import type { QueryContext } from "../context.ts";
import { counted } from "../rows.ts";

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

async function owned(context: QueryContext, id: OrganizationId) {
  const {
    db,
    t: { workspaces, pools, states, runs },
  } = context;
  const aside = and(eq(states.organizationId, id), isQuarantined(states.status));
  const held = await db
    .select({ count: count() })
    .from(workspaces)
    .innerJoin(runs, eq(runs.id, workspaces.lockRunId))
    .where(and(eq(workspaces.organizationId, id), sql`not (${isActive(runs.status)})`));
  return {
    workspaces: await counted(context, workspaces, eq(workspaces.organizationId, id)),
    pools: await counted(context, pools, eq(pools.organizationId, id)),
    quarantinedStates: await counted(context, states, aside),
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

async function runCounts(context: QueryContext, id: OrganizationId) {
  const {
    db,
    t: { runs, jobs },
  } = context;
  const active = await db
    .select({ status: runs.status, count: count() })
    .from(runs)
    .where(and(eq(runs.organizationId, id), isActive(runs.status)))
    .groupBy(runs.status);
  const ofJobs = (condition: typeof isQueued) =>
    counted(context, jobs, and(eq(jobs.organizationId, id), condition(jobs.status)));
  return {
    activeRuns: active.reduce((total, row) => total + row.count, 0),
    runsToConfirm: only(active.filter(({ status }) => status === "planned")),
    queuedJobs: await ofJobs(isQueued),
    runningJobs: await ofJobs(isClaimed),
  };
}
