import type { AnyPgColumn } from "drizzle-orm/pg-core";
import { and, asc, eq, isNull, lt, lte, or } from "../../drizzle/orm.ts";
import type { Queries } from "../../ports/store.ts";
import type { QueryContext } from "../context.ts";
import { counted, inserting, one } from "../rows.ts";

export function metaQueries(context: QueryContext): Queries["meta"] {
  const { db, t } = context;
  const { meta } = t;
  const row = one(context, meta, "key");
  return {
    get: async (key) => (await row(key))?.value,
    set: async (key, value) => {
      await db.insert(meta).values({ key, value }).onConflictDoUpdate({ target: meta.key, set: { value } });
    },
    replace: async (key, known, value) => {
      const returned = { key: meta.key };
      if (known === undefined)
        return (await db.insert(meta).values({ key, value }).onConflictDoNothing().returning(returned)).length > 0;
      const isKnown = and(eq(meta.key, key), eq(meta.value, known));
      return (await db.update(meta).set({ value }).where(isKnown).returning(returned)).length > 0;
    },
  };
}

export function requestQueries(context: QueryContext): Queries["requests"] {
  const { db, t } = context;
  const { requests } = t;
  return {
    get: one(context, requests, "principal", "requestId"),
    insert: inserting(context, { table: requests, what: "a request" }),
    countBefore: (at) => counted(context, requests, lt(requests.at, at)),
    deleteBefore: async (at, limit) => {
      const oldest = db
        .select({ at: requests.at })
        .from(requests)
        .where(lt(requests.at, at))
        .orderBy(asc(requests.at))
        .limit(limit);
      const last = (await oldest).at(-1)?.at;
      if (last === undefined) return 0;
      return (await db.delete(requests).where(lte(requests.at, last)).returning({ id: requests.requestId })).length;
    },
  };
}

/** The instant is absent, or not later than `at`. */
export const notLaterThan = (column: AnyPgColumn<{ data: Date }>, at: Date) => or(isNull(column), lte(column, at));
