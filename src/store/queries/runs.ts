import type { SQL } from "drizzle-orm";
import type { AgentId, PoolId, WorkspaceId } from "../../lib/ids.ts";
import { and, asc, count, desc, eq, gt, gte, inArray, lt, or, sql } from "../drizzle/orm.ts";
import { prepared } from "../prepared.ts";
import type { RunFilter, RunQueries } from "../run-ports.ts";
import { isActive, isPending } from "../tables/conditions.ts";
import type { QueryContext } from "./context.ts";
import { beforeInstant, getting, inserting, saving } from "./rows.ts";

export function runQueries(context: QueryContext): RunQueries {
  const { db, t } = context;
  const { runs } = t;
  const rows = { table: runs, name: "run", what: "a run" };
  const newest = prepared<{ workspaceId: WorkspaceId }>()("run_newest", (slot) =>
    db
      .select()
      .from(runs)
      .where(eq(runs.workspaceId, slot("workspaceId", runs.workspaceId)))
      .orderBy(desc(runs.createdAt), desc(runs.id))
      .limit(1),
  );
  const pending = prepared<{ workspaceId: WorkspaceId; limit: number }>()("run_pending", (slot) =>
    db
      .select()
      .from(runs)
      .where(and(eq(runs.workspaceId, slot("workspaceId", runs.workspaceId)), isPending(runs.status)))
      .orderBy(asc(runs.urgency), asc(runs.createdAt), asc(runs.id))
      .limit(sql.placeholder("limit")),
  );
  const active = prepared<{ workspaceId: WorkspaceId; limit: number }>()("run_active", (slot) =>
    db
      .select()
      .from(runs)
      .where(and(eq(runs.workspaceId, slot("workspaceId", runs.workspaceId)), isActive(runs.status)))
      .orderBy(asc(runs.createdAt), asc(runs.id))
      .limit(sql.placeholder("limit")),
  );
  const activeCount = prepared<{ workspaceId: WorkspaceId }>()("run_active_count", (slot) =>
    db
      .select({ count: count() })
      .from(runs)
      .where(and(eq(runs.workspaceId, slot("workspaceId", runs.workspaceId)), isActive(runs.status))),
  );
  return {
    ...getting(context, rows),
    list: (filter, page) =>
      db
        .select()
        .from(runs)
        .where(and(matches(context, filter), beforeInstant(runs.createdAt, runs.id, page)))
        .orderBy(desc(runs.createdAt), desc(runs.id))
        .limit(page.limit),
    pending: (workspaceId, limit) => pending({ workspaceId, limit }),
    active: (workspaceId, limit) => active({ workspaceId, limit }),
    countActive: async (workspaceId) => (await activeCount({ workspaceId }))[0]?.count ?? 0,
    newest: async (workspaceId) => (await newest({ workspaceId }))[0],
    queuedSince: (at, { after, limit }) =>
      db
        .select()
        .from(runs)
        .where(
          and(
            isActive(runs.status),
            inArray(runs.status, ["pending", "plan_queued", "apply_queued"]),
            lt(runs.statusAt, at),
            after === null ? undefined : gt(runs.id, after),
          ),
        )
        .orderBy(asc(runs.id))
        .limit(limit),
    insert: inserting(context, rows),
    save: saving(context, rows),
  };
}

/** The condition that a filter is. */
function matches({ db, t, dialect }: QueryContext, filter: RunFilter): SQL | undefined {
  const { runs, workspaces, workspaceTags, jobs } = t;
  const { organizationId, workspaceId, statuses, search = "", tags = [] } = filter;
  const { createdFrom = null, createdBefore = null, poolId = null, agentId = null } = filter;
  const inPool = (id: PoolId) => db.select({ id: workspaces.id }).from(workspaces).where(eq(workspaces.poolId, id));
  const tagged = (tag: string) =>
    db.select({ id: workspaceTags.workspaceId }).from(workspaceTags).where(eq(workspaceTags.tag, tag));
  const ofAgent = (id: AgentId) => db.select({ id: jobs.runId }).from(jobs).where(eq(jobs.agentId, id));
  const searched = [runs.id, runs.message, runs.createdBy];
  return and(
    eq(runs.organizationId, organizationId),
    workspaceId === null ? undefined : eq(runs.workspaceId, workspaceId),
    statuses.length === 0 ? undefined : inArray(runs.status, [...statuses]),
    filter.isActive === true ? isActive(runs.status) : undefined,
    search === "" ? undefined : or(...searched.map((column) => dialect.contains(column, search))),
    createdFrom === null ? undefined : gte(runs.createdAt, createdFrom),
    createdBefore === null ? undefined : lt(runs.createdAt, createdBefore),
    poolId === null ? undefined : inArray(runs.workspaceId, inPool(poolId)),
    agentId === null ? undefined : inArray(runs.id, ofAgent(agentId)),
    ...tags.map((tag) => inArray(runs.workspaceId, tagged(tag))),
  );
}
