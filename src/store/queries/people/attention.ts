import type { SQL } from "drizzle-orm";
import type { AnyPgColumn } from "drizzle-orm/pg-core";
import { and, asc, eq, exists, gt, inArray, lte, not, or, sql } from "../../drizzle/orm.ts";
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

/** Ids beyond those that are wanted are read for the count alone. */
async function few<T>(
  { limit }: AttentionScope,
  ids: (most: number) => Promise<readonly { readonly id: string }[]>,
  rows: (limit: number) => Promise<readonly T[]>,
): Promise<Few<T>> {
  const found = limit === 0 ? [] : await rows(limit);
  if (limit > 0 && found.length < limit) return { rows: found, count: found.length };
  return { rows: found, count: (await ids(maxCounted)).length };
}

const placeOf = ({ organizationId, runId }: Held): SQL => sql`(${organizationId}, ${runId})`;

const within = (column: AnyPgColumn, { organizationId }: AttentionScope): SQL | undefined =>
  organizationId === null ? undefined : eq(column, organizationId);

type RunPart = Pick<AttentionQueries, "plannedRuns" | "heldAfter" | "heldByEndedRuns" | "quarantinedStates">;

function runAttention({ db, t: { runs, workspaces, states } }: QueryContext): RunPart {
  const held = (scope: AttentionScope) => and(within(workspaces.organizationId, scope), isSet(workspaces.lockRunId));
  const place = sql`(${workspaces.organizationId}, ${workspaces.lockRunId})`;
  return {
    plannedRuns: (scope) => {
      const wanted = and(within(runs.organizationId, scope), isPlanned(runs.status));
      const ids = (most: number) => db.select({ id: runs.id }).from(runs).where(wanted).limit(most);
      return few(scope, ids, (limit) =>
        db.select().from(runs).where(wanted).orderBy(asc(runs.statusAt), asc(runs.id)).limit(limit),
      );
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
      const wanted = and(inArray(runs.id, part), isUndecided(runs.status), not(isPlanned(runs.status)));
      const ids = (most: number) => db.select({ id: runs.id }).from(runs).where(wanted).limit(most);
      return few(scope, ids, (limit) => db.select().from(runs).where(wanted).orderBy(asc(runs.id)).limit(limit));
    },
    quarantinedStates: (scope) => {
      const wanted = and(within(states.organizationId, scope), isQuarantined(states.status));
      const ids = (most: number) => db.select({ id: states.id }).from(states).where(wanted).limit(most);
      return few(scope, ids, (limit) =>
        db.select().from(states).where(wanted).orderBy(asc(states.createdAt), asc(states.id)).limit(limit),
      );
    },
  };
}

type AgentPart = Pick<AttentionQueries, "poolsWithoutAgents" | "pausedPools" | "warnedAgents">;

function agentAttention({ db, t: { agents, jobs, pools, workspaces } }: QueryContext): AgentPart {
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
    const wanted = and(within(pools.organizationId, scope), ...conditions, isWanted);
    const ids = (most: number) => db.select({ id: pools.id }).from(pools).where(wanted).limit(most);
    return few(scope, ids, (limit) =>
      db.select().from(pools).where(wanted).orderBy(asc(pools.name), asc(pools.id)).limit(limit),
    );
  };
  return {
    poolsWithoutAgents: (scope) => wantedPools(scope, not(exists(here))),
    pausedPools: (scope) => wantedPools(scope, exists(here), not(exists(taking))),
    warnedAgents: (scope) => {
      const wanted = and(within(agents.organizationId, scope), isSaid(agents.warning), isConnected(agents.status));
      const ids = (most: number) => db.select({ id: agents.id }).from(agents).where(wanted).limit(most);
      return few(scope, ids, (limit) =>
        db.select().from(agents).where(wanted).orderBy(asc(agents.name), asc(agents.id)).limit(limit),
      );
    },
  };
}

type EndingPart = Pick<AttentionQueries, "endingTokens" | "endingKeys">;

function endings({ db, t: { tokens, apiKeys } }: QueryContext): EndingPart {
  const ends = (column: AnyPgColumn<{ data: Date }>, { after, until }: Period) =>
    and(gt(column, after), lte(column, until));
  return {
    endingTokens: (scope, period) => {
      const { organizationId, expiresAt, revokedAt, replacedBy, id } = tokens;
      const lasting = willEnd(expiresAt, revokedAt, replacedBy);
      const wanted = and(within(organizationId, scope), lasting, ends(expiresAt, period));
      const ids = (most: number) => db.select({ id }).from(tokens).where(wanted).limit(most);
      return few(scope, ids, (limit) =>
        db.select().from(tokens).where(wanted).orderBy(asc(expiresAt), asc(id)).limit(limit),
      );
    },
    endingKeys: (scope, period) => {
      const { organizationId, expiresAt, revokedAt, replacedBy, id } = apiKeys;
      const lasting = willEnd(expiresAt, revokedAt, replacedBy);
      const wanted = and(within(organizationId, scope), lasting, ends(expiresAt, period));
      const ids = (most: number) => db.select({ id }).from(apiKeys).where(wanted).limit(most);
      return few(scope, ids, (limit) =>
        db.select().from(apiKeys).where(wanted).orderBy(asc(expiresAt), asc(id)).limit(limit),
      );
    },
  };
}
