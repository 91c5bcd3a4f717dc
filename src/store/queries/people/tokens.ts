import type { AnyPgColumn } from "drizzle-orm/pg-core";
import { and, eq, gt, isNotNull, isNull, or } from "../../drizzle/orm.ts";
import type { TokenQueries } from "../../ports/agents.ts";
import type { QueryContext } from "../context.ts";
import { newestFirst } from "../pages.ts";
import { getting, inserting, one, saving } from "../rows.ts";
import { notLaterThan } from "./access.ts";

export function tokenQueries(context: QueryContext): TokenQueries {
  const { db, t } = context;
  const { tokens } = t;
  const rows = { table: tokens, what: "an agent token" };
  const newest = newestFirst(context, tokens, tokens.createdAt);
  return {
    ...getting(context, tokens),
    byHash: one(context, tokens, "hash"),
    list: ({ organizationId, poolId, validAt, onlyTrusts = false }, page) =>
      newest.page(
        and(
          eq(tokens.organizationId, organizationId),
          poolId === null ? undefined : eq(tokens.poolId, poolId),
          validAt === undefined
            ? undefined
            : and(isAfter(tokens.revokedAt, validAt), isAfter(tokens.expiresAt, validAt)),
          onlyTrusts ? and(isNotNull(tokens.trust), isNull(tokens.revokedAt)) : undefined,
        ),
        page,
      ),
    slice: (poolId, slice) => newest.slice(and(eq(tokens.poolId, poolId), isNull(tokens.revokedAt)), slice),
    insert: inserting(context, rows),
    save: saving(context, rows),
    touch: async (id, { at, ifBefore, address }) => {
      const isStale = notLaterThan(tokens.lastUsedAt, ifBefore);
      await db
        .update(tokens)
        .set({ lastUsedAt: at, lastUsedAddress: address })
        .where(and(eq(tokens.id, id), isStale));
    },
  };
}

/** The instant is absent, or later than `at`. */
const isAfter = (column: AnyPgColumn<{ data: Date }>, at: Date) => or(isNull(column), gt(column, at));
