import type { SQL } from "drizzle-orm";
import type { RunId, WorkspaceId } from "../../../lib/words/ids.ts";
import { and, asc, count, desc, eq, gt, inArray, lt, or, sql } from "../../drizzle/orm.ts";
import { prepared, type Slot } from "../../engine/prepared.ts";
import type { RunQueries } from "../../ports/runs.ts";
import { isActive, isPending, isPlanned, isTelling } from "../../tables/conditions.ts";
import type { QueryContext } from "../context.ts";
import { newestFirst } from "../pages.ts";
import { counted, getting, inserting, saving } from "../rows.ts";
import { createdWithin, matches } from "./run-filter.ts";

export function runQueries(context: QueryContext): RunQueries {
  const { db, t } = context;
  const { runs } = t;
  const rows = { table: runs, what: "a run" };
  const newest = newestFirst(context, runs, runs.createdAt);
  const newestOf = prepared<{ workspaceId: WorkspaceId }>()((slot) =>
    db
      .select()
      .from(runs)
      .where(eq(runs.workspaceId, slot("workspaceId", runs.workspaceId)))
      .orderBy(desc(runs.createdAt), desc(runs.id))
      .limit(1),
  );
  const pending = prepared<{ workspaceId: WorkspaceId; limit: number }>()((slot) =>
    db
      .select()
      .from(runs)
      .where(and(eq(runs.workspaceId, slot("workspaceId", runs.workspaceId)), isPending(runs.status)))
      .orderBy(asc(runs.urgency), asc(runs.createdAt), asc(runs.id))
      .limit(sql.placeholder("limit")),
  );
  const active = prepared<{ workspaceId: WorkspaceId; limit: number }>()((slot) =>
    db
      .select()
      .from(runs)
      .where(and(eq(runs.workspaceId, slot("workspaceId", runs.workspaceId)), isActive(runs.status)))
      .orderBy(asc(runs.createdAt), asc(runs.id))
      .limit(sql.placeholder("limit")),
  );
  const activeCount = prepared<{ workspaceId: WorkspaceId }>()((slot) =>
    db
      .select({ count: count() })
      .from(runs)
      .where(and(eq(runs.workspaceId, slot("workspaceId", runs.workspaceId)), isActive(runs.status))),
  );
  const told = {
    ...{ id: runs.id, status: runs.status, createdAt: runs.createdAt, endedAt: runs.endedAt, options: runs.options },
    ...{ hasChanges: runs.hasChanges, appliedChanges: runs.appliedChanges, errorMessage: runs.errorMessage },
    ...{ resourcesInFlight: runs.resourcesInFlight, lost: runs.lost },
  };
  const endedBefore = (before: SQL | undefined) => (slot: Slot<{ workspaceId: WorkspaceId }>) =>
    db
      .select(told)
      .from(runs)
      .where(and(eq(runs.workspaceId, slot("workspaceId", runs.workspaceId)), isTelling(runs.status), before))
      .orderBy(desc(runs.createdAt), desc(runs.id))
      .limit(sql.placeholder("limit"));
  const place = sql`(${sql.param(sql.placeholder("at"), runs.createdAt)}, ${sql.param(sql.placeholder("id"), runs.id)})`;
  const ended = {
    first: prepared<Ended>()(endedBefore(undefined)),
    next: prepared<Ended & Record<"at" | "id", unknown>>()(
      endedBefore(sql`(${runs.createdAt}, ${runs.id}) < ${place}`),
    ),
  };
  return {
    ...getting(context, runs),
    ended: (workspaceId, { before, limit }) =>
      before === null
        ? ended.first({ workspaceId, limit })
        : ended.next({ workspaceId, limit, id: before.id, at: before.at }),
    list: (filter, page) => newest.page(matches(context, filter), page),
    range: (filter, { offset, limit }) =>
      db
        .select()
        .from(runs)
        .where(matches(context, filter))
        .orderBy(desc(runs.createdAt), desc(runs.id))
        .limit(limit)
        .offset(offset),
    count: (filter) => counted(context, runs, matches(context, filter)),
    placeAfter: ({ organizationId, workspaceId, ...times }, page) =>
      newest.placeAfter(
        and(
          workspaceId === null ? eq(runs.organizationId, organizationId) : eq(runs.workspaceId, workspaceId),
          createdWithin(runs, times),
        ),
        page,
      ),
    pending: async (workspaceId, limit) => {
      const remember = context.seen.asking(runs);
      const found = await pending({ workspaceId, limit });
      found.forEach(remember);
      return found;
    },
    runsAhead: (ids) => runsAhead(context, ids),
    active: (workspaceId, limit) => active({ workspaceId, limit }),
    countActive: async (workspaceId) => (await activeCount({ workspaceId }))[0]?.count ?? 0,
    newest: async (workspaceId) => (await newestOf({ workspaceId }))[0],
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
    outdatedPlans: (at, limit) => outdatedPlans(context, at, limit),
    insert: inserting(context, rows),
    save: saving(context, rows),
  };
}

type Ended = { readonly workspaceId: WorkspaceId; readonly limit: number };

async function outdatedPlans(
  { db, t: { runs, workspaces } }: QueryContext,
  at: Date,
  limit: number,
): Promise<readonly RunId[]> {
  const isElsewhere = sql`${workspaces.lockRunId} is distinct from ${runs.id}`;
  const hasMoved = sql`${runs.baseStateId} is distinct from ${workspaces.currentStateId}`;
  const found = await db
    .select({ id: runs.id })
    .from(runs)
    .innerJoin(workspaces, eq(workspaces.id, runs.workspaceId))
    .where(and(isPlanned(runs.status), isElsewhere, or(hasMoved, lt(runs.statusAt, at))))
    .orderBy(asc(runs.id))
    .limit(limit);
  return found.map(({ id }) => id);
}

/** Up to so many runs it is cheaper to count what is ahead of each than to number all that wait. */
const fewRuns = 8;

async function aheadOfFew(
  { db, t: { runs } }: QueryContext,
  ids: readonly RunId[],
): Promise<ReadonlyMap<RunId, number>> {
  const place = sql`(select count(*) from ${runs} as ahead
    where ahead.status = 'pending' and ahead.workspace_id = runs.workspace_id
      and (ahead.urgency, ahead.created_at, ahead.id) < (runs.urgency, runs.created_at, runs.id))`;
  const found = await db
    .select({ id: runs.id, status: runs.status, place: place.mapWith(Number).as("place") })
    .from(runs)
    .where(inArray(runs.id, [...ids]));
  return new Map(found.flatMap((one) => (one.status === "pending" ? [[one.id, one.place] as const] : [])));
}

/** Reads the index of what waits once, however many of them are asked for. */
async function runsAhead(context: QueryContext, ids: readonly RunId[]): Promise<ReadonlyMap<RunId, number>> {
  if (ids.length === 0) return new Map();
  if (ids.length <= fewRuns) return aheadOfFew(context, ids);
  const {
    db,
    t: { runs },
  } = context;
  const theirs = db
    .select({ id: runs.workspaceId })
    .from(runs)
    .where(inArray(runs.id, [...ids]));
  const order = sql`partition by ${runs.workspaceId} order by ${runs.urgency}, ${runs.createdAt}, ${runs.id}`;
  const places = db
    .select({ id: runs.id, place: sql`row_number() over (${order})`.mapWith(Number).as("place") })
    .from(runs)
    .where(and(isPending(runs.status), inArray(runs.workspaceId, theirs)))
    .as("places");
  const found = await db
    .select()
    .from(places)
    .where(inArray(places.id, [...ids]));
  return new Map(found.map(({ id, place }) => [id, place - 1]));
}
