import type { SQL } from "drizzle-orm";
import type { Workspace } from "../../../domain/workspaces/workspace.ts";
import type { OrganizationId, WorkspaceId } from "../../../lib/words/ids.ts";
import { and, asc, eq, exists, gt, inArray, ne, sql } from "../../drizzle/orm.ts";
import { prepared, type Slot } from "../../engine/prepared.ts";
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

/**
 * Up to so many workspaces that share with a name are taken one by one, whose ever they are. Where there are more, in other organizations
 * perhaps, those of the own one are gone through, so that nobody else's make it slow.
 */
const mostNamed = 200;

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
  // Two questions, each with an index of its own: one for both would read all workspaces of the organization.
  const sharing = (condition: (slot: Slot<Sharing>) => SQL) =>
    prepared<Sharing>()((slot) =>
      db
        .select()
        .from(workspaces)
        .where(
          and(
            eq(workspaces.organizationId, slot("organizationId", workspaces.organizationId)),
            ne(workspaces.id, slot("id", workspaces.id)),
            sql`${workspaces.currentStateId} is not null`,
            gt(workspaces.name, slot("after", workspaces.name)),
            condition(slot),
          ),
        )
        .orderBy(asc(workspaces.name))
        .limit(sql.placeholder("limit")),
    );
  const sharingWithAll = sharing(() => isTrue(workspaces.sharesState));
  const sharingWithName = sharing((slot) =>
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
  );
  const named = prepared<{ name: string }>()((slot) =>
    db
      .select({ id: stateConsumers.workspaceId })
      .from(stateConsumers)
      .where(eq(stateConsumers.consumerName, slot("name", stateConsumers.consumerName)))
      .limit(mostNamed + 1),
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
      const place: Sharing = { id, organizationId, name, after: after ?? "", limit };
      const ids = await named({ name });
      const withName =
        ids.length > mostNamed
          ? await sharingWithName(place)
          : (await byIds(ids.map((row) => row.id))).filter((row) => isSharer(row, place));
      const byName = new Map([...(await sharingWithAll(place)), ...withName].map((row) => [row.name, row]));
      return [...byName.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1)).slice(0, limit);
    },
  };
}

const isSharer = (row: Tables["workspaces"]["$inferSelect"], { id, organizationId, after }: Sharing): boolean =>
  row.organizationId === organizationId && row.id !== id && row.currentStateId !== null && row.name > after;
