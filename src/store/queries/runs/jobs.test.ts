import fc from "fast-check";
import { expect, test } from "vitest";
import { describeOnBoth, insertBasics } from "../../../../test/support/store/queries.ts";
import { at, job, pool, run, workspace } from "../../../../test/support/store/rows.ts";
import type { Job, JobStatus } from "../../../domain/runs/job.ts";
import type { PoolId } from "../../../lib/words/ids.ts";

const ids = (rows: readonly { readonly id: string }[]) => rows.map(({ id }) => id);
const statuses: readonly JobStatus[] = ["queued", "offered", "started", "finished", "errored", "canceled"];
const pools: readonly (PoolId | null)[] = ["apool_1", "apool_2", null];

const inOrder = (a: Job, b: Job): number =>
  a.rank - b.rank || a.urgency - b.urgency || a.queuedAt.getTime() - b.queuedAt.getTime() || (a.id < b.id ? -1 : 1);

describeOnBoth("the queue of jobs", (store) => {
  const fields = {
    ...{ status: fc.constantFrom(...statuses), poolId: fc.constantFrom(...pools), rank: fc.nat({ max: 2 }) },
    ...{ urgency: fc.constantFrom(0 as const, 1 as const, 2 as const), queuedAt: fc.nat({ max: 3 }).map(at) },
    workspaceId: fc.constantFrom("ws_1" as const, "ws_2" as const),
  };
  const rows: readonly Job[] = fc
    .sample(fc.record(fields), { numRuns: 120, seed: 3 })
    .map((row, n) => job({ ...row, id: `job_${n}` }));
  const queued = (poolId: PoolId | null) =>
    rows.filter((row) => row.status === "queued" && row.poolId === poolId).toSorted(inOrder);
  const given = () =>
    store.write(async (tx) => {
      await insertBasics(tx);
      await tx.pools.insert(pool({ id: "apool_2", name: "second" }));
      await tx.workspaces.insert(workspace({ id: "ws_2", name: "dns" }));
      for (const row of rows) await tx.jobs.insert(row);
    });

  test("of each pool and of each workspace is in one order, page by page", async () => {
    await given();
    await store.read(async (q) => {
      for (const poolId of [...new Set(rows.flatMap((row) => row.poolId ?? []))]) {
        const found: Job[] = [];
        for (let after: Job | null = null; ; after = found.at(-1) ?? null) {
          const page = await q.jobs.queuedOfPool(poolId, { after, limit: 4 });
          if (page.length === 0) break;
          found.push(...page);
        }
        expect(found).toEqual(queued(poolId));
      }
      for (const id of ["ws_1", "ws_2"] as const) {
        const wanted = rows.filter((row) => row.status === "queued" && row.workspaceId === id).toSorted(inOrder);
        expect(ids(await q.jobs.queuedOfWorkspace(id))).toEqual(ids(wanted));
      }
    });
  });

  test("says how many are ahead of each, one by one and all at once; who does not wait has no place", async () => {
    await given();
    await store.read(async (q) => {
      const places = await q.jobs.jobsAhead(rows.map(({ id }) => id));
      for (const poolId of pools) {
        for (const [ahead, row] of queued(poolId).entries()) {
          expect(places.get(row.id)).toBe(ahead);
          expect(await q.jobs.jobsAhead([row.id])).toEqual(new Map([[row.id, ahead]]));
        }
      }
      expect(places.size).toBe(rows.filter(({ status }) => status === "queued").length);
      expect(await q.jobs.jobsAhead([])).toEqual(new Map());
    });
  });

  test("offers of each pool the first ones, as many as are asked for", async () => {
    await given();
    await store.read(async (q) => {
      for (const poolId of pools) {
        const found = await q.jobs.candidates([poolId], { each: 999, limit: 999 });
        expect(ids(found)).toEqual(ids(queued(poolId)));
      }
      const some = await q.jobs.candidates(pools, { each: 2, limit: 99 });
      expect(pools.map((poolId) => some.filter((row) => row.poolId === poolId).length)).toEqual([2, 2, 2]);
      expect(some).toEqual(some.toSorted(inOrder));
    });
  });

  test("tells who is at work: of a pool the newest first, of an organization how many", async () => {
    await given();
    const isClaimed = ({ status }: Job) => status === "offered" || status === "started";
    await store.read(async (q) => {
      const wanted = rows
        .filter((row) => isClaimed(row) && row.poolId === "apool_2")
        .toSorted((a, b) => b.queuedAt.getTime() - a.queuedAt.getTime() || (a.id < b.id ? 1 : -1));
      expect(ids(await q.jobs.heldInPool("apool_2", 99))).toEqual(ids(wanted));
      expect(ids(await q.jobs.heldInPool("apool_2", 2))).toEqual(ids(wanted.slice(0, 2)));
      const count = rows.filter(isClaimed).length;
      expect(await q.jobs.runningByOrganization()).toEqual([{ organizationId: "org_1", count }]);
    });
  });
});

describeOnBoth("the jobs of a run", (store) => {
  test("are its plans, then its applies, each in the order in which they were queued", async () => {
    await store.write(async (tx) => {
      await insertBasics(tx);
      await tx.runs.insert(run({ id: "run_2" }));
      const plan = { phase: "plan" } as const;
      const apply = { phase: "apply" } as const;
      await tx.jobs.insert(job({ id: "job_1", ...apply, queuedAt: at(5) }));
      await tx.jobs.insert(job({ id: "job_2", ...apply, queuedAt: at(3) }));
      await tx.jobs.insert(job({ id: "job_3", ...plan, queuedAt: at(9) }));
      await tx.jobs.insert(job({ id: "job_4", ...apply, queuedAt: at(3), epoch: 2 }));
      await tx.jobs.insert(job({ id: "job_5", runId: "run_2" }));
    });
    const order = ["job_3", "job_2", "job_4", "job_1"];
    await store.read(async (q) => {
      expect(ids(await q.jobs.ofRun("run_1"))).toEqual(order);
      expect(ids(await q.jobs.ofRuns(["run_2", "run_1"]))).toEqual([...order, "job_5"]);
    });
  });
});
