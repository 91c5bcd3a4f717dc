import type { PoolId } from "../../lib/ids.ts";
import { asParameter } from "../dialect.ts";
import { and, asc, or, sql } from "../drizzle/orm.ts";
import type { Queries } from "../ports.ts";
import { prepared } from "../prepared.ts";
import { isNull, isQueued } from "../tables/conditions.ts";
import type { QueryContext } from "./context.ts";

interface Params extends Record<string, unknown> {
  readonly pools: string;
  readonly each: number;
  readonly limit: number;
}

/**
 * The jobs that a dispatch looks at. They are numbered twice: within their workspace and rank, so that a workspace with
 * many takes one place at a time, and by that within their organization and pool, so that each gets a share.
 */
export function jobCandidates({ db, t: { jobs }, dialect }: QueryContext): Pick<Queries["jobs"], "candidates"> {
  const columns = { id: jobs.poolId };
  const ofPools = sql`${jobs.poolId} in (select id from ${dialect.given(sql`${sql.placeholder("pools")}`, columns)})`;
  const shared = (name: string, withServerAgent: boolean) =>
    prepared<Params>()(name, () => {
      const open = and(isQueued(jobs.status), withServerAgent ? or(ofPools, isNull(jobs.poolId)) : ofPools);
      const turns = sql`
        select ${jobs.id} as id, ${jobs.poolId} as pool_id, ${jobs.organizationId} as organization_id, ${jobs.rank} as rank,
          ${jobs.urgency} as urgency, ${jobs.queuedAt} as queued_at,
          row_number() over (partition by ${jobs.poolId}, ${jobs.workspaceId}, ${jobs.rank}
            order by ${jobs.urgency}, ${jobs.queuedAt}, ${jobs.id}) as turn
        from ${jobs} where ${open}`;
      const shares = sql`
        select id, rank, urgency, queued_at,
          row_number() over (partition by pool_id, organization_id order by rank, turn, urgency, queued_at, id) as share
        from (${turns}) as turns`;
      const chosen = sql`
        select id from (${shares}) as shares where share <= ${sql.placeholder("each")}
        order by share, rank, urgency, queued_at, id limit ${sql.placeholder("limit")}`;
      return db
        .select()
        .from(jobs)
        .where(sql`${jobs.id} in (${chosen})`)
        .orderBy(asc(jobs.rank), asc(jobs.urgency), asc(jobs.queuedAt), asc(jobs.id));
    });
  const ofPoolsOnly = shared("job_candidates", false);
  const withServerAgent = shared("job_candidates_server", true);
  return {
    candidates: (pools, { each, limit }) => {
      const named = pools.filter((id): id is PoolId => id !== null).map((id) => ({ id }));
      const params = { pools: asParameter(named, columns), each, limit };
      return pools.includes(null) ? withServerAgent(params) : ofPoolsOnly(params);
    },
  };
}
