import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { testEngines } from "../../../test/engines.ts";
import {
  agent,
  at,
  claimedJob,
  configuration,
  job,
  organization,
  pool,
  run,
  token,
  workspace,
} from "../../../test/support/store/rows.ts";
import { openStore } from "../open.ts";
import type { Queries, Store } from "../ports/store.ts";

const ids = (rows: readonly { readonly id: string }[]) => rows.map(({ id }) => id);

describe.each(testEngines)("pools, tokens and agents on $name", (engine) => {
  let held: AsyncDisposableStack;
  let store: Store;

  beforeEach(async () => {
    held = new AsyncDisposableStack();
    store = held.use(await openStore({ url: (await engine.urls(held)).rows }));
    await given(async (tx) => {
      await tx.organizations.insert(organization());
      await tx.pools.insert(pool());
      await tx.workspaces.insert(workspace());
      await tx.configurations.insert(configuration());
      await tx.runs.insert(run());
    });
  });
  afterEach(() => held.disposeAsync());

  const given = (fill: (tx: Queries) => Promise<void>) => store.write(fill);

  describe("pools are found", () => {
    beforeEach(() =>
      given(async (tx) => {
        await tx.pools.insert(pool({ id: "apool_2", name: "alpha", description: "The GPU ones", createdAt: at(5) }));
        await tx.pools.insert(pool({ id: "apool_3", name: "zeta-gpu", createdAt: at(5) }));
        await tx.pools.insert(pool({ id: "apool_4", organizationId: "org_2", name: "gpu" }));
      }),
    );
    const everything = { organizationId: "org_1", search: "", order: "name", isDescending: false } as const;

    test.each([
      ["name", false, ["apool_2", "apool_1", "apool_3"]],
      ["name", true, ["apool_3", "apool_1", "apool_2"]],
      ["created_at", false, ["apool_1", "apool_2", "apool_3"]],
      ["created_at", true, ["apool_3", "apool_2", "apool_1"]],
    ] as const)("by %s, descending %s, page by page", async (order, isDescending, expected) => {
      const listing = { ...everything, order, isDescending };
      const found: string[] = [];
      let after: Parameters<Queries["pools"]["find"]>[1]["after"] = null;
      for (;;) {
        const page = await store.read((q) => q.pools.find(listing, { after, limit: 1 }));
        const [row] = page;
        if (row === undefined) break;
        found.push(row.id);
        after = row;
      }
      expect(found).toEqual(expected);
    });

    test("by a part of the name or the description, in any case", async () => {
      const find = (search: string) =>
        store.read(async (q) => ids(await q.pools.find({ ...everything, search }, { after: null, limit: 9 })));
      expect(await find("gpU")).toEqual(["apool_2", "apool_3"]);
      expect(await find("100%_")).toEqual([]);
    });
  });

  test("a pool counts who is paused and who leaves, among those that are here, and what they can run", async () => {
    await given(async (tx) => {
      await tx.agents.insert(agent({ id: "agent_1", concurrency: 4 }));
      await tx.agents.insert(agent({ id: "agent_2", status: "busy", isPaused: true }));
      await tx.agents.insert(agent({ id: "agent_3", isPaused: true, isDraining: true }));
      await tx.agents.insert(agent({ id: "agent_4", status: "unknown", isPaused: true, isDraining: true }));
    });
    const [counts] = await store.read((q) => q.pools.counts(["apool_1"]));
    expect(counts).toMatchObject({
      agents: { idle: 2, busy: 1, unknown: 1, errored: 0, exited: 0 },
      pausedAgents: 2,
      drainingAgents: 1,
      capacity: 8,
    });
  });

  test("tokens that admit agents now", async () => {
    await given(async (tx) => {
      await tx.tokens.insert(token({ id: "atok_1", expiresAt: at(9) }));
      await tx.tokens.insert(token({ id: "atok_2", expiresAt: at(5) }));
      await tx.tokens.insert(token({ id: "atok_3", revokedAt: at(5) }));
      await tx.tokens.insert(token({ id: "atok_4" }));
    });
    const filter = { organizationId: "org_1", poolId: "apool_1", validAt: at(5) } as const;
    const found = await store.read((q) => q.tokens.list(filter, { before: null, limit: 9 }));
    expect(ids(found)).toEqual(["atok_4", "atok_1"]);
  });

  describe("agents", () => {
    test("are found by status and by a part of the name", async () => {
      await given(async (tx) => {
        await tx.agents.insert(agent({ id: "agent_1", name: "VM-east" }));
        await tx.agents.insert(agent({ id: "agent_2", name: "vm-west", status: "busy" }));
        await tx.agents.insert(agent({ id: "agent_3", name: "box", status: "exited" }));
      });
      const filter = { organizationId: "org_1", poolId: null, statuses: [], search: "" } as const;
      const find = (over: Partial<Parameters<Queries["agents"]["list"]>[0]>) =>
        store.read(async (q) => ids(await q.agents.list({ ...filter, ...over }, { after: null, limit: 9 })));
      expect(await find({})).toEqual(["agent_1", "agent_3", "agent_2"]);
      expect(await find({ search: "vM" })).toEqual(["agent_1", "agent_2"]);
      expect(await find({ statuses: ["busy", "exited"] })).toEqual(["agent_3", "agent_2"]);
      expect(await find({ statuses: ["busy"], search: "east" })).toEqual([]);
    });

    test("are connected to a process until that stream ends; a newer stream stays", async () => {
      await given(async (tx) => {
        for (const id of ["agent_1", "agent_2", "agent_3"] as const) {
          const connectedTo = id === "agent_3" ? "other" : "here";
          await tx.agents.insert(agent({ id, sessionEpoch: 4, connectedTo, replicaId: `id of ${connectedTo}` }));
        }
      });
      const now = () =>
        store.read(async (q) =>
          (await q.agents.byIds(["agent_1", "agent_2", "agent_3"]))
            .toSorted((a, b) => (a.id < b.id ? -1 : 1))
            .map(({ connectedTo }) => connectedTo),
        );
      await store.step((tx) =>
        tx.agents.left([
          { agentId: "agent_1", sessionEpoch: 4 },
          { agentId: "agent_2", sessionEpoch: 3 },
        ]),
      );
      await store.step((tx) => tx.agents.left([]));
      expect(await now()).toEqual(["", "here", "other"]);
      await store.step((tx) => tx.agents.disconnectFrom(["id of here"]));
      expect(await now()).toEqual(["", "", "other"]);
    });

    test("of tokens are named, the last heard first, as many as are asked for", async () => {
      await given(async (tx) => {
        for (const [i, name] of ["a", "b", "c", "gone"].entries()) {
          const status = name === "gone" ? "exited" : "idle";
          await tx.agents.insert(agent({ id: `agent_${i}`, name, lastSeenAt: at(i), status }));
        }
        await tx.agents.insert(agent({ id: "agent_9", name: "z", tokenId: "atok_2" }));
      });
      const named = (...tokens: readonly ("atok_1" | "atok_2" | "atok_3")[]) =>
        store.read(async (q) =>
          (await q.agents.namesOfTokens(tokens, 2)).map(({ tokenId, name }) => `${tokenId} ${name}`),
        );
      expect(await named("atok_1", "atok_2", "atok_3")).toEqual(["atok_1 c", "atok_1 b", "atok_2 z"]);
      expect(await named()).toEqual([]);
    });
  });

  describe("jobs", () => {
    test("wait by rank, urgency and age; a pool's queue is read page by page", async () => {
      await given(async (tx) => {
        await tx.jobs.insert(job({ id: "job_1", queuedAt: at(1) }));
        await tx.jobs.insert(job({ id: "job_2", queuedAt: at(9), urgency: 0 }));
        await tx.jobs.insert(job({ id: "job_3", queuedAt: at(0), urgency: 2 }));
        await tx.jobs.insert(job({ id: "job_4", queuedAt: at(9), rank: 0, urgency: 2 }));
        await tx.jobs.insert(job({ id: "job_5", poolId: null, rank: 0 }));
        await tx.jobs.insert(claimedJob({ id: "job_6" }));
      });
      const order = ["job_4", "job_2", "job_1", "job_3"];
      await store.read(async (q) => {
        const bounds = { each: 9, limit: 9 };
        expect(ids(await q.jobs.candidates(["apool_1", null], bounds))).toEqual(["job_5", ...order]);
        expect(ids(await q.jobs.candidates(["apool_1"], bounds))).toEqual(order);
        expect(ids(await q.jobs.candidates([null], bounds))).toEqual(["job_5"]);
        expect(ids(await q.jobs.candidates([], bounds))).toEqual([]);
        const first = await q.jobs.queuedOfPool("apool_1", { after: null, limit: 2 });
        const rest = await q.jobs.queuedOfPool("apool_1", { after: first.at(-1) ?? null, limit: 9 });
        expect(ids([...first, ...rest])).toEqual(order);
        const atOnce = await q.jobs.jobsAhead(["job_3", "job_4", "job_5", "job_6", "job_1"]);
        expect(Object.fromEntries(atOnce)).toEqual({ job_4: 0, job_1: 2, job_3: 3, job_5: 0 });
        expect(ids(await q.jobs.heldInPool("apool_1", 9))).toEqual(["job_6"]);
      });
    });

    test("are chosen for dispatch with a share for every pool, organization and workspace", async () => {
      await given(async (tx) => {
        await tx.workspaces.insert(workspace({ id: "ws_2", name: "two" }));
        for (let n = 1; n <= 6; n += 1) await tx.jobs.insert(job({ id: `job_a${n}`, rank: 2, queuedAt: at(n) }));
        await tx.jobs.insert(job({ id: "job_late", workspaceId: "ws_2", rank: 2, queuedAt: at(50) }));
        await tx.jobs.insert(
          job({ id: "job_rival", organizationId: "org_2", poolId: null, rank: 2, queuedAt: at(60) }),
        );
        await tx.jobs.insert(job({ id: "job_server", poolId: null, rank: 2, queuedAt: at(70) }));
      });
      const chosen = (each: number, limit: number) =>
        store.read(async (q) => ids(await q.jobs.candidates(["apool_1", null], { each, limit })));
      expect(await chosen(3, 9)).toEqual(["job_a1", "job_a2", "job_late", "job_rival", "job_server"]);
      expect(await chosen(9, 3)).toEqual(["job_a1", "job_rival", "job_server"]);
    });

    test("of a very long queue only the first are looked at for dispatch", async () => {
      await given(async (tx) => {
        await tx.workspaces.insert(workspace({ id: "ws_2", name: "two" }));
        for (let n = 0; n < 60; n += 1)
          await tx.jobs.insert(
            job({ id: `job_${n}`, queuedAt: at(n), workspaceId: n === 49 || n === 50 ? "ws_2" : "ws_1" }),
          );
      });
      const found = await store.read((q) => q.jobs.candidates(["apool_1"], { each: 9, limit: 9 }));
      expect(ids(found)).toContain("job_49");
      expect(ids(await store.read((q) => q.jobs.candidates(["apool_1"], { each: 99, limit: 25 })))).not.toContain(
        "job_50",
      );
    });

    test("of an agent, those it holds and those it has done, newest first", async () => {
      await given(async (tx) => {
        await tx.jobs.insert(claimedJob({ id: "job_1", agentId: "agent_1", queuedAt: at(3) }));
        await tx.jobs.insert(job({ id: "job_2", agentId: "agent_1", status: "finished", queuedAt: at(2) }));
        await tx.jobs.insert(job({ id: "job_3", agentId: "agent_1", status: "errored", queuedAt: at(4) }));
        await tx.jobs.insert(job({ id: "job_4" }));
      });
      const first = await store.read((q) => q.jobs.historyOfAgent("agent_1", { before: null, limit: 2 }));
      const before = { at: at(3), id: "job_1" };
      const rest = await store.read((q) => q.jobs.historyOfAgent("agent_1", { before, limit: 2 }));
      expect([ids(first), ids(rest)]).toEqual([["job_3", "job_1"], ["job_2"]]);
    });
  });
});
