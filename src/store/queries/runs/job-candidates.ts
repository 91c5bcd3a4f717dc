import type { SQL } from "drizzle-orm";
import type { Job } from "../../../domain/runs/job.ts";
import type { PoolId } from "../../../lib/words/ids.ts";
import { and, asc, eq, sql } from "../../drizzle/orm.ts";
import type { Queries } from "../../ports/store.ts";
import { isNull, isQueued } from "../../tables/conditions.ts";
import type { QueryContext } from "../context.ts";

/** Of one organization in one pool so many are numbered at least, however many pools there are. */
const fewestNumbered = 50;
/** And at most so many for each that is wanted of it. */
const numberedForEach = 8;
/** Engines take so many queries in a union. */
const maxTogether = 200;

/**
 * The jobs that a dispatch looks at. Of each organization in each pool the first ones are read by an index, so that a look
 * costs the same however long the queues are. These are numbered twice: within their workspace, rank and urgency, so that a workspace
 * with many takes one place at a time, and by that within their organization and pool, so that each gets a share.
 */
export function jobCandidates(context: QueryContext): Pick<Queries["jobs"], "candidates"> {
  const {
    db,
    t: { jobs },
  } = context;
  return {
    candidates: async (pools, { each, limit }) => {
      const queues = await queuesOf(context, pools);
      const numbered = Math.max(
        fewestNumbered,
        Math.min(numberedForEach * each, Math.ceil((2 * limit) / queues.length)),
      );
      const found: Job[] = [];
      for (let from = 0; from < queues.length; from += maxTogether) {
        const open = queues.slice(from, from + maxTogether).map((queue) => firstOf(context, queue, numbered));
        const chosen = chosenOf(sql.join(open, sql` union all `), { each, limit });
        const rows = await db
          .select()
          .from(jobs)
          .where(sql`${jobs.id} in (${chosen})`)
          .orderBy(asc(jobs.rank), asc(jobs.urgency), asc(jobs.queuedAt), asc(jobs.id));
        found.push(...rows);
      }
      return found;
    },
  };
}

/** What the jobs of one organization in one pool have in common: its pool, or none for the server agent. */
async function queuesOf(
  { db, t: { jobs, pools } }: QueryContext,
  wanted: readonly (PoolId | null)[],
): Promise<readonly SQL[]> {
  const named = wanted.filter((id): id is PoolId => id !== null);
  const queues = named.map(
    (id) =>
      sql`${eq(jobs.poolId, id)} and ${jobs.organizationId} = (select ${pools.organizationId} from ${pools} where ${eq(pools.id, id)})`,
  );
  if (!wanted.includes(null)) return queues;
  const waiting = await db
    .selectDistinct({ id: jobs.organizationId })
    .from(jobs)
    .where(and(isQueued(jobs.status), isNull(jobs.poolId)));
  return [...queues, ...waiting.map(({ id }) => sql`${isNull(jobs.poolId)} and ${eq(jobs.organizationId, id)}`)];
}

function firstOf({ t: { jobs } }: QueryContext, queue: SQL, limit: number): SQL {
  return sql`select * from (
    select ${jobs.id} as id, ${jobs.poolId} as pool_id, ${jobs.organizationId} as organization_id,
      ${jobs.workspaceId} as workspace_id, ${jobs.rank} as rank, ${jobs.urgency} as urgency, ${jobs.queuedAt} as queued_at
    from ${jobs} where ${isQueued(jobs.status)} and ${queue}
    order by ${jobs.rank}, ${jobs.urgency}, ${jobs.queuedAt}, ${jobs.id} limit ${limit}) as queue`;
}

const chosenOf = (open: SQL, { each, limit }: { readonly each: number; readonly limit: number }): SQL => sql`
  select id from (
    select id, rank, urgency, queued_at,
      row_number() over (partition by pool_id, organization_id order by rank, urgency, turn, queued_at, id) as share
    from (
      select id, pool_id, organization_id, rank, urgency, queued_at,
        row_number() over (partition by pool_id, workspace_id, rank, urgency order by queued_at, id) as turn
      from (${open}) as open
    ) as turns
  ) as shares where share <= ${each} order by share, rank, urgency, queued_at, id limit ${limit}`;
