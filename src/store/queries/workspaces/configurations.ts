import { and, desc, eq } from "../../drizzle/orm.ts";
import type { Queries } from "../../ports/store.ts";
import type { QueryContext } from "../context.ts";
import { beforeInstant, getting, inserting } from "../rows.ts";

export function configurationQueries(context: QueryContext): Queries["configurations"] {
  const { db, t } = context;
  const { configurations } = t;
  const rows = { table: configurations, name: "configuration", what: "a configuration" };
  const { get } = getting(context, rows);
  const list: Queries["configurations"]["list"] = (workspaceId, page) =>
    db
      .select()
      .from(configurations)
      .where(
        and(
          eq(configurations.workspaceId, workspaceId),
          beforeInstant(configurations.createdAt, configurations.id, page),
        ),
      )
      .orderBy(desc(configurations.createdAt), desc(configurations.id))
      .limit(page.limit);
  return {
    get,
    newest: async (workspaceId) => (await list(workspaceId, { before: null, limit: 1 }))[0],
    list,
    insert: inserting(context, rows),
  };
}
