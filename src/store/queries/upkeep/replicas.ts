import type { AnyPgColumn } from "drizzle-orm/pg-core";
import { allSettled } from "../../../lib/async/all-settled.ts";
import { and, asc, eq, gt, inArray, isNull, lt, lte, or, sql } from "../../drizzle/orm.ts";
import { asParameter } from "../../engine/dialect.ts";
import { prepared } from "../../engine/prepared.ts";
import type { PresenceQueries, ReplicaQueries, ReplicaWord } from "../../ports/replicas.ts";
import { isClaimed } from "../../tables/conditions.ts";
import type { QueryContext } from "../context.ts";
import { chunks } from "../rows.ts";

/** Each has five parameters. */
const rowsAtOnce = 100;

export function replicaQueries({ db, t: { replicas }, dialect }: QueryContext): ReplicaQueries {
  const wordOf = ({ id: _, ...word }: ReplicaWord) => ({ ...word, seenAt: dialect.now, lostAt: null });
  return {
    all: () => db.select().from(replicas).orderBy(asc(replicas.startedAt), asc(replicas.id)),
    enter: async (word) => {
      const set = wordOf(word);
      await db
        .insert(replicas)
        .values({ id: word.id, ...set })
        .onConflictDoUpdate({ target: replicas.id, set });
    },
    beat: async (word) => {
      const isMember = and(eq(replicas.id, word.id), isNull(replicas.lostAt));
      return (await db.update(replicas).set(wordOf(word)).where(isMember).returning({ id: replicas.id })).length > 0;
    },
    lose: async (seen, at) => {
      const lost: string[] = [];
      for (const { id, beats } of seen) {
        const isStill = and(eq(replicas.id, id), eq(replicas.beats, beats), isNull(replicas.lostAt));
        const rows = await db.update(replicas).set({ lostAt: at }).where(isStill).returning({ id: replicas.id });
        lost.push(...rows.map((row) => row.id));
      }
      return lost;
    },
    leave: async (id) => {
      await db.delete(replicas).where(eq(replicas.id, id));
    },
    forget: async (at) => {
      await db.delete(replicas).where(lt(replicas.lostAt, at));
    },
  };
}

export function presenceQueries(context: QueryContext): PresenceQueries {
  const { db, t } = context;
  const { presences } = t;
  const { agentId, replicaId, sessionEpoch, version, facts } = presences;
  const told = {
    replicaId: sql`excluded.replica_id`,
    sessionEpoch: sql`excluded.session_epoch`,
    version: sql`excluded.version`,
    facts: sql`excluded.facts`,
  };
  return {
    wishes: wishesQuery(context),
    put: async (rows) => {
      for (const some of chunks(rows, rowsAtOnce))
        await db
          .insert(presences)
          .values(some)
          .onConflictDoUpdate({
            target: agentId,
            set: told,
            setWhere: sql`excluded.session_epoch >= ${sessionEpoch} or ${facts} is null`,
          });
    },
    since: async (marks) => {
      if (marks.length === 0) return [];
      const isNewer = marks.map((mark) => and(eq(replicaId, mark.replicaId), gt(version, mark.version)));
      return db
        .select()
        .from(presences)
        .where(or(...isNewer))
        .orderBy(asc(version), asc(agentId));
    },
    deleteOf: async (ids) => {
      if (ids.length > 0) await db.delete(presences).where(inArray(replicaId, [...ids]));
    },
    deleteLeft: async (mark) => {
      await db.delete(presences).where(and(eq(replicaId, mark.replicaId), lte(version, mark.version), isNull(facts)));
    },
  };
}

/** Few columns of what may be thousands of rows, however many agents by two statements in one trip. */
function wishesQuery({ db, t: { agents, jobs, tokens }, dialect }: QueryContext): PresenceQueries["wishes"] {
  const columns = { id: agents.id };
  const isAsked = (column: AnyPgColumn) =>
    sql`${column} in (select id from ${dialect.given(sql`${sql.placeholder("ids")}`, columns)})`;
  const { id, sessionEpoch, isPaused, isDraining, pauseReason, unwantedDirectories } = agents;
  const ofAgents = prepared<{ ids: string }>()(() =>
    db
      .select({
        ...{ id, sessionEpoch, isPaused, isDraining, pauseReason, unwantedDirectories },
        revokedAt: tokens.revokedAt,
      })
      .from(agents)
      .leftJoin(tokens, eq(tokens.id, agents.tokenId))
      .where(isAsked(id)),
  );
  const { agentId, epoch, status, desired, distrustedBy } = jobs;
  const ofJobs = prepared<{ ids: string }>()(() =>
    db
      .select({ id: jobs.id, agentId, epoch, status, desired, distrustedBy })
      .from(jobs)
      .where(and(isAsked(agentId), isClaimed(status)))
      .orderBy(asc(jobs.id)),
  );
  return async (given) => {
    if (given.length === 0) return [];
    const ids = asParameter(
      given.map((one) => ({ id: one })),
      columns,
    );
    const [rows, open] = await allSettled([ofAgents({ ids }), ofJobs({ ids })]);
    const held = Map.groupBy(open, (job) => job.agentId);
    return rows.map((row) => ({ agentId: row.id, text: JSON.stringify([row, held.get(row.id)]) }));
  };
}
