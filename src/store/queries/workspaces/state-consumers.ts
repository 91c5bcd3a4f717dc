import type { Workspace } from "../../../domain/workspaces/workspace.ts";
import type { OrganizationId, WorkspaceId } from "../../../lib/words/ids.ts";
import { and, asc, eq, exists, gt, inArray, ne, or, sql } from "../../drizzle/orm.ts";
import { prepared } from "../../engine/prepared.ts";
import type { NamePage } from "../../ports/pages.ts";
import type { WorkspaceQueries } from "../../ports/workspaces.ts";
import type { Tables } from "../../tables/tables.ts";
import type { QueryContext } from "../context.ts";
import { chunks, manyBy } from "../rows.ts";

type Consumers = Pick<WorkspaceQueries, "consumers" | "setConsumers" | "moveConsumer"> & {
  sharingWith(
    consumer: Pick<Workspace, "id" | "organizationId" | "name">,
    page: NamePage,
  ): Promise<Tables["workspaces"]["$inferSelect"][]>;
};

type Sharing = Pick<Workspace, "id" | "organizationId" | "name"> & { readonly after: string; readonly limit: number };

/** Who may read whose outputs. */
export function consumerQueries(context: QueryContext): Consumers {
  const { db, t } = context;
  const { workspaces, stateConsumers } = t;
  const add = async (ids: readonly WorkspaceId[], name: string) => {
    for (const some of chunks(ids)) {
      const rows = some.map((workspaceId) => ({ workspaceId, consumerName: name }));
      await db.insert(stateConsumers).values(rows).onConflictDoNothing();
    }
  };
  /** Workspaces of an organization that share with a name. */
  const sharers = (organizationId: OrganizationId, name: string) =>
    db
      .select({ id: stateConsumers.workspaceId })
      .from(stateConsumers)
      .innerJoin(workspaces, eq(workspaces.id, stateConsumers.workspaceId))
      .where(and(eq(workspaces.organizationId, organizationId), eq(stateConsumers.consumerName, name)));
  // No name is empty: behind that are all.
  const sharing = prepared<Sharing>()((slot) =>
    db
      .select()
      .from(workspaces)
      .where(
        and(
          eq(workspaces.organizationId, slot("organizationId", workspaces.organizationId)),
          ne(workspaces.id, slot("id", workspaces.id)),
          sql`${workspaces.currentStateId} is not null`,
          gt(workspaces.name, slot("after", workspaces.name)),
          or(
            sql`${workspaces.sharesState}`,
            exists(
              db
                .select({ one: sql`1` })
                .from(stateConsumers)
                .where(
                  and(
                    eq(stateConsumers.workspaceId, workspaces.id),
                    eq(stateConsumers.consumerName, slot("name", stateConsumers.consumerName)),
                  ),
                ),
            ),
          ),
        ),
      )
      .orderBy(asc(workspaces.name))
      .limit(sql.placeholder("limit")),
  );
  return {
    consumers: manyBy(context, stateConsumers, "workspaceId", { order: [asc(stateConsumers.consumerName)] }),
    setConsumers: async (id, names) => {
      await db.delete(stateConsumers).where(eq(stateConsumers.workspaceId, id));
      for (const name of new Set(names)) await add([id], name);
    },
    moveConsumer: async (organizationId, from, to) => {
      const ids = (await sharers(organizationId, from)).map(({ id }) => id);
      for (const some of chunks(ids)) {
        await db
          .delete(stateConsumers)
          .where(and(inArray(stateConsumers.workspaceId, some), eq(stateConsumers.consumerName, from)));
      }
      if (to !== null) await add(ids, to);
    },
    sharingWith: ({ id, organizationId, name }, { after, limit }) =>
      sharing({ id, organizationId, name, after: after ?? "", limit }),
  };
}
