import { and, eq } from "../../drizzle/orm.ts";
import type { Queries } from "../../ports/store.ts";
import type { QueryContext } from "../context.ts";
import { newestFirst } from "../pages.ts";
import { counted, inserting, one, saving } from "../rows.ts";

export function configurationQueries(context: QueryContext): Queries["configurations"] {
  const { configurations } = context.t;
  const { workspaceId: workspace, status, isProvisional, isSpeculative } = configurations;
  const rows = { table: configurations, what: "a configuration" };
  const newest = newestFirst(context, configurations, configurations.createdAt);
  const isLasting = eq(isProvisional, false);
  const isUsable = and(eq(status, "uploaded"), isLasting);
  return {
    get: one(context, configurations, "id"),
    usable: (workspaceId, { mayApply }, page) =>
      newest.page(and(eq(workspace, workspaceId), isUsable, mayApply ? eq(isSpeculative, false) : undefined), page),
    current: async (workspaceId) =>
      (await newest.page(and(eq(workspace, workspaceId), isLasting), { before: null, limit: 1 }))[0],
    list: (workspaceId, page) => newest.page(eq(workspace, workspaceId), page),
    slice: (workspaceId, slice) => newest.slice(eq(workspace, workspaceId), slice),
    countPending: (workspaceId) =>
      counted(context, configurations, and(eq(workspace, workspaceId), eq(status, "pending"))),
    insert: inserting(context, rows),
    save: saving(context, rows),
  };
}
