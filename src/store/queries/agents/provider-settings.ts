import { eq } from "../../drizzle/orm.ts";
import type { Queries } from "../../ports/store.ts";
import type { QueryContext } from "../context.ts";
import { inserting, one, saving } from "../rows.ts";

export function providerSettingsQueries(context: QueryContext): Queries["providerSettings"] {
  const { db, t } = context;
  const { providerSettings } = t;
  const rows = { table: providerSettings, what: "a providers setting" };
  return {
    get: one(context, providerSettings, "id"),
    insert: inserting(context, rows),
    save: saving(context, rows),
    delete: async (id) => {
      const deleted = await db
        .delete(providerSettings)
        .where(eq(providerSettings.id, id))
        .returning({ id: providerSettings.id });
      return deleted.length > 0;
    },
  };
}
