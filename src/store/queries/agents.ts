import type { Agent } from "../../domain/agent.ts";
import type { PoolId } from "../../lib/ids.ts";
import { asParameter } from "../dialect.ts";
import { and, asc, count, eq, inArray, isNull, lt, lte, ne, sql } from "../drizzle/orm.ts";
import type { AgentQueries, Heard } from "../ports-agents.ts";
import { prepared } from "../prepared.ts";
import { isConnected } from "../tables/conditions.ts";
import type { QueryContext } from "./context.ts";
import { afterPair, getting, inserting, saving } from "./rows.ts";

export function agentQueries(context: QueryContext): AgentQueries {
  const { db, t, dialect } = context;
  const { agents } = t;
  const rows = { table: agents, name: "agent", what: "an agent" };
  const bySessionToken = prepared<{ hash: string }>()("agent_by_session_token", (slot) =>
    db
      .select()
      .from(agents)
      .where(eq(agents.sessionTokenHash, slot("hash", agents.sessionTokenHash))),
  );
  return {
    ...getting(context, rows),
    byIncarnation: incarnationQuery(context),
    bySessionToken: async (hash): Promise<Agent | undefined> => (await bySessionToken({ hash }))[0],
    byName: (organizationId, name) =>
      db
        .select()
        .from(agents)
        .where(
          and(
            organizationId === null ? isNull(agents.organizationId) : eq(agents.organizationId, organizationId),
            eq(agents.name, name),
          ),
        )
        .orderBy(asc(agents.id)),
    list: ({ organizationId, poolId, statuses, search }, page) =>
      db
        .select()
        .from(agents)
        .where(
          and(
            organizationId === null ? isNull(agents.organizationId) : eq(agents.organizationId, organizationId),
            poolId === null ? undefined : eq(agents.poolId, poolId),
            statuses.length === 0 ? undefined : inArray(agents.status, [...statuses]),
            search === "" ? undefined : dialect.contains(agents.name, search),
            afterPair(agents.name, agents.id, page),
          ),
        )
        .orderBy(asc(agents.name), asc(agents.id))
        .limit(page.limit),
    countConnected: async (organizationId) => {
      const [row] = await db
        .select({ count: count() })
        .from(agents)
        .where(and(eq(agents.organizationId, organizationId), isConnected(agents.status)));
      return row?.count ?? 0;
    },
    insert: inserting(context, rows),
    save: saving(context, rows),
    heard: heardQuery(context),
    left: leftQuery(context),
    disconnectFrom: async (name) => {
      await db.update(agents).set({ connectedTo: "" }).where(eq(agents.connectedTo, name));
    },
    silentSince: (at, limit) =>
      db
        .select()
        .from(agents)
        .where(and(isConnected(agents.status), lt(agents.lastSeenAt, at)))
        .orderBy(asc(agents.lastSeenAt), asc(agents.id))
        .limit(limit),
    ofToken: (id) => db.select().from(agents).where(eq(agents.tokenId, id)).orderBy(asc(agents.id)),
    namesOfTokens: namesOfTokensQuery(context),
    delete: async (id) => {
      await db.delete(agents).where(eq(agents.id, id));
    },
  };
}

function incarnationQuery({ db, t: { agents } }: QueryContext): AgentQueries["byIncarnation"] {
  const inPool = prepared<{ poolId: PoolId; incarnation: string }>()("agent_by_incarnation", (slot) =>
    db
      .select()
      .from(agents)
      .where(
        and(
          eq(agents.poolId, slot("poolId", agents.poolId)),
          eq(agents.incarnation, slot("incarnation", agents.incarnation)),
        ),
      ),
  );
  const ofServer = prepared<{ incarnation: string }>()("agent_by_server_incarnation", (slot) =>
    db
      .select()
      .from(agents)
      .where(and(isNull(agents.poolId), eq(agents.incarnation, slot("incarnation", agents.incarnation)))),
  );
  return async (poolId, incarnation) =>
    (await (poolId === null ? ofServer({ incarnation }) : inPool({ poolId, incarnation })))[0];
}

/** However many agents were heard, they are one statement with one parameter. */
function heardQuery({ db, t: { agents }, dialect }: QueryContext): AgentQueries["heard"] {
  const columns = { agentId: agents.id, status: agents.status, at: agents.lastSeenAt };
  const heard = prepared<{ rows: string }>()("agent_heard", () =>
    db
      .update(agents)
      .set({ status: sql`given.status`, lastSeenAt: sql`given.at` })
      .from(dialect.given(sql`${sql.placeholder("rows")}`, columns))
      .where(and(sql`${agents.id} = given."agentId"`, ne(agents.status, sql`'exited'`)))
      .returning({ id: agents.id }),
  );
  return async (rows: readonly Heard[]) => {
    if (rows.length > 0) await heard({ rows: asParameter(rows, columns) });
  };
}

function leftQuery({ db, t: { agents }, dialect }: QueryContext): AgentQueries["left"] {
  const columns = { agentId: agents.id, sessionEpoch: agents.sessionEpoch };
  const left = prepared<{ rows: string }>()("agent_left", () =>
    db
      .update(agents)
      .set({ connectedTo: "" })
      .from(dialect.given(sql`${sql.placeholder("rows")}`, columns))
      .where(and(sql`${agents.id} = given."agentId"`, sql`${agents.sessionEpoch} = given."sessionEpoch"`))
      .returning({ id: agents.id }),
  );
  return async (rows) => {
    if (rows.length > 0) await left({ rows: asParameter(rows, columns) });
  };
}

function namesOfTokensQuery({ db, t: { agents }, dialect }: QueryContext): AgentQueries["namesOfTokens"] {
  const columns = { id: agents.tokenId };
  return async (ids, most) => {
    if (ids.length === 0) return [];
    const given = asParameter(
      ids.map((id) => ({ id })),
      columns,
    );
    const place = sql`row_number() over (partition by ${agents.tokenId} order by ${agents.lastSeenAt} desc, ${agents.id} desc)`;
    const ranked = db
      .select({ tokenId: agents.tokenId, name: agents.name, place: place.mapWith(Number).as("place") })
      .from(agents)
      .where(
        and(
          sql`${agents.tokenId} in (select id from ${dialect.given(sql`${given}`, columns)})`,
          ne(agents.status, "exited"),
        ),
      )
      .as("ranked");
    const rows = await db
      .select({ tokenId: ranked.tokenId, name: ranked.name })
      .from(ranked)
      .where(lte(ranked.place, most))
      .orderBy(asc(ranked.tokenId), asc(ranked.place));
    return rows.flatMap(({ tokenId, name }) => (tokenId === null ? [] : [{ tokenId, name }]));
  };
}
