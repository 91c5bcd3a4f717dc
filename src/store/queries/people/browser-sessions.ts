import { and, asc, eq, gt, inArray, lte } from "../../drizzle/orm.ts";
import type { BrowserSessionQueries } from "../../ports/access.ts";
import type { QueryContext } from "../context.ts";
import { newestFirst } from "../pages.ts";
import { counted, inserting, many, one, removing } from "../rows.ts";

export function browserSessionQueries(context: QueryContext): BrowserSessionQueries {
  const { db, t } = context;
  const { browserSessions } = t;
  const newest = newestFirst(context, browserSessions, browserSessions.createdAt);
  return {
    get: one(context, browserSessions, "id"),
    byHash: one(context, browserSessions, "hash"),
    list: (apiKeyId, at, page) =>
      newest.page(and(eq(browserSessions.apiKeyId, apiKeyId), gt(browserSessions.endsAt, at)), page),
    ofKey: many(context, browserSessions, "apiKeyId", {
      order: [asc(browserSessions.lastUsedAt), asc(browserSessions.id)],
    }),
    insert: inserting(context, { table: browserSessions, what: "a browser session" }),
    touch: async (id, { at, ifBefore, address, endsAt }) => {
      await db
        .update(browserSessions)
        .set({ lastUsedAt: at, lastUsedAddress: address, endsAt })
        .where(and(eq(browserSessions.id, id), lte(browserSessions.lastUsedAt, ifBefore)));
    },
    delete: removing(context, browserSessions),
    deleteOfKey: async (apiKeyId) => {
      const gone = db.delete(browserSessions).where(eq(browserSessions.apiKeyId, apiKeyId));
      return (await gone.returning({ id: browserSessions.id })).length;
    },
    countEnded: (at) => counted(context, browserSessions, lte(browserSessions.endsAt, at)),
    deleteEnded: async (at, limit) => {
      const oldest = db
        .select({ id: browserSessions.id })
        .from(browserSessions)
        .where(lte(browserSessions.endsAt, at))
        .orderBy(asc(browserSessions.endsAt), asc(browserSessions.id))
        .limit(limit);
      const gone = await db
        .delete(browserSessions)
        .where(inArray(browserSessions.id, oldest))
        .returning({ id: browserSessions.id });
      return gone.length;
    },
  };
}
