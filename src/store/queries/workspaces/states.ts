import type { SQL } from "drizzle-orm";
import type { RunId, WorkspaceId } from "../../../lib/words/ids.ts";
import { and, asc, desc, eq, sql } from "../../drizzle/orm.ts";
import { prepared } from "../../engine/prepared.ts";
import type { Queries } from "../../ports/store.ts";
import { isQuarantined } from "../../tables/conditions.ts";
import type { QueryContext } from "../context.ts";
import { newestFirst } from "../pages.ts";
import { inserting, one, removing, saving } from "../rows.ts";

export function stateQueries(context: QueryContext): Queries["states"] {
  const { db, t } = context;
  const { states } = t;
  const rows = { table: states, what: "a state version" };
  const newest = newestFirst(context, states, states.createdAt);
  const isAside = isQuarantined(states.status);
  const isAccepted = sql`${states.status} <> 'quarantined'`;
  const ofWorkspace = (workspaceId: WorkspaceId, { isQuarantined: isWanted }: { readonly isQuarantined: boolean }) =>
    and(eq(states.workspaceId, workspaceId), isWanted ? isAside : isAccepted);
  const newestWhere = async (where: SQL | undefined) => (await newest.page(where, { before: null, limit: 1 }))[0];
  const newestOfRun = prepared<{ runId: RunId }>()((slot) =>
    db
      .select()
      .from(states)
      .where(and(eq(states.runId, slot("runId", states.runId)), isAccepted))
      .orderBy(desc(states.createdAt), desc(states.id))
      .limit(1),
  );
  return {
    get: one(context, states, "id"),
    list: (workspaceId, filter, page) => newest.page(ofWorkspace(workspaceId, filter), page),
    slice: (workspaceId, filter, slice) => newest.slice(ofWorkspace(workspaceId, filter), slice),
    placeAfter: (workspaceId, page) => newest.placeAfter(eq(states.workspaceId, workspaceId), page),
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
    newestOfRun: async (runId) => (await newestOfRun({ runId }))[0],
    insert: inserting(context, rows),
    save: saving(context, rows),
    delete: removing(context, states),
  };
}
