import { and, eq, isNull, ne } from "../../drizzle/orm.ts";
import type { ApiKeyQueries } from "../../ports/access.ts";
import type { QueryContext } from "../context.ts";
import { newestFirst } from "../pages.ts";
import { counted, inserting, one, saving } from "../rows.ts";
import { notLaterThan } from "./access.ts";

export function apiKeyQueries(context: QueryContext): ApiKeyQueries {
  const { db, t } = context;
  const { apiKeys } = t;
  const rows = { table: apiKeys, what: "an API key" };
  const newest = newestFirst(context, apiKeys, apiKeys.createdAt);
  return {
    get: one(context, apiKeys, "id"),
    byHash: one(context, apiKeys, "hash"),
    list: (organizationId, page) =>
      newest.page(organizationId === null ? undefined : eq(apiKeys.organizationId, organizationId), page),
    countLastingAdmins: (except) => {
      const isLasting = and(isNull(apiKeys.expiresAt), isNull(apiKeys.revokedAt));
      return counted(context, apiKeys, and(eq(apiKeys.role, "site_admin"), isLasting, ne(apiKeys.id, except)));
    },
    insert: inserting(context, rows),
    save: saving(context, rows),
    touch: async (id, { at, ifBefore, address }) => {
      const isStale = notLaterThan(apiKeys.lastUsedAt, ifBefore);
      await db
        .update(apiKeys)
        .set({ lastUsedAt: at, lastUsedAddress: address })
        .where(and(eq(apiKeys.id, id), isStale));
    },
  };
}
