import { and, desc, eq, or } from "../../drizzle/orm.ts";
import type { Queries } from "../../ports/store.ts";
import type { QueryContext } from "../context.ts";
import { inOrderOfName } from "../pages.ts";
import { counted, inserting, keepingAnswers, one, oneInAnyCase, removing, saving } from "../rows.ts";

export function organizationQueries(context: QueryContext): Queries["organizations"] {
  const { db, dialect } = context;
  const { organizations } = context.t;
  const rows = { table: organizations, what: "an organization" };
  return {
    get: one(context, organizations, "id"),
    byName: one(context, organizations, "name"),
    byNameInAnyCase: oneInAnyCase(context, organizations),
    list: keepingAnswers(context, { text: "organizations in order", tables: [organizations] }, (page) =>
      inOrderOfName(context, organizations).page(undefined, page),
    ),
    search: async ({ id, search }, { offset, limit }) => {
      const isFound = or(dialect.contains(organizations.name, search), dialect.contains(organizations.email, search));
      const wanted = and(id === null ? undefined : eq(organizations.id, id), search === "" ? undefined : isFound);
      const rows = await db
        .select()
        .from(organizations)
        .where(wanted)
        .orderBy(desc(organizations.createdAt), desc(organizations.id))
        .limit(limit)
        .offset(offset);
      return { rows, total: await counted(context, organizations, wanted) };
    },
    withDefaultPool: async (id) => {
      const [found] = await db
        .select({ name: organizations.name })
        .from(organizations)
        .where(eq(organizations.defaultPoolId, id))
        .limit(1);
      return found?.name;
    },
    insert: inserting(context, rows),
    save: saving(context, rows),
    delete: removing(context, organizations),
  };
}
