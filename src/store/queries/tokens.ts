import type { AgentToken } from "../../domain/agent-token.ts";
import { and, desc, eq } from "../drizzle/orm.ts";
import type { Queries } from "../ports.ts";
import { prepared } from "../prepared.ts";
import { notLaterThan } from "./access.ts";
import type { QueryContext } from "./context.ts";
import { beforeInstant, getting, inserting, saving } from "./rows.ts";

export function tokenQueries(context: QueryContext): Queries["tokens"] {
  const { db, t } = context;
  const { tokens } = t;
  const rows = { table: tokens, name: "token", what: "an agent token" };
  const { get } = getting(context, rows);
  const byHash = prepared<{ hash: string }>()("token_by_hash", (slot) =>
    db
      .select()
      .from(tokens)
      .where(eq(tokens.hash, slot("hash", tokens.hash))),
  );
  return {
    get,
    byHash: async (hash): Promise<AgentToken | undefined> => (await byHash({ hash }))[0],
    list: ({ organizationId, poolId }, page) =>
      db
        .select()
        .from(tokens)
        .where(
          and(
            eq(tokens.organizationId, organizationId),
            poolId === null ? undefined : eq(tokens.poolId, poolId),
            beforeInstant(tokens.createdAt, tokens.id, page),
          ),
        )
        .orderBy(desc(tokens.createdAt), desc(tokens.id))
        .limit(page.limit),
    insert: inserting(context, rows),
    save: saving(context, rows),
    touch: async (id, at, ifBefore) => {
      const isStale = notLaterThan(tokens.lastUsedAt, ifBefore);
      await db
        .update(tokens)
        .set({ lastUsedAt: at })
        .where(and(eq(tokens.id, id), isStale));
    },
  };
}
