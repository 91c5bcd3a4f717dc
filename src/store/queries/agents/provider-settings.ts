import { eq } from "../../drizzle/orm.ts";
import type { Queries } from "../../ports/store.ts";
import type { QueryContext } from "../context.ts";
import { inserting, keepingAnswers, one, saving } from "../rows.ts";

export function providerSettingsQueries(context: QueryContext): Queries["providerSettings"] {
  const { db, t } = context;
  const { providerSettings } = t;
  const get = one(context, providerSettings, "id");
  // Most have none.
  const found = keepingAnswers(
    context,
    { text: "the settings of an owner", tables: [providerSettings] },
    async (id: Parameters<typeof get>[0]) => [await get(id)],
  );
  const rows = { table: providerSettings, what: "a providers setting" };
  return {
    get: async (id) => (await found(id))[0],
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
