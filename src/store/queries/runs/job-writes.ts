import { and, eq, gte, lt, sql } from "../../drizzle/orm.ts";
import { asParameter } from "../../engine/dialect.ts";
import { prepared } from "../../engine/prepared.ts";
import type { Queries } from "../../ports/store.ts";
import { isClaimed } from "../../tables/conditions.ts";
import type { QueryContext } from "../context.ts";
import { savingChanges } from "../rows.ts";

type Writes = Pick<Queries["jobs"], "saveIf" | "renew" | "extendAll" | "capAll">;

/** The writes of a job that decide by their own WHERE, so that they are safe in `step`. */
export function compareAndSet(context: QueryContext): Writes {
  const {
    db,
    t: { jobs },
    dialect,
  } = context;
  const saveIf = savingChanges(context, jobs, (slots) =>
    db
      .update(jobs)
      .set(slots)
      .where(
        and(
          eq(jobs.id, sql.placeholder("id")),
          sql`${jobs.epoch} = ${sql.param(sql.placeholder("ifEpoch"), jobs.epoch)}`,
          sql`${jobs.status} = ${sql.param(sql.placeholder("ifStatus"), jobs.status)}`,
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
    saveIf: async (row, { epoch, status, read }) =>
      (await saveIf(row, { ifEpoch: epoch, ifStatus: status }, read)).length === 1,
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
