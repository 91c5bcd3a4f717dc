import { and, asc, eq, gt } from "../../drizzle/orm.ts";
import type { RunEventQueries } from "../../ports/runs.ts";
import type { QueryContext } from "../context.ts";
import { inserting } from "../rows.ts";

export function runEventQueries(context: QueryContext): RunEventQueries {
  const { db, t } = context;
  const { runEvents } = t;
  return {
    list: (runId, { after, limit }) =>
      db
        .select()
        .from(runEvents)
        .where(and(eq(runEvents.runId, runId), gt(runEvents.position, after)))
        .orderBy(asc(runEvents.position))
        .limit(limit),
    insert: inserting(context, { table: runEvents, what: "an event of a run" }),
  };
}
