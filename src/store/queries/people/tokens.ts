import type { AnyPgColumn } from "drizzle-orm/pg-core";
import type { AgentToken } from "../../../domain/agents/token.ts";
import { and, desc, eq, gt, isNull, or } from "../../drizzle/orm.ts";
import { prepared } from "../../engine/prepared.ts";
import type { TokenQueries } from "../../ports/agents.ts";
import type { QueryContext } from "../context.ts";
import { beforeInstant, getting, inserting, saving } from "../rows.ts";
import { notLaterThan } from "./access.ts";

export function tokenQueries(context: QueryContext): TokenQueries {
  const { db, t } = context;
  const { tokens } = t;
  const rows = { table: tokens, name: "token", what: "an agent token" };
  const byHash = prepared<{ hash: string }>()("token_by_hash", (slot) =>
    db
      .select()
      .from(tokens)
      .where(eq(tokens.hash, slot("hash", tokens.hash))),
  );
  return {
    ...getting(context, rows),
    byHash: async (hash): Promise<AgentToken | undefined> => (await byHash({ hash }))[0],
    list: ({ organizationId, poolId, validAt }, page) =>
      db
        .select()
        .from(tokens)
        .where(
          and(
            eq(tokens.organizationId, organizationId),
            poolId === null ? undefined : eq(tokens.poolId, poolId),
            validAt === undefined
              ? undefined
              : and(isAfter(tokens.revokedAt, validAt), isAfter(tokens.expiresAt, validAt)),
            beforeInstant(tokens.createdAt, tokens.id, page),
          ),
        )
        .orderBy(desc(tokens.createdAt), desc(tokens.id))
        .limit(page.limit),
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
