import type { WorkspaceId } from "../../lib/ids.ts";
import { and, asc, desc, eq, inArray, sql } from "../drizzle/orm.ts";
import type { Queries } from "../ports.ts";
import { prepared } from "../prepared.ts";
import { isActive, isPending } from "../tables/conditions.ts";
import type { QueryContext } from "./context.ts";
import { beforeInstant, getting, inserting, saving } from "./rows.ts";

export function runQueries(context: QueryContext): Queries["runs"] {
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
  const inOrder = (name: string, condition: typeof isPending) =>
    prepared<{ workspaceId: WorkspaceId; limit: number }>()(name, (slot) =>
      db
        .select()
        .from(runs)
        .where(and(eq(runs.workspaceId, slot("workspaceId", runs.workspaceId)), condition(runs.status)))
        .orderBy(asc(runs.createdAt), asc(runs.id))
        .limit(sql.placeholder("limit")),
    );
  const pending = inOrder("run_pending", isPending);
  const active = inOrder("run_active", isActive);
  return {
    ...getting(context, rows),
    list: ({ organizationId, workspaceId, statuses }, page) =>
      db
        .select()
        .from(runs)
        .where(
          and(
            eq(runs.organizationId, organizationId),
            workspaceId === null ? undefined : eq(runs.workspaceId, workspaceId),
            statuses.length === 0 ? undefined : inArray(runs.status, [...statuses]),
            beforeInstant(runs.createdAt, runs.id, page),
          ),
        )
        .orderBy(desc(runs.createdAt), desc(runs.id))
        .limit(page.limit),
    pending: (workspaceId, limit) => pending({ workspaceId, limit }),
    active: (workspaceId, limit) => active({ workspaceId, limit }),
    newest: async (workspaceId) => (await newest({ workspaceId }))[0],
    insert: inserting(context, rows),
    save: saving(context, rows),
  };
}
