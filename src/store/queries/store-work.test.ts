import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { testEngines } from "../../../test/engines.ts";
import { aRun, ids, newest } from "../../../test/support/store/given.ts";
import {
  apiKey,
  at,
  claimedJob,
  configuration,
  job,
  organization,
  run,
  state,
  variable,
} from "../../../test/support/store/rows.ts";
import type { Job } from "../../domain/runs/job.ts";
import { openStore } from "../open.ts";
import type { Queries, Store } from "../ports/store.ts";

describe.each(testEngines)("the store of workspaces and their work on $name", (engine) => {
  let held: AsyncDisposableStack;
  let store: Store;

  beforeEach(async () => {
    held = new AsyncDisposableStack();
    store = held.use(await openStore({ url: (await engine.urls(held)).rows }));
  });
  afterEach(() => held.disposeAsync());

  const given = (fill: (tx: Queries) => Promise<void>) => store.write(fill);

  test("a workspace takes what it owns with it", async () => {
    await given(async (tx) => {
      await aRun(tx);
      await tx.variables.insert(variable());
      await tx.jobs.insert(job());
      await tx.states.insert(state());
      await tx.workspaces.delete("ws_1");
    });
    await store.read(async (q) => {
      expect(await q.variables.all("ws_1")).toEqual([]);
      expect(await q.configurations.get("cv_1")).toBeUndefined();
      expect(await q.runs.get("run_1")).toBeUndefined();
      expect(await q.jobs.get("job_1")).toBeUndefined();
      expect(await q.states.get("sv_1")).toBeUndefined();
    });
  });

  test("a variable is unique by key and category, and says if it was there to delete", async () => {
    await given(async (tx) => {
      await aRun(tx);
      await tx.variables.insert(variable());
      await tx.variables.insert(variable({ id: "var_2", category: "env" }));
    });
    const second = store.write((tx) => tx.variables.insert(variable({ id: "var_3" })));
    await expect(second).rejects.toMatchObject({ code: "name_taken" });
    const deleted = await store.write(async (tx) => [
      await tx.variables.delete("ws_1", "env", "region"),
      await tx.variables.delete("ws_1", "env", "region"),
    ]);
    expect(deleted).toEqual([true, false]);
  });

  test("configurations are listed newest first", async () => {
    await given(async (tx) => {
      await aRun(tx);
      await tx.configurations.insert(configuration({ id: "cv_2", createdAt: at(2) }));
    });
    expect(ids(await store.read((q) => q.configurations.list("ws_1", newest)))).toEqual(["cv_2", "cv_1"]);
    const { rows, total } = await store.read((q) => q.configurations.slice("ws_1", { offset: 1, limit: 5 }));
    expect([ids(rows), total]).toEqual([["cv_1"], 2]);
    expect(await store.read((q) => q.configurations.slice("ws_2", { offset: 0, limit: 5 }))).toEqual({
      rows: [],
      total: 0,
    });
  });

  test("the configurations that a run may have without naming them were uploaded and last", async () => {
    await given(async (tx) => {
      await aRun(tx);
      await tx.configurations.insert(configuration({ id: "cv_2", createdAt: at(2), isSpeculative: true }));
      await tx.configurations.insert(configuration({ id: "cv_3", createdAt: at(3), status: "errored" }));
      await tx.configurations.insert(configuration({ id: "cv_4", createdAt: at(4), status: "pending" }));
      await tx.configurations.insert(configuration({ id: "cv_5", createdAt: at(5), isProvisional: true }));
    });
    const usable = (mayApply: boolean) =>
      store.read(async (q) => ids(await q.configurations.usable("ws_1", { mayApply }, newest)));
    expect(await usable(false)).toEqual(["cv_2", "cv_1"]);
    expect(await usable(true)).toEqual(["cv_1"]);
    expect((await store.read((q) => q.configurations.current("ws_1")))?.id).toBe("cv_4");
    expect(await store.read((q) => q.configurations.current("ws_2"))).toBeUndefined();
  });

  test("runs are listed by status, pending ones oldest first, active ones without the final", async () => {
    await given(async (tx) => {
      await aRun(tx);
      await tx.runs.insert(run({ id: "run_2", status: "planning", createdAt: at(-5) }));
      await tx.runs.insert(run({ id: "run_3", status: "applied", createdAt: at(9) }));
      await tx.runs.insert(run({ id: "run_4", status: "pending", createdAt: at(-9) }));
    });
    await store.read(async (q) => {
      const filter = { organizationId: "org_1", workspaceId: null, statuses: ["planning", "applied"] } as const;
      expect(ids(await q.runs.list(filter, newest))).toEqual(["run_3", "run_2"]);
      expect(await q.runs.list({ ...filter, organizationId: "org_2" }, newest)).toEqual([]);
      expect(ids(await q.runs.pending("ws_1", 9))).toEqual(["run_4", "run_1"]);
      expect(ids(await q.runs.pending("ws_1", 1))).toEqual(["run_4"]);
      expect(ids(await q.runs.active("ws_1", 9))).toEqual(["run_4", "run_2", "run_1"]);
      expect((await q.runs.newest("ws_1"))?.id).toBe("run_3");
    });
  });

  describe("jobs", () => {
    const jobsOf = (...rows: readonly Job[]) =>
      given(async (tx) => {
        await aRun(tx);
        await tx.runs.insert(run({ id: "run_2" }));
        for (const row of rows) await tx.jobs.insert(row);
      });

    test("of runs and of agents; an agent's are the ones it holds", async () => {
      await jobsOf(
        claimedJob({ id: "job_1", phase: "apply", tokenHash: "t1" }),
        job({ id: "job_2", phase: "plan", status: "finished", agentId: "agent_1" }),
        claimedJob({ id: "job_3", runId: "run_2", status: "offered", agentId: "agent_2" }),
      );
      await store.read(async (q) => {
        expect(ids(await q.jobs.ofRun("run_1"))).toEqual(["job_2", "job_1"]);
        expect(ids(await q.jobs.ofRuns(["run_2", "run_1"]))).toEqual(["job_2", "job_1", "job_3"]);
        expect(ids(await q.jobs.ofRuns([]))).toEqual([]);
        expect(ids(await q.jobs.ofAgent("agent_1"))).toEqual(["job_1"]);
        expect(ids(await q.jobs.ofAgents(["agent_1", "agent_2"]))).toEqual(["job_1", "job_3"]);
        expect(ids(await q.jobs.openOfAgent("agent_1"))).toEqual(["job_1", "job_2"]);
        expect(ids(await q.jobs.openOfAgent("agent_2"))).toEqual(["job_3"]);
        expect((await q.jobs.byTokenHash("t1"))?.id).toBe("job_1");
        expect(ids(await q.jobs.byIds(["job_3"]))).toEqual(["job_3"]);
      });
    });

    test("wait in the order of rank, age and id", async () => {
      await jobsOf(
        job({ id: "job_1", rank: 1, queuedAt: at(1) }),
        job({ id: "job_2", rank: 0, queuedAt: at(9) }),
        job({ id: "job_3", rank: 1, queuedAt: at(0), poolId: null }),
        job({ id: "job_4", rank: 1, queuedAt: at(1) }),
        claimedJob({ id: "job_5", rank: 0 }),
      );
      await store.read(async (q) => {
        expect(ids(await q.jobs.candidates([null, "apool_1"], { each: 9, limit: 9 }))).toEqual([
          "job_2",
          "job_3",
          "job_1",
          "job_4",
        ]);
        expect(ids(await q.jobs.candidates([null, "apool_1"], { each: 9, limit: 1 }))).toEqual(["job_2"]);
        expect(ids(await q.jobs.queuedOfWorkspace("ws_1"))).toHaveLength(4);
        expect(await q.jobs.jobsAhead(["job_4"])).toEqual(new Map([["job_4", 2]]));
      });
    });

    test("a save that names an older epoch or another status changes nothing", async () => {
      await jobsOf(claimedJob({ epoch: 3 }));
      const next = claimedJob({ epoch: 3, status: "finished", exitCode: 0 });
      const saved = await store.step(async (tx) => [
        await tx.jobs.saveIf(next, { epoch: 2, status: "started" }),
        await tx.jobs.saveIf(next, { epoch: 3, status: "offered" }),
        await tx.jobs.saveIf(next, { epoch: 3, status: "started" }),
        await tx.jobs.saveIf(next, { epoch: 3, status: "started" }),
      ]);
      expect(saved).toEqual([false, false, true, false]);
      expect(await store.read((q) => q.jobs.get("job_1"))).toStrictEqual(next);
    });

    test("one of twenty claims of the same job wins", async () => {
      await jobsOf(job());
      const won = await Promise.all(
        Array.from({ length: 20 }, (_, i) =>
          store.step((tx) => tx.jobs.saveIf(claimedJob({ agentName: `a${i}` }), { epoch: 0, status: "queued" })),
        ),
      );
      expect(won.filter(Boolean)).toHaveLength(1);
    });

    test("leases are renewed only for the same epoch, only while claimed, and never shortened", async () => {
      await jobsOf(
        claimedJob({ id: "job_1" }, 10),
        claimedJob({ id: "job_2", status: "offered" }, 10),
        claimedJob({ id: "job_3" }, 10),
        claimedJob({ id: "job_4" }, 99),
        job({ id: "job_5", status: "finished", epoch: 1, leaseUntil: null }),
      );
      await store.step((tx) =>
        tx.jobs.renew([
          { jobId: "job_1", epoch: 1, until: at(20) },
          { jobId: "job_2", epoch: 1, until: at(30) },
          { jobId: "job_3", epoch: 0, until: at(40) },
          { jobId: "job_4", epoch: 1, until: at(50) },
          { jobId: "job_5", epoch: 1, until: at(60) },
        ]),
      );
      await store.step((tx) => tx.jobs.renew([]));
      const rows = await store.read((q) => q.jobs.ofRun("run_1"));
      const leases = Object.fromEntries(rows.map(({ id, leaseUntil }) => [id, leaseUntil]));
      expect(leases).toEqual({ job_1: at(20), job_2: at(30), job_3: at(10), job_4: at(99), job_5: null });
    });

    test("a restart gives every claim at least its grace, and overdue ones come first-due first", async () => {
      await jobsOf(
        claimedJob({ id: "job_1" }, 10),
        claimedJob({ id: "job_2", status: "offered" }, 5),
        claimedJob({ id: "job_3" }, 99),
        job({ id: "job_4" }),
      );
      expect(ids(await store.read((q) => q.jobs.overdue(at(10), 9)))).toEqual(["job_2"]);
      expect(ids(await store.read((q) => q.jobs.overdue(at(11), 9)))).toEqual(["job_2", "job_1"]);
      expect(await store.step((tx) => tx.jobs.extendAll(at(50)))).toBe(2);
      expect(await store.read((q) => q.jobs.overdue(at(50), 9))).toEqual([]);
      expect((await store.read((q) => q.jobs.get("job_3")))?.leaseUntil).toEqual(at(99));
      await store.step((tx) => tx.jobs.capAll(at(60)));
      const leases = await store.read(async (q) =>
        (await q.jobs.byIds(["job_1", "job_3"])).map((row) => row.leaseUntil),
      );
      expect(leases).toEqual([at(50), at(60)]);
    });

    test("are counted by organization and by status; logs left open are found", async () => {
      await jobsOf(
        claimedJob({ id: "job_1" }),
        claimedJob({ id: "job_2", status: "offered" }),
        job({ id: "job_3", status: "finished", endedAt: at(1) }),
        job({ id: "job_4", status: "finished", endedAt: at(1), isLogClosed: true }),
        job({ id: "job_5", status: "errored", endedAt: at(9) }),
        job({ id: "job_6", status: "interrupted", endedAt: at(0) }),
        job({ id: "job_7", status: "interrupted", endedAt: at(2) }),
      );
      await store.read(async (q) => {
        expect(await q.jobs.runningByOrganization()).toEqual([{ organizationId: "org_1", count: 2 }]);
        const counts = Object.fromEntries((await q.jobs.countByStatus()).map(({ status, count }) => [status, count]));
        expect(counts).toEqual({ started: 1, offered: 1, finished: 2, errored: 3, interrupted: 0 });
        // However many applies were lost, they keep nothing else from being found.
        expect(ids(await q.jobs.logsOpenSince(at(9), 9))).toEqual(["job_3", "job_7", "job_6"]);
      });
    });
  });

  test("states are listed apart from quarantined ones, and found by content, job and run", async () => {
    await given(async (tx) => {
      await aRun(tx);
      await tx.states.insert(state({ id: "sv_1", serial: 1, status: "superseded" }));
      await tx.states.insert(state({ id: "sv_2", serial: 2, createdAt: at(2) }));
      await tx.states.insert(
        state({ id: "sv_3", serial: 2, sha256: "e".repeat(64), status: "quarantined", createdAt: at(3) }),
      );
    });
    await store.read(async (q) => {
      expect(ids(await q.states.list("ws_1", { isQuarantined: false }, newest))).toEqual(["sv_2", "sv_1"]);
      expect(ids(await q.states.list("ws_1", { isQuarantined: true }, newest))).toEqual(["sv_3"]);
      const facts = { jobSequence: 0, sha256: "c".repeat(64) };
      expect((await q.states.ofJob("job_1", facts))?.id).toBe("sv_2");
      expect(await q.states.ofJob("job_1", { ...facts, jobSequence: 1 })).toBeUndefined();
      expect(await q.states.ofJob("job_2", facts)).toBeUndefined();
      expect(await q.states.lastWord("job_1", "c".repeat(64))).toBeUndefined();
      expect((await q.states.newestOfJob("job_1"))?.id).toBe("sv_3");
      expect((await q.states.newestOfRun("run_1"))?.id).toBe("sv_2");
    });
  });

  test("the newest state of a job is its last word, then the last that was counted, then the highest serial", async () => {
    const newestAfter = async (change: Parameters<typeof state>[0]) => {
      await given((tx) => tx.states.insert(state(change)));
      return (await store.read((q) => q.states.newestOfJob("job_1")))?.id;
    };
    await given((tx) => aRun(tx));
    expect(await newestAfter({ id: "sv_1", serial: 8 })).toBe("sv_1");
    expect(await newestAfter({ id: "sv_2", serial: 7, createdAt: at(2) })).toBe("sv_1");
    expect(await newestAfter({ id: "sv_3", serial: 5, jobSequence: 2, createdAt: at(3) })).toBe("sv_3");
    expect(await newestAfter({ id: "sv_4", serial: 5, jobSequence: 1, createdAt: at(4) })).toBe("sv_3");
    expect(await newestAfter({ id: "sv_5", serial: 3, jobSequence: 1, isFinal: true, createdAt: at(5) })).toBe("sv_5");
    expect(await newestAfter({ id: "sv_6", serial: 9, jobSequence: 9, createdAt: at(6) })).toBe("sv_5");
    expect((await store.read((q) => q.states.lastWord("job_1", "c".repeat(64))))?.id).toBe("sv_5");
  });

  test("an organization takes its keys with it", async () => {
    await given(async (tx) => {
      await tx.organizations.insert(organization());
      await tx.apiKeys.insert(apiKey());
      await tx.organizations.delete("org_1");
    });
    expect(await store.read((q) => q.apiKeys.get("key_1"))).toBeUndefined();
  });
});
