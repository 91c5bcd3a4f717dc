import type { AnyPgColumn } from "drizzle-orm/pg-core";
import { and, eq, isNull, lt, lte, or } from "../drizzle/orm.ts";
import type { Queries, RememberedRequest } from "../ports.ts";
import { prepared } from "../prepared.ts";
import type { QueryContext } from "./context.ts";
import { inserting } from "./rows.ts";

export function metaQueries({ db, t: { meta } }: QueryContext): Queries["meta"] {
  return {
    get: async (key) => (await db.select().from(meta).where(eq(meta.key, key)))[0]?.value,
    set: async (key, value) => {
      await db.insert(meta).values({ key, value }).onConflictDoUpdate({ target: meta.key, set: { value } });
    },
  };
}

export function requestQueries(context: QueryContext): Queries["requests"] {
  const { db, t } = context;
  const { requests } = t;
  const get = prepared<{ principal: string; requestId: string }>()("request_get", (slot) =>
    db
      .select()
      .from(requests)
      .where(
        and(
          eq(requests.principal, slot("principal", requests.principal)),
          eq(requests.requestId, slot("requestId", requests.requestId)),
        ),
      ),
  );
  return {
    get: async (principal, requestId): Promise<RememberedRequest | undefined> =>
      (await get({ principal, requestId }))[0],
    insert: inserting(context, { table: requests, name: "request", what: "a request" }),
    deleteBefore: async (at) =>
      (await db.delete(requests).where(lt(requests.at, at)).returning({ id: requests.requestId })).length,
  };
}

/** The instant is absent, or not later than `at`. */
export const notLaterThan = (column: AnyPgColumn<{ data: Date }>, at: Date) => or(isNull(column), lte(column, at));
