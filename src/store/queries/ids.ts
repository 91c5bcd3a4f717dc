import type { AnyPgColumn } from "drizzle-orm/pg-core";
import type { IdPrefix } from "../../lib/words/ids.ts";
import { and, asc, eq, gte, lt } from "../drizzle/orm.ts";
import type { Queries } from "../ports/store.ts";
import type { QueryContext } from "./context.ts";

/** What no character of an id sorts after. */
const beyond = "~";

interface Place {
  readonly id: AnyPgColumn<{ data: string }>;
  readonly organizationId: AnyPgColumn;
}

export function idQueries({ db, t }: QueryContext): Queries["ids"] {
  const places: Readonly<Record<IdPrefix, Place>> = {
    org: { id: t.organizations.id, organizationId: t.organizations.id },
    apool: t.pools,
    atok: t.tokens,
    agent: t.agents,
    ws: t.workspaces,
    var: t.variables,
    cv: t.configurations,
    run: t.runs,
    job: t.jobs,
    sv: t.states,
    key: t.apiKeys,
    vset: t.variableSets,
  };
  return {
    beginningWith: async (kind, { text, organizationId, limit }) => {
      const { id, organizationId: owner } = places[kind];
      const range = and(gte(id, text), lt(id, text + beyond));
      const rows = await db
        .select({ id })
        .from(id.table)
        .where(organizationId === null ? range : and(range, eq(owner, organizationId)))
        .orderBy(asc(id))
        .limit(limit);
      return rows.flatMap((row) => row.id ?? []);
    },
  };
}
