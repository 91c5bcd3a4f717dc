import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { testEngines } from "../../../test/engines.ts";
import { aRun, everything, ids, inOrder } from "../../../test/support/store/given.ts";
import {
  agent,
  at,
  claimedJob,
  job,
  pool,
  providerSettings,
  token,
  workspace,
} from "../../../test/support/store/rows.ts";
import type { Agent, AgentStatus } from "../../domain/agents/agent.ts";
import { openStore } from "../open.ts";
import type { Queries, Store } from "../ports/store.ts";

describe.each(testEngines)("the store of pools and agents on $name", (engine) => {
  let held: AsyncDisposableStack;
  let store: Store;

  beforeEach(async () => {
    held = new AsyncDisposableStack();
    store = held.use(await openStore({ url: (await engine.urls(held)).rows }));
  });
  afterEach(() => held.disposeAsync());

  const given = (fill: (tx: Queries) => Promise<void>) => store.write(fill);

  describe("pools", () => {
    test("grants are a sorted set", async () => {
      await given(aRun);
      await store.write(async (tx) => {
        await tx.pools.grant("apool_1", ["b", "a", "b"]);
        await tx.pools.grant("apool_1", ["a", "c"]);
        await tx.pools.revoke("apool_1", ["b", "none"]);
        await tx.pools.grant("apool_1", []);
        await tx.pools.revoke("apool_1", []);
      });
      expect(await store.read((q) => q.pools.grants("apool_1"))).toEqual(["a", "c"]);
      expect(await store.read((q) => q.pools.grants("apool_none"))).toEqual([]);
    });

    test("take their providers setting with them, and organizations all of theirs", async () => {
      await given(async (tx) => {
        await aRun(tx);
        await tx.pools.insert(pool({ id: "apool_2", name: "other" }));
        await tx.providerSettings.insert(providerSettings());
        await tx.providerSettings.insert(providerSettings({ id: "apool_2", poolId: "apool_2" }));
        await tx.providerSettings.insert(providerSettings({ id: "org_1", poolId: null }));
      });
      const rest = async () => {
        const owners = ["apool_1", "apool_2", "org_1"] as const;
        const found = await store.read((q) => inOrder(owners, (id) => q.providerSettings.get(id)));
        return owners.filter((_, index) => found[index] !== undefined);
      };
      await given((tx) => tx.pools.delete("apool_1"));
      expect(await rest()).toEqual(["apool_2", "org_1"]);
      await given((tx) => tx.organizations.delete("org_1"));
      expect(await rest()).toEqual([]);
      expect(await store.write((tx) => tx.providerSettings.delete("org_1"))).toBe(false);
    });

    test("name the workspaces assigned to them", async () => {
      await given(async (tx) => {
        await aRun(tx);
        for (const name of ["z", "y", "x"]) {
          await tx.workspaces.insert(workspace({ id: `ws_${name}`, name, poolId: "apool_1" }));
        }
      });
      expect(await store.read((q) => q.pools.assigned("apool_1", 2))).toEqual(["x", "y"]);
      const filter = { organizationId: "org_1", poolId: "apool_1" } as const;
      expect(ids(await store.read((q) => q.workspaces.list(filter, everything)))).toEqual(["ws_x", "ws_y", "ws_z"]);
      expect(ids(await store.read((q) => q.workspaces.list({ ...filter, poolId: null }, everything)))).toHaveLength(4);
    });

    test("count their agents and jobs", async () => {
      await given(async (tx) => {
        await aRun(tx);
        await tx.agents.insert(agent({ id: "agent_1" }));
        await tx.agents.insert(agent({ id: "agent_2" }));
        await tx.agents.insert(agent({ id: "agent_3", status: "exited" }));
        await tx.jobs.insert(job({ id: "job_1", queuedAt: at(7) }));
        await tx.jobs.insert(job({ id: "job_2", queuedAt: at(5) }));
        await tx.jobs.insert(claimedJob({ id: "job_3" }));
        await tx.jobs.insert(job({ id: "job_4", status: "finished" }));
        await tx.jobs.insert(job({ id: "job_5", poolId: null }));
      });
      const none = { idle: 0, busy: 0, unknown: 0, errored: 0, exited: 0 };
      expect(await store.read((q) => q.pools.counts(["apool_1", "apool_2"]))).toStrictEqual([
        {
          poolId: "apool_1",
          agents: { ...none, idle: 2, exited: 1 },
          pausedAgents: 0,
          drainingAgents: 0,
          capacity: 4,
          queuedJobs: 2,
          runningJobs: 1,
          oldestQueuedAt: at(5),
        },
        {
          poolId: "apool_2",
          agents: none,
          ...{ pausedAgents: 0, drainingAgents: 0, capacity: 0, queuedJobs: 0, runningJobs: 0 },
          oldestQueuedAt: null,
        },
      ]);
    });

    test("take their grants, tokens and agents with them, and leave jobs", async () => {
      await given(async (tx) => {
        await aRun(tx);
        await tx.pools.grant("apool_1", ["a"]);
        await tx.tokens.insert(token());
        await tx.agents.insert(agent());
        await tx.jobs.insert(job());
        await tx.pools.delete("apool_1");
      });
      await store.read(async (q) => {
        expect(await q.pools.grants("apool_1")).toEqual([]);
        expect(await q.tokens.get("atok_1")).toBeUndefined();
        expect(await q.agents.get("agent_1")).toBeUndefined();
        expect(await q.jobs.get("job_1")).toBeDefined();
      });
    });
  });

  describe("agents", () => {
    test("are found by session token, name and token", async () => {
      await given(async (tx) => {
        await aRun(tx);
        await tx.agents.insert(agent());
        await tx.agents.insert(agent({ id: "agent_2", tokenId: "atok_2", organizationId: null, poolId: null }));
      });
      await store.read(async (q) => {
        expect((await q.agents.bySessionToken("session-of-agent_2"))?.id).toBe("agent_2");
        expect(ids(await q.agents.byName("org_1", "alpha"))).toEqual(["agent_1"]);
        expect(ids(await q.agents.byName(null, "alpha"))).toEqual(["agent_2"]);
        expect(ids(await q.agents.ofToken("atok_1"))).toEqual(["agent_1"]);
        expect(ids(await q.agents.byIds(["agent_2"]))).toEqual(["agent_2"]);
      });
      await store.write((tx) => tx.agents.delete("agent_1"));
      expect(await store.read((q) => q.agents.get("agent_1"))).toBeUndefined();
    });

    test("that were heard are written in one go, but the ones that said good-bye", async () => {
      await given(async (tx) => {
        await aRun(tx);
        for (let i = 0; i < 5; i += 1)
          await tx.agents.insert(agent({ id: `agent_${i}`, status: i === 4 ? "exited" : "idle" }));
      });
      await store.step((tx) =>
        tx.agents.heard([
          { agentId: "agent_1", status: "busy", at: at(10) },
          { agentId: "agent_2", status: "unknown", at: at(11) },
          { agentId: "agent_4", status: "idle", at: at(12) },
          { agentId: "agent_none", status: "idle", at: at(12) },
        ]),
      );
      await store.step((tx) => tx.agents.heard([]));
      const seen = await store.read((q) => q.agents.byIds(["agent_0", "agent_1", "agent_2", "agent_4"]));
      expect(Object.fromEntries(seen.map(({ id, status, lastSeenAt }) => [id, [status, lastSeenAt]]))).toEqual({
        agent_0: ["idle", at(0)],
        agent_1: ["busy", at(10)],
        agent_2: ["unknown", at(11)],
        agent_4: ["exited", at(0)],
      });
    });

    test("that are silent, and how many are connected", async () => {
      const statuses: readonly AgentStatus[] = ["idle", "busy", "unknown", "errored", "exited"];
      await given(async (tx) => {
        await aRun(tx);
        for (const [i, status] of statuses.entries()) {
          await tx.agents.insert(agent({ id: `agent_${status}`, status, lastSeenAt: at(10 - i) }));
        }
      });
      await store.read(async (q) => {
        const silent = (unknownBefore: Date, erroredBefore: Date, limit = 9) =>
          q.agents.silent({ unknownBefore, erroredBefore }, { after: null, limit });
        expect(ids(await silent(at(10), at(0)))).toEqual(["agent_busy"]);
        expect(ids(await silent(at(11), at(9)))).toEqual(["agent_unknown", "agent_busy", "agent_idle"]);
        const [first] = await silent(at(11), at(9), 1);
        const rest = await q.agents.silent(
          { unknownBefore: at(11), erroredBefore: at(9) },
          { after: first ?? null, limit: 9 },
        );
        expect(ids(rest)).toEqual(["agent_busy", "agent_idle"]);
        expect(await q.agents.countConnected("org_1")).toBe(3);
        expect(await q.agents.countConnected("org_2")).toBe(0);
      });
    });

    test("fall silent in one write, unless they were heard since or have left", async () => {
      await given(async (tx) => {
        await aRun(tx);
        for (const id of ["agent_1", "agent_2", "agent_3", "agent_4"] as const)
          await tx.agents.insert(agent({ id, status: id === "agent_3" ? "exited" : "idle", lastSeenAt: at(1) }));
        await tx.agents.heard([{ agentId: "agent_2", status: "busy", at: at(9) }]);
      });
      const silent = (id: Agent["id"], status: AgentStatus) => ({ id, status, lastSeenAt: at(1) });
      const moved = await store.step((tx) =>
        tx.agents.fallSilent([
          silent("agent_1", "unknown"),
          silent("agent_2", "unknown"),
          silent("agent_3", "unknown"),
          silent("agent_4", "idle"),
        ]),
      );
      expect(moved).toEqual([{ id: "agent_1", status: "unknown", lastSeenAt: at(1) }]);
      expect(await store.step((tx) => tx.agents.fallSilent([]))).toEqual([]);
    });
  });
});
