import { and, desc, eq, gte, isNull, or } from "../../drizzle/orm.ts";
import type { Queries } from "../../ports/store.ts";
import { isActive } from "../../tables/conditions.ts";
import type { QueryContext } from "../context.ts";
import { beforeInstant } from "../pages.ts";

type TimesOfPool = Pick<Queries["jobs"], "timesOfActiveRuns" | "timesOfEndedRuns">;

/** When the jobs of a pool waited and ran: found by their runs, of which indexes tell when they ended. */
export function jobTimes({ db, t: { jobs, runs } }: QueryContext): TimesOfPool {
  const times = { queuedAt: jobs.queuedAt, startedAt: jobs.startedAt, endedAt: jobs.endedAt };
  return {
    timesOfActiveRuns: ({ id, organizationId }, since, limit) =>
      db
        .select(times)
        .from(runs)
        .innerJoin(jobs, eq(jobs.runId, runs.id))
        .where(
          and(
            ...[eq(runs.organizationId, organizationId), isActive(runs.status), eq(jobs.poolId, id)],
            or(isNull(jobs.endedAt), gte(jobs.endedAt, since)),
          ),
        )
        .limit(limit),
    timesOfEndedRuns: async ({ id }, since, { before, limit }) => {
      const ended = db
        .select({ id: runs.id, at: runs.endedAt })
        .from(runs)
        .where(and(gte(runs.endedAt, since), beforeInstant(runs.endedAt, runs.id, { before })))
        .orderBy(desc(runs.endedAt), desc(runs.id))
        .limit(limit);
      const [last] = (await ended).slice(limit - 1);
      const some = ended.as("ended");
      const found = await db
        .select(times)
        .from(some)
        .innerJoin(jobs, and(eq(jobs.runId, some.id), eq(jobs.poolId, id)));
      return { times: found, next: last === undefined || last.at === null ? null : { at: last.at, id: last.id } };
    },
  };
}
