import type { WorkspaceId } from "../../../lib/words/ids.ts";
import { and, asc, count, eq, inArray, or, sql } from "../../drizzle/orm.ts";
import { prepared } from "../../engine/prepared.ts";
import type { Queries } from "../../ports/store.ts";
import type { VariableSetFilter } from "../../ports/workspaces.ts";
import type { QueryContext } from "../context.ts";
import { inOrderOfName, sliceOf } from "../pages.ts";
import { chunks, inChunks, inserting, keepingAnswers, many, one, oneInAnyCase, removing, saving } from "../rows.ts";

export function variableSetQueries(context: QueryContext): Queries["variableSets"] {
  const { db, t } = context;
  const { variableSets: sets, variableSetWorkspaces: attachments, setVariables, workspaces } = t;
  const rows = { table: sets, what: "a variable set" };
  const inAnyCase = oneInAnyCase(context, sets);
  const named = inOrderOfName(context, sets);
  const isGlobal = sql`${sets.isGlobal}`;
  const attachedTo = (id: WorkspaceId) =>
    inArray(sets.id, db.select({ id: attachments.setId }).from(attachments).where(eq(attachments.workspaceId, id)));
  const attachedOf = keepingAnswers(
    context,
    { text: "the sets of a workspace", tables: [sets, attachments] },
    prepared<{ id: WorkspaceId }>()((slot) =>
      db
        .select({ set: sets })
        .from(sets)
        .innerJoin(attachments, eq(attachments.setId, sets.id))
        .where(eq(attachments.workspaceId, slot("id", attachments.workspaceId))),
    ),
  );
  const globalOf = keepingAnswers(
    context,
    { text: "the sets of all workspaces", tables: [sets] },
    many(context, sets, "organizationId", { where: isGlobal }),
  );
  const conditionOf = ({ organizationId, workspaceId, search = "" }: VariableSetFilter) =>
    and(
      eq(sets.organizationId, organizationId),
      workspaceId === null ? undefined : or(isGlobal, attachedTo(workspaceId)),
      search === "" ? undefined : context.dialect.contains(sets.name, search),
    );
  return {
    get: one(context, sets, "id"),
    byName: one(context, sets, "organizationId", "name"),
    byNameInAnyCase: (organizationId, name) => inAnyCase(name, eq(sets.organizationId, organizationId)),
    list: (filter, page) => named.page(conditionOf(filter), page),
    slice: (filter, slice) =>
      sliceOf(context, sets, { where: conditionOf(filter), order: [asc(sets.name), asc(sets.id)] }, slice),
    ofWorkspace: async ({ id, organizationId }) => ({
      attached: (await attachedOf({ id })).map(({ set }) => set),
      global: await globalOf(organizationId),
    }),
    insert: inserting(context, rows),
    save: saving(context, rows),
    delete: removing(context, sets),
    workspaces: (ids) =>
      inChunks(ids, (some) =>
        db
          .select({ setId: attachments.setId, workspaceId: workspaces.id, name: workspaces.name })
          .from(attachments)
          .innerJoin(workspaces, eq(workspaces.id, attachments.workspaceId))
          .where(inArray(attachments.setId, some))
          .orderBy(asc(workspaces.name)),
      ),
    sizes: (ids) =>
      inChunks(ids, (some) =>
        db
          .select({ setId: setVariables.setId, count: count() })
          .from(setVariables)
          .where(inArray(setVariables.setId, some))
          .groupBy(setVariables.setId),
      ),
    attach: async (setId, workspaceIds) => {
      for (const some of chunks([...new Set(workspaceIds)])) {
        await db
          .insert(attachments)
          .values(some.map((workspaceId) => ({ setId, workspaceId })))
          .onConflictDoNothing();
      }
    },
    detach: async (setId, workspaceIds) => {
      for (const some of chunks(workspaceIds)) {
        await db.delete(attachments).where(and(eq(attachments.setId, setId), inArray(attachments.workspaceId, some)));
      }
    },
  };
}
