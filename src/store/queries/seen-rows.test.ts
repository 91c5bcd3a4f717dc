import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { testEngines } from "../../../test/engines.ts";
import { at, claimedJob, configuration, job, organization, run, workspace } from "../../../test/support/store/rows.ts";
import { openStore } from "../open.ts";
import type { Store } from "../ports/store.ts";

describe.each(testEngines)("rows that a transaction has read, on $name", (engine) => {
  let held: AsyncDisposableStack;
  let store: Store;

  beforeEach(async () => {
    held = new AsyncDisposableStack();
    store = held.use(await openStore({ url: (await engine.urls(held)).rows }));
    await store.write(async (tx) => {
      await tx.organizations.insert(organization());
      await tx.workspaces.insert(workspace({ poolId: null, executionMode: "remote" }));
      await tx.configurations.insert(configuration());
      await tx.runs.insert(run());
      await tx.jobs.insert(job({ poolId: null }));
    });
  });
  afterEach(() => held.disposeAsync());

  test("are the same when they are asked for again", async () => {
    const [first, second] = await store.read(async (q) => [await q.runs.get("run_1"), await q.runs.get("run_1")]);
    expect(first).toStrictEqual(run());
    expect(second).toBe(first);
  });

  test.each(["run_1", "ws_1"])(
    "are read anew once the transaction has written them, by what it does about %s",
    async (about) => {
      const saved = await store.write(async (tx) => {
        const before = await tx.runs.get("run_1");
        await tx.runs.save({ ...run(), message: "new", statusAt: at(77) });
        return [before?.message, await tx.runs.get("run_1")];
      }, about);
      expect(saved).toStrictEqual([run().message, { ...run(), message: "new", statusAt: at(77) }]);
      expect(await store.read((q) => q.runs.get("run_1"))).toStrictEqual(saved[1]);
    },
  );

  test("are read anew behind a write that nobody has waited for", async () => {
    const found = await store.write(async (tx) => {
      await tx.jobs.get("job_1");
      const saving = tx.jobs.save({ ...job({ poolId: null }), rank: 7 });
      const read = await tx.jobs.get("job_1");
      await saving;
      return [read?.rank, (await tx.jobs.get("job_1"))?.rank];
    }, "job_1");
    expect(found).toEqual([7, 7]);
  });

  test("are gone with what they belong to", async () => {
    const found = await store.write(async (tx) => {
      await tx.runs.get("run_1");
      await tx.jobs.get("job_1");
      await tx.workspaces.delete("ws_1");
      return [await tx.runs.get("run_1"), await tx.jobs.get("job_1")];
    });
    expect(found).toEqual([undefined, undefined]);
  });

  test("of a write that came to nothing are not those of the next", async () => {
    const given = store.write(async (tx) => {
      await tx.runs.save({ ...run(), message: "never" });
      await tx.runs.get("run_1");
      throw new Error("changed my mind");
    }, "run_1");
    await expect(given).rejects.toThrow("changed my mind");
    expect(await store.write((tx) => tx.runs.get("run_1"), "run_1")).toStrictEqual(run());
  });

  test("are what a claim is made of: what others have changed of the job meanwhile stays", async () => {
    const read = await store.read((q) => q.jobs.get("job_1"));
    if (read === undefined) throw new Error("a job was expected");
    await store.write((tx) => tx.jobs.save({ ...read, urgency: 0, rank: 9 }), "job_1");
    const claim = { ...claimedJob({ poolId: null }), urgency: read.urgency, rank: read.rank };
    expect(await store.step((tx) => tx.jobs.saveIf(claim, { epoch: 0, status: "queued", read }))).toBe(true);
    expect(await store.read((q) => q.jobs.get("job_1"))).toStrictEqual({ ...claim, urgency: 0, rank: 9 });
  });

  test("say nothing of other rows: one that is not there cannot be saved", async () => {
    await expect(store.write((tx) => tx.runs.save(run({ id: "run_9" })))).rejects.toMatchObject({ code: "not_found" });
  });

  test("runs that have ended are told newest first, a page at a time", async () => {
    const ended = [3, 2, 1].map((second) =>
      run({ id: `run_e${second}`, status: "applied", createdAt: at(second), endedAt: at(second) }),
    );
    await store.write(async (tx) => {
      for (const row of ended) await tx.runs.insert(row);
    });
    const [first, rest] = await store.read(async (q) => [
      await q.runs.ended("ws_1", { before: null, limit: 1 }),
      await q.runs.ended("ws_1", { before: { at: at(3), id: "run_e3" }, limit: 5 }),
    ]);
    const {
      id,
      status,
      createdAt,
      endedAt,
      options,
      hasChanges,
      appliedChanges,
      resourcesInFlight,
      lost,
      errorMessage,
    } = ended[0] ?? run();
    expect(first).toStrictEqual([
      { id, status, createdAt, endedAt, options, hasChanges, appliedChanges, errorMessage, resourcesInFlight, lost },
    ]);
    expect(rest?.map((one) => one.id)).toEqual(["run_e2", "run_e1"]);
  });
});
