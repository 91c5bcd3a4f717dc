import type { JobId, PoolId } from "../../../lib/words/ids.ts";
import { and, asc, count, desc, eq, inArray, isNull, lt, or, sql } from "../../drizzle/orm.ts";
import { asParameter } from "../../engine/dialect.ts";
import { prepared } from "../../engine/prepared.ts";
import type { Queries, QueuePosition } from "../../ports/store.ts";
import { isClaimed, isFalse, isQueued, isSet } from "../../tables/conditions.ts";
import type { QueryContext } from "../context.ts";
import { newestFirst } from "../pages.ts";
import { getting, inserting, many, manyBy, one, saving } from "../rows.ts";
import { jobCandidates } from "./job-candidates.ts";
import { jobTimes } from "./job-times.ts";
import { compareAndSet } from "./job-writes.ts";

type JobQueries = Queries["jobs"];

/** Up to so many jobs it is cheaper to count what is ahead of each than to number all that wait. */
const fewJobs = 8;

export function jobQueries(context: QueryContext): JobQueries {
  const rows = { table: context.t.jobs, what: "a job" };
  return {
    ...getting(context, context.t.jobs),
    insert: inserting(context, rows),
    save: saving(context, rows),
    ...compareAndSet(context),
    ...lookUps(context),
    ...queue(context),
    ...jobCandidates(context),
    ...jobTimes(context),
    ...sweeps(context),
  };
}

type LookUps = Pick<
  JobQueries,
  "byTokenHash" | "ofRun" | "ofRuns" | "ofAgent" | "ofAgents" | "openOfAgent" | "historyOfAgent"
>;

function lookUps(context: QueryContext): LookUps {
  const { jobs } = context.t;
  const byTime = [asc(jobs.queuedAt), asc(jobs.id)];
  // "plan" sorts after "apply".
  const byPhase = [desc(jobs.phase), asc(jobs.queuedAt), asc(jobs.epoch), asc(jobs.id)];
  const claimed = isClaimed(jobs.status);
  const history = newestFirst(context, jobs, jobs.queuedAt);
  return {
    byTokenHash: one(context, jobs, "tokenHash"),
    ofRun: many(context, jobs, "runId", { order: byPhase }),
    ofRuns: manyBy(context, jobs, "runId", { order: [asc(jobs.runId), ...byPhase] }),
    ofAgent: many(context, jobs, "agentId", { where: claimed, order: byTime }),
    ofAgents: manyBy(context, jobs, "agentId", { where: claimed, order: [asc(jobs.agentId), ...byTime] }),
    openOfAgent: many(context, jobs, "agentId", { where: isFalse(jobs.isLogClosed), order: byTime }),
    historyOfAgent: (agentId, page) => history.page(eq(jobs.agentId, agentId), page),
  };
}

type Queue = Pick<
  JobQueries,
  "queuedOfPool" | "queuedOfWorkspace" | "heldInPool" | "runningByOrganization" | "demandOfPool" | "jobsAhead"
>;

function queue(context: QueryContext): Queue {
  const {
    db,
    t: { jobs, workspaces },
  } = context;
  const inOrder = [asc(jobs.rank), asc(jobs.urgency), asc(jobs.queuedAt), asc(jobs.id)];
  const place = sql`(${jobs.rank}, ${jobs.urgency}, ${jobs.queuedAt}, ${jobs.id})`;
  const placeOf = ({ rank, urgency, queuedAt, id }: QueuePosition) =>
    sql`(${sql.param(rank, jobs.rank)}, ${sql.param(urgency, jobs.urgency)}, ${sql.param(queuedAt, jobs.queuedAt)}, ${sql.param(id, jobs.id)})`;
  const running = prepared<Record<string, never>>()(() =>
    db
      .select({ organizationId: jobs.organizationId, count: count() })
      .from(jobs)
      .where(isClaimed(jobs.status))
      .groupBy(jobs.organizationId),
  );
  const ahead = prepared<{ ids: string }>()(() => {
    const these = sql`(select id from ${context.dialect.given(sql`${sql.placeholder("ids")}`, { id: jobs.id })})`;
    const theirs = db.selectDistinct({ id: jobs.poolId }).from(jobs).where(sql`${jobs.id} in ${these}`);
    const order = sql`partition by ${jobs.poolId} order by ${jobs.rank}, ${jobs.urgency}, ${jobs.queuedAt}, ${jobs.id}`;
    const places = db
      .select({ id: jobs.id, place: sql`row_number() over (${order})`.mapWith(Number).as("place") })
      .from(jobs)
      .where(and(isQueued(jobs.status), or(isNull(jobs.poolId), inArray(jobs.poolId, theirs))))
      .as("places");
    return db.select().from(places).where(sql`${places.id} in ${these}`);
  });
  const aheadOfFew = prepared<{ ids: string }>()(() => {
    const these = sql`(select id from ${context.dialect.given(sql`${sql.placeholder("ids")}`, { id: jobs.id })})`;
    const before = sql`ahead.status = 'queued'
      and (ahead.rank, ahead.urgency, ahead.queued_at, ahead.id) < (jobs.rank, jobs.urgency, jobs.queued_at, jobs.id)`;
    // A pool is of one organization, by which its queue is found.
    const place = sql`case when jobs.pool_id is null
      then (select count(*) from ${jobs} as ahead where ahead.pool_id is null and ${before})
      else (select count(*) from ${jobs} as ahead
        where ahead.organization_id = jobs.organization_id and ahead.pool_id = jobs.pool_id and ${before}) end`;
    // Asked for by id alone: an engine might go through all that wait for the few.
    return db
      .select({ id: jobs.id, status: jobs.status, place: place.mapWith(Number).as("place") })
      .from(jobs)
      .where(sql`${jobs.id} in ${these}`);
  });
  const samePool = (poolId: PoolId | null) => (poolId === null ? isNull(jobs.poolId) : eq(jobs.poolId, poolId));
  return {
    queuedOfWorkspace: many(context, jobs, "workspaceId", { where: isQueued(jobs.status), order: inOrder }),
    runningByOrganization: () => running({}),
    demandOfPool: (poolId) =>
      db
        .select({
          ...{ agentSelector: workspaces.agentSelector, phase: jobs.phase, status: jobs.status },
          count: count(),
        })
        .from(jobs)
        .innerJoin(workspaces, eq(workspaces.id, jobs.workspaceId))
        .where(and(eq(jobs.poolId, poolId), or(isQueued(jobs.status), isClaimed(jobs.status))))
        .groupBy(workspaces.agentSelector, jobs.phase, jobs.status),
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
    jobsAhead: async (ids): Promise<ReadonlyMap<JobId, number>> => {
      if (ids.length === 0) return new Map();
      const given = asParameter(
        ids.map((id) => ({ id })),
        { id: jobs.id },
      );
      if (ids.length <= fewJobs) {
        const few = await aheadOfFew({ ids: given });
        return new Map(few.flatMap((one) => (one.status === "queued" ? [[one.id, one.place] as const] : [])));
      }
      return new Map((await ahead({ ids: given })).map(({ id, place: own }) => [id, own - 1]));
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
