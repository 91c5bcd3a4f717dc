import type { OrganizationId, PoolId } from "../../../lib/words/ids.ts";
import {
  and,
  asc,
  count,
  desc,
  eq,
  gt,
  gte,
  inArray,
  isNull,
  lt,
  lte,
  ne,
  notInArray,
  or,
  sql,
} from "../../drizzle/orm.ts";
import { asParameter } from "../../engine/dialect.ts";
import { prepared } from "../../engine/prepared.ts";
import type { AgentQueries, HeardAgent, SilentAgent } from "../../ports/agents.ts";
import { isConnected, isFalse } from "../../tables/conditions.ts";
import type { QueryContext } from "../context.ts";
import { afterPair, sliceOf } from "../pages.ts";
import { counted, getting, inserting, many, one, removing, saving } from "../rows.ts";

const disconnected = { connectedTo: "", replicaId: null };

export function agentQueries(context: QueryContext): AgentQueries {
  const { db, t, dialect } = context;
  const { agents } = t;
  const rows = { table: agents, what: "an agent" };
  const ofOwner = (organizationId: OrganizationId | null) =>
    organizationId === null ? isNull(agents.organizationId) : eq(agents.organizationId, organizationId);
  return {
    ...getting(context, agents),
    byIncarnation: incarnationQuery(context),
    bySessionToken: one(context, agents, "sessionTokenHash"),
    byName: (organizationId, name) =>
      db
        .select()
        .from(agents)
        .where(and(ofOwner(organizationId), eq(agents.name, name)))
        .orderBy(asc(agents.id)),
    list: ({ organizationId, poolId, statuses, search }, page) =>
      db
        .select()
        .from(agents)
        .where(
          and(
            ofOwner(organizationId),
            poolId === null ? undefined : eq(agents.poolId, poolId),
            statuses.length === 0 ? undefined : inArray(agents.status, [...statuses]),
            search === "" ? undefined : dialect.contains(agents.name, search),
            afterPair(agents.name, agents.id, page),
          ),
        )
        .orderBy(asc(agents.name), asc(agents.id))
        .limit(page.limit),
    slice: ({ poolId, isDescending, heardSince, heardIds = [] }, slice) => {
      const direction = isDescending ? desc : asc;
      const isHeard =
        heardSince === undefined
          ? undefined
          : or(gte(agents.lastSeenAt, heardSince), inArray(agents.id, [...heardIds]));
      const order = [direction(agents.createdAt), direction(agents.id)];
      return sliceOf(context, agents, { where: and(eq(agents.poolId, poolId), isHeard), order }, slice);
    },
    placeAfter: async (organizationId, { after, rows: rowCount }) => {
      const [place] = await db
        .select({ name: agents.name, id: agents.id })
        .from(agents)
        .where(and(ofOwner(organizationId), afterPair(agents.name, agents.id, { after })))
        .orderBy(asc(agents.name), asc(agents.id))
        .limit(1)
        .offset(rowCount - 1);
      return place === undefined ? null : [place.name, place.id];
    },
    countConnected: (organizationId) =>
      counted(context, agents, and(eq(agents.organizationId, organizationId), isConnected(agents.status))),
    insert: inserting(context, rows),
    save: saving(context, rows),
    heard: heardQuery(context),
    left: leftQuery(context),
    disconnectFrom: async (ids) => {
      if (ids.length > 0)
        await db
          .update(agents)
          .set(disconnected)
          .where(inArray(agents.replicaId, [...ids]));
    },
    disconnectBut: async (ids) => {
      const isElsewhere =
        ids.length === 0 ? undefined : or(isNull(agents.replicaId), notInArray(agents.replicaId, [...ids]));
      await db
        .update(agents)
        .set(disconnected)
        .where(and(ne(agents.connectedTo, ""), isElsewhere));
    },
    countByReplica: async () => {
      const { replicaId } = agents;
      const found = await db
        .select({ replicaId, agents: count() })
        .from(agents)
        .where(ne(agents.connectedTo, ""))
        .groupBy(replicaId);
      return new Map(found.flatMap((row) => (row.replicaId === null ? [] : [[row.replicaId, row.agents] as const])));
    },
    ...silenceQueries(context),
    ...tokenQueries(context),
    namesOfTokens: namesOfTokensQuery(context),
    countKept: async () => {
      const rows = await db
        .select({ poolId: agents.poolId, kept: agents.keptDirectories })
        .from(agents)
        .where(sql`cast(${agents.keptDirectories} as text) <> '[]'`);
      const counts = new Map<PoolId | null, number>();
      for (const { poolId, kept } of rows) counts.set(poolId, (counts.get(poolId) ?? 0) + kept.length);
      return counts;
    },
    delete: removing(context, agents),
  };
}

function incarnationQuery(context: QueryContext): AgentQueries["byIncarnation"] {
  const { agents } = context.t;
  const inPool = one(context, agents, "poolId", "incarnation");
  const ofServer = many(context, agents, "incarnation", { where: isNull(agents.poolId) });
  return async (poolId, incarnation) =>
    poolId === null ? (await ofServer(incarnation))[0] : inPool(poolId, incarnation);
}

/** However many agents were heard, they are one statement with one parameter. */
function heardQuery({ db, t: { agents }, dialect }: QueryContext): AgentQueries["heard"] {
  const columns = { agentId: agents.id, status: agents.status, at: agents.lastSeenAt };
  const heard = prepared<{ rows: string }>()(() =>
    db
      .update(agents)
      .set({ status: sql`given.status`, lastSeenAt: sql`given.at` })
      .from(dialect.given(sql`${sql.placeholder("rows")}`, columns))
      .where(and(sql`${agents.id} = given."agentId"`, ne(agents.status, sql`'exited'`)))
      .returning({ id: agents.id }),
  );
  return async (rows: readonly HeardAgent[]) => {
    if (rows.length > 0) await heard({ rows: asParameter(rows, columns) });
  };
}

function silenceQueries({
  db,
  t: { agents },
  dialect,
}: QueryContext): Pick<AgentQueries, "silent" | "fallSilent" | "forget"> {
  const { id, name, status, lastSeenAt, sessionEpoch } = agents;
  const columns = { id, status, lastSeenAt };
  const fall = prepared<{ rows: string }>()(() =>
    db
      .update(agents)
      .set({ status: sql`given.status` })
      .from(dialect.given(sql`${sql.placeholder("rows")}`, columns))
      .where(
        and(
          sql`${agents.id} = given.id`,
          sql`${agents.lastSeenAt} = given."lastSeenAt"`,
          sql`${agents.status} <> given.status`,
          ne(agents.status, sql`'exited'`),
        ),
      )
      .returning(columns),
  );
  const forget = prepared<{ rows: string }>()(() => {
    const unheard = sql`select 1 from ${dialect.given(sql`${sql.placeholder("rows")}`, columns)}
      where given.id = ${id} and given."lastSeenAt" = ${lastSeenAt}`;
    return db
      .delete(agents)
      .where(and(eq(sessionEpoch, sql`0`), sql`exists (${unheard})`))
      .returning({ id });
  });
  return {
    silent: ({ unknownBefore, erroredBefore }, { after, limit }) =>
      db
        .select({ ...columns, name, sessionEpoch })
        .from(agents)
        .where(
          and(
            isConnected(agents.status),
            lt(agents.lastSeenAt, unknownBefore),
            or(ne(agents.status, "unknown"), lt(agents.lastSeenAt, erroredBefore)),
            after === null
              ? undefined
              : sql`(${agents.lastSeenAt}, ${agents.id}) > (${sql.param(after.lastSeenAt, agents.lastSeenAt)}, ${sql.param(after.id, agents.id)})`,
          ),
        )
        .orderBy(asc(agents.lastSeenAt), asc(agents.id))
        .limit(limit),
    fallSilent: async (rows: readonly SilentAgent[]) =>
      rows.length === 0 ? [] : fall({ rows: asParameter(rows, columns) }),
    forget: async (rows) => (rows.length === 0 ? 0 : (await forget({ rows: asParameter(rows, columns) })).length),
  };
}

function tokenQueries(context: QueryContext): Pick<AgentQueries, "ofToken" | "countOfToken" | "goneOfToken"> {
  const {
    db,
    t: { agents, jobs },
  } = context;
  return {
    ofToken: many(context, agents, "tokenId", { order: [asc(agents.id)] }),
    countOfToken: async (id, since) => {
      const isOfToken = eq(agents.tokenId, id);
      const all = await counted(context, agents, isOfToken);
      return { all, recent: await counted(context, agents, and(isOfToken, gt(agents.createdAt, since))) };
    },
    goneOfToken: (id, limit) => {
      const open = sql`select 1 from ${jobs} where ${jobs.agentId} = ${agents.id}
        and ${isFalse(jobs.isLogClosed)}`;
      return db
        .select({ id: agents.id })
        .from(agents)
        .where(and(eq(agents.tokenId, id), inArray(agents.status, ["exited", "errored"]), sql`not exists (${open})`))
        .orderBy(asc(agents.lastSeenAt), asc(agents.id))
        .limit(limit);
    },
  };
}

function leftQuery({ db, t: { agents }, dialect }: QueryContext): AgentQueries["left"] {
  const columns = { agentId: agents.id, sessionEpoch: agents.sessionEpoch };
  const left = prepared<{ rows: string }>()(() =>
    db
      .update(agents)
      .set(disconnected)
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
