import type { SQL } from "drizzle-orm";
import type { Workspace } from "../../../domain/workspaces/workspace.ts";
import type { OrganizationId, WorkspaceId } from "../../../lib/words/ids.ts";
import { and, asc, eq, gt, inArray, ne, sql } from "../../drizzle/orm.ts";
import { prepared } from "../../engine/prepared.ts";
import type { NamePage } from "../../ports/pages.ts";
import type { WorkspaceQueries } from "../../ports/workspaces.ts";
import { isTrue } from "../../tables/conditions.ts";
import type { Tables } from "../../tables/tables.ts";
import type { QueryContext } from "../context.ts";
import { chunks, getting, manyBy } from "../rows.ts";

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
  const sharers = (organizationId: OrganizationId | SQL<OrganizationId>, name: string | SQL<string>) =>
    db
      .select({ id: stateConsumers.workspaceId })
      .from(stateConsumers)
      .innerJoin(workspaces, eq(workspaces.id, stateConsumers.workspaceId))
      .where(and(eq(workspaces.organizationId, organizationId), eq(stateConsumers.consumerName, name)));
  // Two questions, each with an index of its own: one for both would read all workspaces of the organization.
  const sharingWithAll = prepared<Sharing>()((slot) =>
    db
      .select()
      .from(workspaces)
      .where(
        and(
          eq(workspaces.organizationId, slot("organizationId", workspaces.organizationId)),
          ne(workspaces.id, slot("id", workspaces.id)),
          sql`${workspaces.currentStateId} is not null`,
          gt(workspaces.name, slot("after", workspaces.name)),
          isTrue(workspaces.sharesState),
        ),
      )
      .orderBy(asc(workspaces.name))
      .limit(sql.placeholder("limit")),
  );
  const sharingWithName = prepared<Pick<Sharing, "organizationId" | "name">>()((slot) =>
    sharers(slot("organizationId", workspaces.organizationId), slot("name", stateConsumers.consumerName)),
  );
  const { byIds } = getting(context, workspaces);
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
    sharingWith: async ({ id, organizationId, name }, { after, limit }) => {
      // No name is empty: behind that are all.
      const place = { id, after: after ?? "" };
      const withName = await byIds((await sharingWithName({ organizationId, name })).map((row) => row.id));
      const found = [
        ...(await sharingWithAll({ ...place, organizationId, name, limit })),
        ...withName.filter((row) => row.id !== id && row.currentStateId !== null && row.name > place.after),
      ];
      const byName = new Map(found.map((row) => [row.name, row]));
      return [...byName.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1)).slice(0, limit);
    },
  };
}
