import type { SQL } from "drizzle-orm";
import { and, asc, desc, eq, sql } from "../drizzle/orm.ts";
import type { Queries } from "../ports.ts";
import { isQuarantined } from "../tables/conditions.ts";
import type { QueryContext } from "./context.ts";
import { beforeInstant, getting, inserting, saving } from "./rows.ts";

export function stateQueries(context: QueryContext): Queries["states"] {
  const { db, t } = context;
  const { states } = t;
  const rows = { table: states, name: "state", what: "a state version" };
  const { get } = getting(context, rows);
  const isAside = isQuarantined(states.status);
  const isAccepted = sql`${states.status} <> 'quarantined'`;
  const newestWhere = async (condition: SQL | undefined) => {
    const newest = db.select().from(states).where(condition).orderBy(desc(states.createdAt), desc(states.id)).limit(1);
    return (await newest)[0];
  };
  return {
    get,
    list: (workspaceId, filter, page) =>
      db
        .select()
        .from(states)
        .where(
          and(
            eq(states.workspaceId, workspaceId),
            filter.isQuarantined ? isAside : isAccepted,
            beforeInstant(states.createdAt, states.id, page),
          ),
        )
        .orderBy(desc(states.createdAt), desc(states.id))
        .limit(page.limit),
    placeAfter: async (workspaceId, { before, rows: rowCount }) => {
      const [place] = await db
        .select({ at: states.createdAt, id: states.id })
        .from(states)
        .where(and(eq(states.workspaceId, workspaceId), beforeInstant(states.createdAt, states.id, { before })))
        .orderBy(desc(states.createdAt), desc(states.id))
        .limit(1)
        .offset(rowCount - 1);
      return place ?? null;
    },
    ofJob: (jobId, { jobSequence, sha256 }) =>
      newestWhere(and(eq(states.jobId, jobId), eq(states.jobSequence, jobSequence), eq(states.sha256, sha256))),
    lastWord: (jobId, sha256) =>
      newestWhere(and(eq(states.jobId, jobId), eq(states.isFinal, true), eq(states.sha256, sha256))),
    newestOfJob: async (jobId) => {
      const ofJob = db.select().from(states).where(eq(states.jobId, jobId));
      const { isFinal, jobSequence, serial, createdAt, id } = states;
      const order = [isFinal, jobSequence, serial, createdAt, id].map((column) => desc(column));
      return (await ofJob.orderBy(...order).limit(1))[0];
    },
    quarantinedOfJob: (jobId) =>
      db
        .select({ id: states.id })
        .from(states)
        .where(and(eq(states.jobId, jobId), isAside))
        .orderBy(asc(states.createdAt), asc(states.id)),
    newestOfRun: (runId) => newestWhere(and(eq(states.runId, runId), isAccepted)),
    insert: inserting(context, rows),
    save: saving(context, rows),
    delete: async (id) => {
      await db.delete(states).where(eq(states.id, id));
    },
  };
}
