import type { VariableSet } from "../../../domain/workspaces/variable-set.ts";
import type { OrganizationId, VariableSetId, WorkspaceId } from "../../../lib/words/ids.ts";
import { and, asc, count, eq, inArray, or, sql } from "../../drizzle/orm.ts";
import { prepared } from "../../engine/prepared.ts";
import type { Queries } from "../../ports/store.ts";
import type { QueryContext } from "../context.ts";
import { afterName, chunks, getting, inserting, saving } from "../rows.ts";

export function variableSetQueries(context: QueryContext): Queries["variableSets"] {
  const { db, t } = context;
  const { variableSets: sets, variableSetWorkspaces: attachments, setVariables, workspaces } = t;
  const rows = { table: sets, name: "variable_set", what: "a variable set" };
  const isGlobal = sql`${sets.isGlobal}`;
  const attachedTo = (id: WorkspaceId) =>
    inArray(sets.id, db.select({ id: attachments.setId }).from(attachments).where(eq(attachments.workspaceId, id)));
  const attachedOf = prepared<{ id: WorkspaceId }>()("variable_set_attached", (slot) =>
    db
      .select({ set: sets })
      .from(sets)
      .innerJoin(attachments, eq(attachments.setId, sets.id))
      .where(eq(attachments.workspaceId, slot("id", attachments.workspaceId))),
  );
  const globalOf = prepared<{ organizationId: OrganizationId }>()("variable_set_global", (slot) =>
    db
      .select()
      .from(sets)
      .where(and(eq(sets.organizationId, slot("organizationId", sets.organizationId)), isGlobal)),
  );
  return {
    get: getting(context, rows).get,
    byName: async (organizationId, name): Promise<VariableSet | undefined> =>
      (
        await db
          .select()
          .from(sets)
          .where(and(eq(sets.organizationId, organizationId), eq(sets.name, name)))
      )[0],
    list: ({ organizationId, workspaceId }, page) =>
      db
        .select()
        .from(sets)
        .where(
          and(
            eq(sets.organizationId, organizationId),
            workspaceId === null ? undefined : or(isGlobal, attachedTo(workspaceId)),
            afterName(sets.name, page),
          ),
        )
        .orderBy(asc(sets.name))
        .limit(page.limit),
    ofWorkspace: async ({ id, organizationId }) => ({
      attached: (await attachedOf({ id })).map(({ set }) => set),
      global: await globalOf({ organizationId }),
    }),
    insert: inserting(context, rows),
    save: saving(context, rows),
    delete: async (id) => {
      await db.delete(sets).where(eq(sets.id, id));
    },
    workspaces: async (ids) => {
      const found: { setId: VariableSetId; name: string }[] = [];
      for (const some of chunks(ids)) {
        const named = await db
          .select({ setId: attachments.setId, name: workspaces.name })
          .from(attachments)
          .innerJoin(workspaces, eq(workspaces.id, attachments.workspaceId))
          .where(inArray(attachments.setId, some))
          .orderBy(asc(workspaces.name));
        found.push(...named);
      }
      return found;
    },
    sizes: async (ids) => {
      const counted: { setId: VariableSetId; count: number }[] = [];
      for (const some of chunks(ids)) {
        const sizes = await db
          .select({ setId: setVariables.setId, count: count() })
          .from(setVariables)
          .where(inArray(setVariables.setId, some))
          .groupBy(setVariables.setId);
        counted.push(...sizes);
      }
      return counted;
    },
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
