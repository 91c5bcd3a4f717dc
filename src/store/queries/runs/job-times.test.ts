import { expect, test } from "vitest";
import { describeOnBoth, insertBasics } from "../../../../test/support/store/queries.ts";
import { at, job, pool, run } from "../../../../test/support/store/rows.ts";
import type { JobTimes } from "../../../domain/agents/pool-history.ts";
import type { Position } from "../../ports/pages.ts";

const mine = { id: "apool_1", organizationId: "org_1" } as const;

describeOnBoth("when the jobs of a pool waited and ran", (store) => {
  const given = () =>
    store.write(async (tx) => {
      await insertBasics(tx);
      await tx.pools.insert(pool({ id: "apool_2", name: "second" }));
      for (const n of [2, 3, 4, 5, 6]) {
        const isEnded = n > 2;
        await tx.runs.insert(
          run({ id: `run_${n}`, status: isEnded ? "applied" : "planning", endedAt: isEnded ? at(100 * n) : null }),
        );
        const ended = { status: "finished", startedAt: at(n), endedAt: at(100 * n) } as const;
        await tx.jobs.insert(job({ id: `job_${n}`, runId: `run_${n}`, poolId: "apool_1", queuedAt: at(n), ...ended }));
        await tx.jobs.insert(job({ id: `job_${n}b`, runId: `run_${n}`, poolId: "apool_2", queuedAt: at(n), ...ended }));
      }
      await tx.jobs.insert(job({ id: "job_1", poolId: "apool_1", queuedAt: at(1), status: "queued" }));
    });
  const queued = (rows: readonly JobTimes[]) =>
    rows.map(({ queuedAt }) => queuedAt.getTime()).toSorted((a, b) => a - b);
  const times = (...seconds: readonly number[]) => seconds.map((one) => at(one).getTime());

  test("of runs that have not ended: those that live, and those that ended lately", async () => {
    await given();
    await store.read(async (q) => {
      expect(queued(await q.jobs.timesOfActiveRuns(mine, at(200), 9))).toEqual(times(1, 2));
      expect(queued(await q.jobs.timesOfActiveRuns(mine, at(201), 9))).toEqual(times(1));
      expect(await q.jobs.timesOfActiveRuns({ ...mine, organizationId: "org_2" }, at(0), 9)).toEqual([]);
      expect(await q.jobs.timesOfActiveRuns(mine, at(0), 1)).toHaveLength(1);
    });
  });

  test("of runs that ended since, those first that ended last, page by page", async () => {
    await given();
    await store.read(async (q) => {
      const pages: (readonly number[])[] = [];
      let before: Position | null = null;
      do {
        const page: { readonly before: Position | null; readonly limit: number } = { before, limit: 2 };
        const found = await q.jobs.timesOfEndedRuns(mine, at(400), page);
        pages.push(queued(found.times));
        before = found.next;
      } while (before !== null && pages.length < 9);
      expect(pages).toEqual([times(5, 6), times(4)]);
      const all = await q.jobs.timesOfEndedRuns(mine, at(300), { before: null, limit: 9 });
      expect(all.next).toBeNull();
      expect(all.times.find(({ queuedAt }) => queuedAt.getTime() === at(6).getTime())).toEqual({
        ...{ queuedAt: at(6), startedAt: at(6), endedAt: at(600) },
      });
    });
  });
});
