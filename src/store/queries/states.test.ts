import { expect, test } from "vitest";
import { describeOnBoth, insertBasics } from "../../../test/support/both-stores.ts";
import type { StateVersion } from "../../domain/state-version.ts";
import { at, job, run, state } from "../fixture-rows.ts";

const ids = (rows: readonly { readonly id: string }[]) => rows.map(({ id }) => id);

describeOnBoth("states", (store) => {
  const given = (...rows: readonly Partial<StateVersion>[]) =>
    store.write(async (tx) => {
      await insertBasics(tx);
      for (const row of rows) await tx.states.insert(state(row));
    });

  test("of a job that are kept aside are told the oldest first", async () => {
    const aside = { status: "quarantined" } as const;
    await given(
      { id: "sv_c", ...aside, createdAt: at(1) },
      { id: "sv_b", ...aside, createdAt: at(2) },
      { id: "sv_a", ...aside, createdAt: at(2) },
      { id: "sv_d", status: "superseded" },
      { id: "sv_e", ...aside, jobId: "job_2" },
      { id: "sv_f", ...aside, jobId: null },
    );
    await store.read(async (q) => {
      expect(await q.states.quarantinedOfJob("job_1")).toEqual([{ id: "sv_c" }, { id: "sv_a" }, { id: "sv_b" }]);
      expect(await q.states.quarantinedOfJob("job_9")).toEqual([]);
    });
  });

  test.each<[string, Partial<StateVersion>, Partial<StateVersion>]>([
    ["what came last", { createdAt: at(2) }, { createdAt: at(1) }],
    ["else the higher id, as a retention sees it", { id: "sv_z" }, { id: "sv_y" }],
  ])("the newest of a job, where nothing else tells, is %s", async (_, newest, other) => {
    const first = { id: "sv_1", ...newest } as const;
    const second = { id: "sv_2", ...other } as const;
    await given(first, second);
    expect(await store.read(async (q) => (await q.states.newestOfJob("job_1"))?.id)).toBe(first.id);
    await store.write((tx) => tx.states.delete(first.id));
    expect(await store.read(async (q) => (await q.states.newestOfJob("job_1"))?.id)).toBe(second.id);
    await store.write((tx) => tx.states.delete(second.id));
    expect(await store.read((q) => q.states.newestOfJob("job_1"))).toBeUndefined();
  });

  test("that a run needs are pointed to: all while it goes on, then the newest accepted one and those of its jobs", async () => {
    await given(
      { id: "sv_old", status: "superseded", createdAt: at(0), jobId: null },
      { id: "sv_job", status: "superseded", createdAt: at(1), jobId: "job_2" },
      { id: "sv_new", status: "current", createdAt: at(2), jobId: null },
      { id: "sv_aside", status: "quarantined", createdAt: at(3), jobId: null },
      { id: "sv_none", status: "superseded", createdAt: at(4), runId: null, jobId: null },
      { id: "sv_gone", status: "superseded", createdAt: at(5), runId: "run_gone", jobId: null },
    );
    const pointed = async () => {
      const found: string[] = [];
      for (const id of ["old", "job", "new", "aside", "none", "gone"] as const)
        if (await store.read((q) => q.upkeep.isPointedTo(`sv_${id}`))) found.push(id);
      return found;
    };
    await store.write((tx) => tx.jobs.insert(job({ id: "job_2" })));
    expect(await pointed()).toEqual(["old", "job", "new", "aside"]);
    await store.write((tx) => tx.runs.save(run({ status: "applied" })));
    expect(await pointed()).toEqual(["job", "new", "aside"]);
    await store.write((tx) => tx.upkeep.deleteRun("run_1"));
    expect(await pointed()).toEqual([]);
  });

  test("are deleted alone, and leave what repeats them", async () => {
    await given({ id: "sv_1" }, { id: "sv_2", rollbackOf: "sv_1" });
    await store.write((tx) => tx.states.delete("sv_1"));
    await store.read(async (q) => {
      const page = { before: null, limit: 9 };
      expect(ids(await q.states.list("ws_1", { isQuarantined: false }, page))).toEqual(["sv_2"]);
      expect(await q.states.get("sv_2")).toStrictEqual(state({ id: "sv_2", rollbackOf: "sv_1" }));
    });
  });
});
