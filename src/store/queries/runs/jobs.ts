import type { AgentId, JobId, PoolId, RunId, WorkspaceId } from "../../../lib/words/ids.ts";
import { and, asc, count, desc, eq, inArray, isNull, lt, or, sql } from "../../drizzle/orm.ts";
import { asParameter } from "../../engine/dialect.ts";
import { prepared } from "../../engine/prepared.ts";
import type { Queries, QueuePosition } from "../../ports/store.ts";
import { isClaimed, isFalse, isQueued, isSet } from "../../tables/conditions.ts";
import type { QueryContext } from "../context.ts";
import { beforeInstant, getting, inserting, saving } from "../rows.ts";
import { jobCandidates } from "./job-candidates.ts";
import { compareAndSet } from "./job-writes.ts";

type JobQueries = Queries["jobs"];

export function jobQueries(context: QueryContext): JobQueries {
  const rows = { table: context.t.jobs, name: "job", what: "a job" };
  return {
    ...getting(context, rows),
    insert: inserting(context, rows),
    save: saving(context, rows),
    ...compareAndSet(context),
    ...lookUps(context),
    ...queue(context),
    ...jobCandidates(context),
    ...sweeps(context),
  };
}

type LookUps = Pick<
  JobQueries,
  "byTokenHash" | "ofRun" | "ofRuns" | "ofAgent" | "ofAgents" | "openOfAgent" | "historyOfAgent"
>;

function lookUps({ db, t: { jobs }, dialect }: QueryContext): LookUps {
  const byTokenHash = prepared<{ hash: string }>()("job_by_token", (slot) =>
    db
      .select()
      .from(jobs)
      .where(eq(jobs.tokenHash, slot("hash", jobs.tokenHash))),
  );
  const ofRun = prepared<{ runId: RunId }>()(
    "job_of_run",
    (slot) =>
      db
        .select()
        .from(jobs)
        .where(eq(jobs.runId, slot("runId", jobs.runId)))
        .orderBy(desc(jobs.phase), asc(jobs.queuedAt), asc(jobs.epoch), asc(jobs.id)), // "plan" sorts after "apply"
  );
  const runColumns = { id: jobs.runId };
  const ofRuns = prepared<{ ids: string }>()("job_of_runs", () =>
    db
      .select()
      .from(jobs)
      .where(sql`${jobs.runId} in (select id from ${dialect.given(sql`${sql.placeholder("ids")}`, runColumns)})`)
      .orderBy(asc(jobs.runId), desc(jobs.phase), asc(jobs.queuedAt), asc(jobs.epoch), asc(jobs.id)),
  );
  const ofAgent = prepared<{ agentId: AgentId }>()("job_of_agent", (slot) =>
    db
      .select()
      .from(jobs)
      .where(and(isClaimed(jobs.status), eq(jobs.agentId, slot("agentId", jobs.agentId))))
      .orderBy(asc(jobs.queuedAt), asc(jobs.id)),
  );
  const agentColumns = { id: jobs.agentId };
  const ofAgents = prepared<{ ids: string }>()("job_of_agents", () =>
    db
      .select()
      .from(jobs)
      .where(
        and(
          isClaimed(jobs.status),
          sql`${jobs.agentId} in (select id from ${dialect.given(sql`${sql.placeholder("ids")}`, agentColumns)})`,
        ),
      )
      .orderBy(asc(jobs.agentId), asc(jobs.queuedAt), asc(jobs.id)),
  );
  return {
    openOfAgent: (agentId) =>
      db
        .select()
        .from(jobs)
        .where(and(isFalse(jobs.isLogClosed), eq(jobs.agentId, agentId)))
        .orderBy(asc(jobs.queuedAt), asc(jobs.id)),
    historyOfAgent: (agentId, page) =>
      db
        .select()
        .from(jobs)
        .where(and(eq(jobs.agentId, agentId), beforeInstant(jobs.queuedAt, jobs.id, page)))
        .orderBy(desc(jobs.queuedAt), desc(jobs.id))
        .limit(page.limit),
    byTokenHash: async (hash) => (await byTokenHash({ hash }))[0],
    ofRun: (runId) => ofRun({ runId }),
    ofRuns: async (ids) =>
      ids.length === 0
        ? []
        : ofRuns({
            ids: asParameter(
              ids.map((id) => ({ id })),
              runColumns,
            ),
          }),
    ofAgent: (agentId) => ofAgent({ agentId }),
    ofAgents: async (ids) =>
      ids.length === 0
        ? []
        : ofAgents({
            ids: asParameter(
              ids.map((id) => ({ id })),
              agentColumns,
            ),
          }),
  };
}

type Queue = Pick<
  JobQueries,
  "queuedOfPool" | "queuedOfWorkspace" | "heldInPool" | "runningByOrganization" | "countAhead" | "jobsAhead"
>;

function queue({ db, t: { jobs } }: QueryContext): Queue {
  const inOrder = [asc(jobs.rank), asc(jobs.urgency), asc(jobs.queuedAt), asc(jobs.id)];
  const place = sql`(${jobs.rank}, ${jobs.urgency}, ${jobs.queuedAt}, ${jobs.id})`;
  const placeOf = ({ rank, urgency, queuedAt, id }: QueuePosition) =>
    sql`(${sql.param(rank, jobs.rank)}, ${sql.param(urgency, jobs.urgency)}, ${sql.param(queuedAt, jobs.queuedAt)}, ${sql.param(id, jobs.id)})`;
  const ofWorkspace = prepared<{ workspaceId: WorkspaceId }>()("job_queued_of_workspace", (slot) =>
    db
      .select()
      .from(jobs)
      .where(and(isQueued(jobs.status), eq(jobs.workspaceId, slot("workspaceId", jobs.workspaceId))))
      .orderBy(...inOrder),
  );
  const running = prepared<Record<string, never>>()("job_running_by_organization", () =>
    db
      .select({ organizationId: jobs.organizationId, count: count() })
      .from(jobs)
      .where(isClaimed(jobs.status))
      .groupBy(jobs.organizationId),
  );
  const samePool = (poolId: PoolId | null) => (poolId === null ? isNull(jobs.poolId) : eq(jobs.poolId, poolId));
  return {
    queuedOfWorkspace: (workspaceId) => ofWorkspace({ workspaceId }),
    runningByOrganization: () => running({}),
    queuedOfPool: (poolId, { after, limit }) =>
      db
        .select()
        .from(jobs)
        .where(
          and(isQueued(jobs.status), samePool(poolId), after === null ? undefined : sql`${place} > ${placeOf(after)}`),
        )
        .orderBy(...inOrder)
        .limit(limit),
    heldInPool: (poolId, limit) =>
      db
        .select()
        .from(jobs)
        .where(and(isClaimed(jobs.status), samePool(poolId)))
        .orderBy(desc(jobs.queuedAt), desc(jobs.id))
        .limit(limit),
    countAhead: async ({ poolId, ...job }) => {
      const [row] = await db
        .select({ count: count() })
        .from(jobs)
        .where(and(isQueued(jobs.status), samePool(poolId), sql`${place} < ${placeOf(job)}`));
      return row?.count ?? 0;
    },
    jobsAhead: async (ids): Promise<ReadonlyMap<JobId, number>> => {
      if (ids.length === 0) return new Map();
      const theirs = db
        .selectDistinct({ id: jobs.poolId })
        .from(jobs)
        .where(inArray(jobs.id, [...ids]));
      const order = sql`partition by ${jobs.poolId} order by ${jobs.rank}, ${jobs.urgency}, ${jobs.queuedAt}, ${jobs.id}`;
      const places = db
        .select({ id: jobs.id, place: sql`row_number() over (${order})`.mapWith(Number).as("place") })
        .from(jobs)
        .where(and(isQueued(jobs.status), or(isNull(jobs.poolId), inArray(jobs.poolId, theirs))))
        .as("places");
      const found = await db
        .select()
        .from(places)
        .where(inArray(places.id, [...ids]));
      return new Map(found.map(({ id, place }) => [id, place - 1]));
    },
  };
}

type Sweeps = Pick<JobQueries, "overdue" | "logsOpenSince" | "countByStatus">;

type StatusCounts = Awaited<ReturnType<JobQueries["countByStatus"]>>;

/** Lost applies that somebody has decided about are errors like others. */
function asResolved(counts: StatusCounts, resolved: number): StatusCounts {
  const of = (wanted: StatusCounts[number]["status"]) => counts.find(({ status }) => status === wanted)?.count ?? 0;
  return [
    ...counts.filter(({ status }) => status !== "interrupted" && status !== "errored"),
    { status: "interrupted", count: of("interrupted") - resolved },
    { status: "errored", count: of("errored") + resolved },
  ];
}

function sweeps({ db, t: { jobs, workspaces } }: QueryContext): Sweeps {
  return {
    overdue: (at, limit) =>
      db
        .select()
        .from(jobs)
        .where(and(isClaimed(jobs.status), lt(jobs.leaseUntil, at)))
        .orderBy(asc(jobs.leaseUntil), asc(jobs.id))
        .limit(limit),
    logsOpenSince: (at, limit) =>
      db
        .select()
        .from(jobs)
        .where(and(isFalse(jobs.isLogClosed), lt(jobs.endedAt, at)))
        .orderBy(asc(sql`${jobs.status} = 'interrupted'`), desc(jobs.endedAt), asc(jobs.id))
        .limit(limit),
    countByStatus: async () => {
      const all = await db.select({ status: jobs.status, count: count() }).from(jobs).groupBy(jobs.status);
      const lost = all.find(({ status }) => status === "interrupted")?.count ?? 0;
      if (lost === 0) return all;
      const open = await db
        .select({ count: count() })
        .from(workspaces)
        .innerJoin(jobs, eq(jobs.runId, workspaces.lockRunId))
        .where(and(isSet(workspaces.lockRunId), eq(jobs.status, "interrupted")));
      return asResolved(all, lost - (open[0]?.count ?? 0));
    },
  };
}
