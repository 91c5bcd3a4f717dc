import type { SQL } from "drizzle-orm";
import type { EventMark } from "../../../domain/runs/timeline.ts";
import type { RunId } from "../../../lib/words/ids.ts";
import { and, asc, eq, gt, inArray, lte, or, sql } from "../../drizzle/orm.ts";
import type { RunEventQueries } from "../../ports/runs.ts";
import { isSaid, isSet } from "../../tables/conditions.ts";
import type { QueryContext } from "../context.ts";
import { counted, inserting } from "../rows.ts";

export function runEventQueries(context: QueryContext): RunEventQueries {
  const { db, t } = context;
  const { runEvents } = t;
  const which = (runId: RunId, isComment: boolean) =>
    and(eq(runEvents.runId, runId), isComment ? isRemark(context) : undefined);
  return {
    list: (runId, { after, limit }) =>
      db
        .select()
        .from(runEvents)
        .where(and(eq(runEvents.runId, runId), gt(runEvents.position, after)))
        .orderBy(asc(runEvents.position))
        .limit(limit),
    get: async (runId, position) => {
      const isThis = and(eq(runEvents.runId, runId), eq(runEvents.position, position));
      return (await db.select().from(runEvents).where(isThis).limit(1))[0];
    },
    range: (runId, { offset, limit, isComment }) =>
      db
        .select()
        .from(runEvents)
        .where(which(runId, isComment))
        .orderBy(asc(runEvents.position))
        .limit(limit)
        .offset(offset),
    count: (runId, { isComment }) => counted(context, runEvents, which(runId, isComment)),
    marks: (runIds, each) => marks(context, runIds, each),
    insert: inserting(context, { table: runEvents, what: "an event of a run" }),
  };
}

/** What a person has said: the message that a run was created with is its own. */
const isRemark = ({ dialect, t: { runEvents } }: QueryContext): SQL =>
  sql`${isSaid(runEvents.comment)} and ${dialect.contains(runEvents.actor, "(key_")} and ${runEvents.position} > 1`;

async function marks(context: QueryContext, runIds: readonly RunId[], each: number): Promise<readonly EventMark[]> {
  const {
    db,
    t: { runEvents },
  } = context;
  if (runIds.length === 0) return [];
  const { runId, position, at, actor, status, title } = runEvents;
  const place = sql`row_number() over (partition by ${runId} order by ${position})`.mapWith(Number).as("place");
  const isComment = sql`case when ${isRemark(context)} then 1 else 0 end`.mapWith(Number).as("is_comment");
  const found = db
    .select({ runId, position, at, actor, status, title, isComment, place })
    .from(runEvents)
    .where(inArray(runId, [...runIds]))
    .as("found");
  const rows = await db
    .select()
    .from(found)
    .where(or(lte(found.place, each), isSet(found.status)))
    .orderBy(asc(found.runId), asc(found.position));
  return rows.map(({ place: _, isComment: said, ...event }) => ({ ...event, isComment: said === 1 }));
}
