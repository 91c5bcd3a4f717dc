import type { JobStatus } from "../../../domain/runs/job.ts";
import { and, eq, gte, lt, sql } from "../../drizzle/orm.ts";
import { slotsOf } from "../../engine/boundary.ts";
import { asParameter } from "../../engine/dialect.ts";
import { prepared } from "../../engine/prepared.ts";
import type { Queries } from "../../ports/store.ts";
import { isClaimed } from "../../tables/conditions.ts";
import type { QueryContext } from "../context.ts";

type Writes = Pick<Queries["jobs"], "saveIf" | "renew" | "extendAll" | "capAll">;

/** The writes of a job that decide by their own WHERE, so that they are safe in `step`. */
export function compareAndSet({ db, t: { jobs }, dialect }: QueryContext): Writes {
  const saveIf = prepared<Record<string, unknown> & { ifEpoch: number; ifStatus: JobStatus }>()((slot) =>
    db
      .update(jobs)
      .set(slotsOf(jobs))
      .where(
        and(
          eq(jobs.id, sql.placeholder("id")),
          eq(jobs.epoch, slot("ifEpoch", jobs.epoch)),
          eq(jobs.status, slot("ifStatus", jobs.status)),
        ),
      )
      .returning({ id: jobs.id }),
  );
  const columns = { jobId: jobs.id, epoch: jobs.epoch, until: jobs.leaseUntil };
  const renew = prepared<{ rows: string }>()(() =>
    db
      .update(jobs)
      .set({ leaseUntil: sql`given.until` })
      .from(dialect.given(sql`${sql.placeholder("rows")}`, columns))
      .where(
        and(
          sql`${jobs.id} = given."jobId"`,
          sql`${jobs.epoch} = given.epoch`,
          isClaimed(jobs.status),
          sql`${jobs.leaseUntil} < given.until`,
        ),
      )
      .returning({ id: jobs.id }),
  );
  return {
    saveIf: async (row, expected) =>
      (await saveIf({ ...row, ifEpoch: expected.epoch, ifStatus: expected.status })).length === 1,
    renew: async (renewals) => {
      if (renewals.length > 0) await renew({ rows: asParameter(renewals, columns) });
    },
    extendAll: async (until) => {
      const extended = await db
        .update(jobs)
        .set({ leaseUntil: until })
        .where(and(isClaimed(jobs.status), lt(jobs.leaseUntil, until)))
        .returning({ id: jobs.id });
      return extended.length;
    },
    capAll: async (until) => {
      await db
        .update(jobs)
        .set({ leaseUntil: until })
        .where(and(isClaimed(jobs.status), gte(jobs.leaseUntil, until)));
    },
  };
}
