import type { Queries } from "../../ports/store.ts";
import type { QueryContext } from "../context.ts";
import { inOrderOfName } from "../pages.ts";
import { inserting, one, oneInAnyCase, removing, saving } from "../rows.ts";

export function organizationQueries(context: QueryContext): Queries["organizations"] {
  const { organizations } = context.t;
  const rows = { table: organizations, what: "an organization" };
  return {
    get: one(context, organizations, "id"),
    byName: one(context, organizations, "name"),
    byNameInAnyCase: oneInAnyCase(context, organizations),
    list: (page) => inOrderOfName(context, organizations).page(undefined, page),
    insert: inserting(context, rows),
    save: saving(context, rows),
    delete: removing(context, organizations),
  };
}
