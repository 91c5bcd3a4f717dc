import type { VariableSetId } from "../../../lib/words/ids.ts";
import { and, asc, eq, inArray } from "../../drizzle/orm.ts";
import type { Queries } from "../../ports/store.ts";
import type { QueryContext } from "../context.ts";
import { afterPair, sliceOf } from "../pages.ts";
import { chunks, inChunks, inserting, keepingAnswers, many, manyBy, one, saving } from "../rows.ts";

export function variableQueries(context: QueryContext): Queries["variables"] {
  const { db, t } = context;
  const { variables } = t;
  const rows = { table: variables, what: "a variable" };
  const order = [asc(variables.key), asc(variables.category)];
  return {
    list: (workspaceId, page) =>
      db
        .select()
        .from(variables)
        .where(and(eq(variables.workspaceId, workspaceId), afterPair(variables.key, variables.category, page)))
        .orderBy(...order)
        .limit(page.limit),
    all: keepingAnswers(
      context,
      { text: "the variables of a workspace", tables: [variables] },
      many(context, variables, "workspaceId", { order }),
    ),
    slice: (workspaceId, slice) =>
      sliceOf(context, variables, { where: eq(variables.workspaceId, workspaceId), order }, slice),
    get: one(context, variables, "id"),
    byKey: one(context, variables, "workspaceId", "category", "key"),
    insert: inserting(context, rows),
    save: saving(context, rows),
    delete: async (workspaceId, category, key) => {
      const deleted = await db
        .delete(variables)
        .where(and(eq(variables.workspaceId, workspaceId), eq(variables.category, category), eq(variables.key, key)))
        .returning({ id: variables.id });
      return deleted.length > 0;
    },
  };
}

export function setVariableQueries(context: QueryContext): Queries["setVariables"] {
  const { db, t } = context;
  const { setVariables: variables } = t;
  const rows = { table: variables, what: "a variable" };
  const order = [asc(variables.key), asc(variables.category)];
  return {
    list: (setId: VariableSetId, page) =>
      db
        .select()
        .from(variables)
        .where(and(eq(variables.setId, setId), afterPair(variables.key, variables.category, page)))
        .orderBy(...order)
        .limit(page.limit),
    ofSets: keepingAnswers(
      context,
      { text: "the variables of sets", tables: [variables] },
      manyBy(context, variables, "setId"),
    ),
    slice: (setId, slice) => sliceOf(context, variables, { where: eq(variables.setId, setId), order }, slice),
    get: one(context, variables, "id"),
    idsOfSets: (ids) =>
      inChunks(ids, (some) =>
        db
          .select({ setId: variables.setId, id: variables.id })
          .from(variables)
          .where(inArray(variables.setId, some))
          .orderBy(...order),
      ),
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
  const of = { text: "the former secrets of workspaces", tables: [secrets] };
  const ofWorkspaces = keepingAnswers(context, of, manyBy(context, secrets, "workspaceId"));
  const ofSets = keepingAnswers(context, { ...of, text: "those of sets" }, manyBy(context, secrets, "setId"));
  return {
    of: async ({ workspaceIds, setIds }) => {
      const found = [...(await ofWorkspaces(workspaceIds)), ...(await ofSets(setIds))];
      return found.toSorted((a, b) => b.replacedAt.getTime() - a.replacedAt.getTime() || (a.id < b.id ? 1 : -1));
    },
    insert: inserting(context, { table: secrets, what: "a former secret" }),
    delete: async (ids) => {
      for (const some of chunks(ids)) await db.delete(secrets).where(inArray(secrets.id, some));
    },
  };
}
