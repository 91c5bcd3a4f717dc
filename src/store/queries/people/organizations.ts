import type { Organization } from "../../../domain/people/organization.ts";
import { asc, eq } from "../../drizzle/orm.ts";
import { prepared } from "../../engine/prepared.ts";
import type { Queries } from "../../ports/store.ts";
import type { QueryContext } from "../context.ts";
import { afterName, getting, inserting, saving } from "../rows.ts";

export function organizationQueries(context: QueryContext): Queries["organizations"] {
  const { db, t } = context;
  const { organizations } = t;
  const rows = { table: organizations, name: "organization", what: "an organization" };
  const { get } = getting(context, rows);
  const byName = prepared<{ name: string }>()("organization_by_name", (slot) =>
    db
      .select()
      .from(organizations)
      .where(eq(organizations.name, slot("name", organizations.name))),
  );
  return {
    get,
    byName: async (name): Promise<Organization | undefined> => (await byName({ name }))[0],
    list: (page) =>
      db
        .select()
        .from(organizations)
        .where(afterName(organizations.name, page))
        .orderBy(asc(organizations.name))
        .limit(page.limit),
    insert: inserting(context, rows),
    save: saving(context, rows),
    delete: async (id) => {
      await db.delete(organizations).where(eq(organizations.id, id));
    },
  };
}
