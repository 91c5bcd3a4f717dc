import type { ApiKey } from "../../../domain/people/api-key.ts";
import { and, count, desc, eq, isNull, ne } from "../../drizzle/orm.ts";
import { prepared } from "../../engine/prepared.ts";
import type { ApiKeyQueries } from "../../ports/access.ts";
import type { QueryContext } from "../context.ts";
import { beforeInstant, getting, inserting, saving } from "../rows.ts";
import { notLaterThan } from "./access.ts";

export function apiKeyQueries(context: QueryContext): ApiKeyQueries {
  const { db, t } = context;
  const { apiKeys } = t;
  const rows = { table: apiKeys, name: "api_key", what: "an API key" };
  const byHash = prepared<{ hash: string }>()("api_key_by_hash", (slot) =>
    db
      .select()
      .from(apiKeys)
      .where(eq(apiKeys.hash, slot("hash", apiKeys.hash))),
  );
  const { get } = getting(context, rows);
  return {
    get,
    byHash: async (hash): Promise<ApiKey | undefined> => (await byHash({ hash }))[0],
    list: (organizationId, page) =>
      db
        .select()
        .from(apiKeys)
        .where(
          and(
            organizationId === null ? undefined : eq(apiKeys.organizationId, organizationId),
            beforeInstant(apiKeys.createdAt, apiKeys.id, page),
          ),
        )
        .orderBy(desc(apiKeys.createdAt), desc(apiKeys.id))
        .limit(page.limit),
    countLastingAdmins: async (except) => {
      const isLasting = and(isNull(apiKeys.expiresAt), isNull(apiKeys.revokedAt));
      const [row] = await db
        .select({ count: count() })
        .from(apiKeys)
        .where(and(eq(apiKeys.role, "site_admin"), isLasting, ne(apiKeys.id, except)));
      return row?.count ?? 0;
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
