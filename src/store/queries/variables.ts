import type { VariableCategory } from "../../domain/variable.ts";
import type { WorkspaceId } from "../../lib/ids.ts";
import { and, asc, eq } from "../drizzle/orm.ts";
import type { Queries } from "../ports.ts";
import type { QueryContext } from "./context.ts";
import { afterPair, inserting, saving } from "./rows.ts";

export function variableQueries(context: QueryContext): Queries["variables"] {
  const { db, t } = context;
  const { variables } = t;
  const rows = { table: variables, name: "variable", what: "a variable" };
  const isKey = (workspaceId: WorkspaceId, category: VariableCategory, key: string) =>
    and(eq(variables.workspaceId, workspaceId), eq(variables.category, category), eq(variables.key, key));
  return {
    list: (workspaceId, page) =>
      db
        .select()
        .from(variables)
        .where(and(eq(variables.workspaceId, workspaceId), afterPair(variables.key, variables.category, page)))
        .orderBy(asc(variables.key), asc(variables.category))
        .limit(page.limit),
    all: (workspaceId) =>
      db
        .select()
        .from(variables)
        .where(eq(variables.workspaceId, workspaceId))
        .orderBy(asc(variables.key), asc(variables.category)),
    byKey: async (workspaceId, category, key) =>
      (
        await db
          .select()
          .from(variables)
          .where(isKey(workspaceId, category, key))
      )[0],
    insert: inserting(context, rows),
    save: saving(context, rows),
    delete: async (workspaceId, category, key) => {
      const deleted = await db
        .delete(variables)
        .where(isKey(workspaceId, category, key))
        .returning({ id: variables.id });
      return deleted.length > 0;
    },
  };
}
