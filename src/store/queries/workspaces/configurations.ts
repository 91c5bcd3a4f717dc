import { eq } from "../../drizzle/orm.ts";
import type { Queries } from "../../ports/store.ts";
import type { QueryContext } from "../context.ts";
import { newestFirst } from "../pages.ts";
import { inserting, one, saving } from "../rows.ts";

export function configurationQueries(context: QueryContext): Queries["configurations"] {
  const { configurations } = context.t;
  const rows = { table: configurations, what: "a configuration" };
  const newest = newestFirst(context, configurations, configurations.createdAt);
  const list: Queries["configurations"]["list"] = (workspaceId, page) =>
    newest.page(eq(configurations.workspaceId, workspaceId), page);
  return {
    get: one(context, configurations, "id"),
    newest: async (workspaceId) => (await list(workspaceId, { before: null, limit: 1 }))[0],
    list,
    insert: inserting(context, rows),
    save: saving(context, rows),
  };
}
