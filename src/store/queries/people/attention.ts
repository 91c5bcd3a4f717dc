import type { SQL } from "drizzle-orm";
import type { AnyPgColumn } from "drizzle-orm/pg-core";
import { and, asc, eq, exists, gt, inArray, lte, not, or, sql } from "../../drizzle/orm.ts";
import { rowsOf, type TableWithId } from "../../engine/boundary.ts";
import type { AttentionQueries, AttentionScope, Few, Held, Period } from "../../ports/attention.ts";
import {
  isConnected,
  isPlanned,
  isQuarantined,
  isQueued,
  isSaid,
  isSet,
  isUndecided,
  willEnd,
} from "../../tables/conditions.ts";
import type { QueryContext } from "../context.ts";

/** Nobody needs to know more exactly: counting stops here. */
const maxCounted = 1_000;

/** What needs a person: by partial indexes, so that it costs as much as there is of it. */
export function attentionQueries(context: QueryContext): AttentionQueries {
  return { ...runAttention(context), ...agentAttention(context), ...endings(context) };
}

/** Rows of a table that need a person, in an order. */
interface Wanted<T extends TableWithId> {
  readonly table: T;
  readonly where: SQL | undefined;
  readonly order: readonly AnyPgColumn[];
}

/** The first of them, and how many there are: ids beyond those that are wanted are read for the count alone. */
async function few<T extends TableWithId>(
  { db }: QueryContext,
  { limit }: AttentionScope,
  { table, where, order }: Wanted<T>,
): Promise<Few<T["$inferSelect"]>> {
  const found = db
    .select()
    .from(table as TableWithId)
    .where(where)
    .orderBy(...order.map((column) => asc(column)));
  const rows = limit === 0 ? [] : rowsOf<T>(await found.limit(limit));
  if (limit > 0 && rows.length < limit) return { rows, count: rows.length };
  const ids = db
    .select({ id: table.id })
    .from(table as TableWithId)
    .where(where);
  return { rows, count: (await ids.limit(maxCounted)).length };
}

const placeOf = ({ organizationId, runId }: Held): SQL => sql`(${organizationId}, ${runId})`;

const within = (column: AnyPgColumn, { organizationId }: AttentionScope): SQL | undefined =>
  organizationId === null ? undefined : eq(column, organizationId);

type RunPart = Pick<AttentionQueries, "plannedRuns" | "heldAfter" | "heldByEndedRuns" | "quarantinedStates">;

function runAttention(context: QueryContext): RunPart {
  const {
    db,
    t: { runs, workspaces, states },
  } = context;
  const held = (scope: AttentionScope) => and(within(workspaces.organizationId, scope), isSet(workspaces.lockRunId));
  const place = sql`(${workspaces.organizationId}, ${workspaces.lockRunId})`;
  return {
    plannedRuns: (scope) => {
      const where = and(within(runs.organizationId, scope), isPlanned(runs.status));
      return few(context, scope, { table: runs, where, order: [runs.statusAt, runs.id] });
    },
    heldAfter: async (scope, { from, rows }) => {
      const [row] = await db
        .select({ organizationId: workspaces.organizationId, runId: workspaces.lockRunId })
        .from(workspaces)
        .where(and(held(scope), from === null ? undefined : sql`${place} > ${placeOf(from)}`))
        .orderBy(asc(workspaces.organizationId), asc(workspaces.lockRunId))
        .limit(1)
        .offset(rows - 1);
      return row === undefined || row.runId === null ? null : { ...row, runId: row.runId };
    },
    heldByEndedRuns: (scope, { from, to }) => {
      const part = db
        .select({ id: workspaces.lockRunId })
        .from(workspaces)
        .where(
          and(
            held(scope),
            from === null ? undefined : sql`${place} > ${placeOf(from)}`,
            to === null ? undefined : sql`${place} <= ${placeOf(to)}`,
          ),
        );
      const where = and(inArray(runs.id, part), isUndecided(runs.status), not(isPlanned(runs.status)));
      return few(context, scope, { table: runs, where, order: [runs.id] });
    },
    quarantinedStates: (scope) => {
      const where = and(within(states.organizationId, scope), isQuarantined(states.status));
      return few(context, scope, { table: states, where, order: [states.createdAt, states.id] });
    },
  };
}

type AgentPart = Pick<AttentionQueries, "poolsWithoutAgents" | "pausedPools" | "warnedAgents">;

function agentAttention(context: QueryContext): AgentPart {
  const {
    db,
    t: { agents, jobs, pools, workspaces },
  } = context;
  const isHere = and(eq(agents.poolId, pools.id), inArray(agents.status, ["idle", "busy"]));
  const here = db.select({ one: sql`1` }).from(agents).where(isHere);
  const taking = db
    .select({ one: sql`1` })
    .from(agents)
    .where(and(isHere, eq(agents.isPaused, false), eq(agents.isDraining, false)));
  const assigned = db.select({ one: sql`1` }).from(workspaces).where(eq(workspaces.poolId, pools.id));
  const waiting = db
    .select({ one: sql`1` })
    .from(jobs)
    .where(and(isQueued(jobs.status), eq(jobs.poolId, pools.id)));
  const wantedPools = (scope: AttentionScope, ...conditions: readonly SQL[]) => {
    const isWanted = or(exists(assigned), exists(waiting));
    const where = and(within(pools.organizationId, scope), ...conditions, isWanted);
    return few(context, scope, { table: pools, where, order: [pools.name, pools.id] });
  };
  return {
    poolsWithoutAgents: (scope) => wantedPools(scope, not(exists(here))),
    pausedPools: (scope) => wantedPools(scope, exists(here), not(exists(taking))),
    warnedAgents: (scope) => {
      const where = and(within(agents.organizationId, scope), isSaid(agents.warning), isConnected(agents.status));
      return few(context, scope, { table: agents, where, order: [agents.name, agents.id] });
    },
  };
}

type EndingPart = Pick<AttentionQueries, "endingTokens" | "endingKeys">;

function endings(context: QueryContext): EndingPart {
  const { tokens, apiKeys } = context.t;
  const ending = <T extends typeof tokens | typeof apiKeys>(table: T, scope: AttentionScope, period: Period) => {
    const { organizationId, expiresAt, revokedAt, replacedBy, id } = table;
    const isDue = and(gt(expiresAt, period.after), lte(expiresAt, period.until));
    const where = and(within(organizationId, scope), willEnd(expiresAt, revokedAt, replacedBy), isDue);
    return few(context, scope, { table, where, order: [expiresAt, id] });
  };
  return {
    endingTokens: (scope, period) => ending(tokens, scope, period),
    endingKeys: (scope, period) => ending(apiKeys, scope, period),
  };
}
