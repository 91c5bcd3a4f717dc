import type { FormerSecret, VariableCategory } from "../../../domain/workspaces/variable.ts";
import type { VariableSetId, WorkspaceId } from "../../../lib/words/ids.ts";
import { and, asc, eq, inArray } from "../../drizzle/orm.ts";
import type { Queries } from "../../ports/store.ts";
import type { QueryContext } from "../context.ts";
import { afterPair, chunks, inserting, saving } from "../rows.ts";

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

export function setVariableQueries(context: QueryContext): Queries["setVariables"] {
  const { db, t } = context;
  const { setVariables: variables } = t;
  const rows = { table: variables, name: "set_variable", what: "a variable" };
  return {
    list: (setId: VariableSetId, page) =>
      db
        .select()
        .from(variables)
        .where(and(eq(variables.setId, setId), afterPair(variables.key, variables.category, page)))
        .orderBy(asc(variables.key), asc(variables.category))
        .limit(page.limit),
    ofSets: async (setIds) => {
      const found: (typeof variables.$inferSelect)[] = [];
      for (const some of chunks(setIds)) {
        found.push(...(await db.select().from(variables).where(inArray(variables.setId, some))));
      }
      return found;
    },
    insert: inserting(context, rows),
    save: saving(context, rows),
    delete: async (setId, category, key) => {
      const deleted = await db
        .delete(variables)
        .where(and(eq(variables.setId, setId), eq(variables.category, category), eq(variables.key, key)))
        .returning({ id: variables.id });
      return deleted.length > 0;
    },
  };
}

export function formerSecretQueries(context: QueryContext): Queries["formerSecrets"] {
  const { db, t } = context;
  const { formerSecrets: secrets } = t;
  return {
    of: async ({ workspaceIds, setIds }) => {
      const found: FormerSecret[] = [];
      for (const some of chunks(workspaceIds)) {
        found.push(...(await db.select().from(secrets).where(inArray(secrets.workspaceId, some))));
      }
      for (const some of chunks(setIds)) {
        found.push(...(await db.select().from(secrets).where(inArray(secrets.setId, some))));
      }
      return found.toSorted((a, b) => b.replacedAt.getTime() - a.replacedAt.getTime() || (a.id < b.id ? 1 : -1));
    },
    insert: inserting(context, { table: secrets, name: "former_secret", what: "a former secret" }),
    delete: async (ids) => {
      for (const some of chunks(ids)) await db.delete(secrets).where(inArray(secrets.id, some));
    },
  };
}
