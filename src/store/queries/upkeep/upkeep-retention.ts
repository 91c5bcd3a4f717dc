import type { SQL } from "drizzle-orm";
import { and, asc, desc, eq, isNotNull, lt, lte, ne, or, sql } from "../../drizzle/orm.ts";
import { asParameter } from "../../engine/dialect.ts";
import type { UpkeepQueries } from "../../ports/upkeep.ts";
import { isActive } from "../../tables/conditions.ts";
import type { QueryContext } from "../context.ts";
import { afterId, pageById } from "../pages.ts";
import { removing } from "../rows.ts";

/** What a retention asks: each question reads a bounded number of rows, however many there are to keep. */
export function retentionQueries(context: QueryContext) {
  return { ...endedRunQueries(context), ...stateQueries(context), ...keyQueries(context) };
}

/** Of these rows, those that the condition is true for; in a WHERE, where columns are written with their tables. */
function those<Id extends string>({ db, t: { runs, states }, dialect }: QueryContext, table: "runs" | "states") {
  const of = { runs, states }[table];
  const { id } = of;
  return async (ids: readonly Id[], condition: SQL): Promise<ReadonlySet<string>> => {
    if (ids.length === 0) return new Set();
    const given = asParameter(
      ids.map((each) => ({ id: each })),
      { id },
    );
    const rows = await db
      .select({ id })
      .from(of)
      .where(and(sql`${id} in (select id from ${dialect.given(sql`${given}`, { id })})`, condition));
    return new Set(rows.map((row) => row.id));
  };
}

function endedRunQueries(context: QueryContext): Pick<UpkeepQueries, "endedRuns" | "firstEnd"> {
  const { db, t } = context;
  const { runs } = t;
  const older = those(context, "runs");
  const hasNewer = sql`exists (select 1 from ${runs} as newer where newer.workspace_id = ${runs.workspaceId}
    and (newer.created_at, newer.id) > (${runs.createdAt}, ${runs.id}))`;
  return {
    endedRuns: async (at, { after, limit }) => {
      const isAfter =
        after === null
          ? undefined
          : sql`(${runs.endedAt}, ${runs.id}) > (${sql.param(after.endedAt, runs.endedAt)}, ${sql.param(after.id, runs.id)})`;
      const page = await db
        .select({ id: runs.id, endedAt: runs.endedAt })
        .from(runs)
        .where(and(lt(runs.endedAt, at), isAfter))
        .orderBy(asc(runs.endedAt), asc(runs.id))
        .limit(limit);
      const outdone = await older(
        page.map(({ id }) => id),
        hasNewer,
      );
      return page.map((row) => ({ ...row, isNewest: !outdone.has(row.id) }));
    },
    firstEnd: async () => {
      const first = db.select({ at: runs.endedAt }).from(runs).where(isNotNull(runs.endedAt));
      return (await first.orderBy(asc(runs.endedAt), asc(runs.id)).limit(1))[0]?.at ?? null;
    },
  };
}

type StatePart = Pick<UpkeepQueries, "supersededStates" | "isPointedTo" | "acceptedStateAt" | "supersededAt">;

function stateQueries(context: QueryContext): StatePart {
  const { db, t } = context;
  const { states } = t;
  const pointedTo = those(context, "states");
  const isPointed = pointedToByRun(context);
  const isAccepted = ne(states.status, "quarantined");
  return {
    supersededStates: async (page) => {
      const seen = await db
        .select({ id: states.id })
        .from(states)
        .where(afterId(states.id, page))
        .orderBy(asc(states.id))
        .limit(page.limit);
      const last = seen.at(-1)?.id ?? null;
      if (last === null) return { states: [], next: null };
      const { id, workspaceId, runId, createdAt, bytes, status } = states;
      const rows = await db
        .select({ id, workspaceId, runId, createdAt, bytes, status })
        .from(states)
        .where(and(afterId(id, page), lte(id, last), eq(status, "superseded")))
        .orderBy(asc(id));
      const pointed = await pointedTo(
        rows.map((row) => row.id),
        isPointed,
      );
      return {
        states: rows.map((row) => ({ ...row, isPointedTo: pointed.has(row.id) })),
        next: seen.length < page.limit ? null : last,
      };
    },
    isPointedTo: async (id) => (await pointedTo([id], isPointed)).has(id),
    acceptedStateAt: async (workspaceId, newer) => {
      const [row] = await db
        .select({ at: states.createdAt, id: states.id })
        .from(states)
        .where(and(eq(states.workspaceId, workspaceId), isAccepted))
        .orderBy(desc(states.createdAt), desc(states.id))
        .limit(1)
        .offset(newer);
      return row ?? null;
    },
    supersededAt: async (workspaceId, { at, id }) => {
      const isLater = sql`(${states.createdAt}, ${states.id}) > (${sql.param(at, states.createdAt)}, ${sql.param(id, states.id)})`;
      const [row] = await db
        .select({ at: states.createdAt })
        .from(states)
        .where(and(eq(states.workspaceId, workspaceId), isAccepted, isLater))
        .orderBy(asc(states.createdAt), asc(states.id))
        .limit(1);
      return row?.at ?? null;
    },
  };
}

/** The same order as `newestOfRun` and `newestOfJob` have. */
function pointedToByRun({ t: { runs, states } }: QueryContext): SQL {
  const laterOfRun = sql`select 1 from ${states} as later where later.run_id = ${states.runId} and later.status <> 'quarantined'
    and (later.created_at, later.id) > (${states.createdAt}, ${states.id})`;
  const laterOfJob = sql`select 1 from ${states} as later where later.job_id = ${states.jobId}
    and (later.is_final, later.job_sequence, later.serial, later.created_at, later.id)
      > (${states.isFinal}, ${states.jobSequence}, ${states.serial}, ${states.createdAt}, ${states.id})`;
  return sql`exists (select 1 from ${runs} where ${runs.id} = ${states.runId} and (${isActive(runs.status)}
    or not exists (${laterOfRun}) or (${states.jobId} is not null and not exists (${laterOfJob}))))`;
}

type KeyPart = Pick<UpkeepQueries, "endedKeys" | "deleteKey" | "endedTokens" | "deleteToken">;

function keyQueries(context: QueryContext): KeyPart {
  const { apiKeys, tokens } = context.t;
  const ended = ({ revokedAt, expiresAt }: typeof apiKeys | typeof tokens, at: Date) =>
    or(lte(revokedAt, at), lte(expiresAt, at));
  return {
    endedKeys: (at, page) => pageById(context, { table: apiKeys, where: ended(apiKeys, at) }, page),
    deleteKey: removing(context, apiKeys),
    endedTokens: (at, page) => pageById(context, { table: tokens, where: ended(tokens, at) }, page),
    deleteToken: removing(context, tokens),
  };
}
