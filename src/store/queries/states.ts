import type { SQL } from "drizzle-orm";
import { and, desc, eq, sql } from "../drizzle/orm.ts";
import type { Queries } from "../ports.ts";
import type { QueryContext } from "./context.ts";
import { beforeInstant, getting, inserting, saving } from "./rows.ts";

export function stateQueries(context: QueryContext): Queries["states"] {
  const { db, t } = context;
  const { states } = t;
  const rows = { table: states, name: "state", what: "a state version" };
  const { get } = getting(context, rows);
  const isQuarantined = sql`${states.status} = 'quarantined'`;
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
            filter.isQuarantined ? isQuarantined : isAccepted,
            beforeInstant(states.createdAt, states.id, page),
          ),
        )
        .orderBy(desc(states.createdAt), desc(states.id))
        .limit(page.limit),
    find: async (workspaceId, { lineage, serial, sha256 }) => {
      const isAlike = and(eq(states.lineage, lineage), eq(states.sha256, sha256));
      const found = db
        .select()
        .from(states)
        .where(and(eq(states.workspaceId, workspaceId), eq(states.serial, serial), isAlike))
        .limit(1);
      return (await found)[0];
    },
    newestOfJob: async (jobId) => {
      const ofJob = db.select().from(states).where(eq(states.jobId, jobId));
      return (await ofJob.orderBy(desc(states.serial), desc(states.createdAt)).limit(1))[0];
    },
    newestOfRun: (runId) => newestWhere(and(eq(states.runId, runId), isAccepted)),
    insert: inserting(context, rows),
    save: saving(context, rows),
    delete: async (id) => {
      await db.delete(states).where(eq(states.id, id));
    },
  };
}
