import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { testEngines } from "../../../test/engines.ts";
import {
  agent,
  apiKey,
  at,
  claimedJob,
  configuration,
  job,
  organization,
  pool,
  providerSettings,
  run,
  state,
  token,
  variable,
  workspace,
} from "../../../test/support/store/rows.ts";
import type { Agent, AgentStatus } from "../../domain/agents/agent.ts";
import type { Job } from "../../domain/runs/job.ts";
import { openStore } from "../open.ts";
import type { Queries, Store } from "../ports/store.ts";

const everything = { after: null, limit: 100 } as const;
const newest = { before: null, limit: 100 } as const;
const inOrder = async <T, R>(items: readonly T[], ask: (item: T) => Promise<R>): Promise<readonly R[]> => {
  const answers: R[] = [];
  for (const item of items) answers.push(await ask(item));
  return answers;
};
const ids = (rows: readonly { readonly id: string }[]) => rows.map(({ id }) => id);

describe.each(testEngines)("the store on $name", (engine) => {
  let held: AsyncDisposableStack;
  let store: Store;

  beforeEach(async () => {
    held = new AsyncDisposableStack();
    store = held.use(await openStore({ url: (await engine.urls(held)).rows }));
  });
  afterEach(() => held.disposeAsync());

  const given = (fill: (tx: Queries) => Promise<void>) => store.write(fill);
  const aRun = async (tx: Queries) => {
    await tx.organizations.insert(organization());
    await tx.pools.insert(pool());
    await tx.workspaces.insert(workspace());
    await tx.configurations.insert(configuration());
    await tx.runs.insert(run());
  };

  test("it names its engine", () => {
    expect(store.engine).toBe(engine.name);
  });

  describe("whole rows", () => {
    test("come back exactly as they were inserted, and as they were saved", async () => {
      const agentRow = agent({ labels: { a: "1", é: "\u2028" }, warning: "x" });
      const locked = workspace({ lock: { kind: "person", by: "ann", reason: "maintenance", at: at(3) } });
      const planned = run({
        status: "planned",
        hasChanges: true,
        plannedChanges: { add: 1, change: 2, destroy: 3, import: 4 },
        decidedAt: at(9),
        resourcesInFlight: ["a.b", "c.d"],
        lost: {
          resources: [
            {
              ...{
                address: 'a.b["\u2028 é"]',
                action: "create",
                provider: "a",
                idKey: "id",
                id: "1\n2",
                finishedAt: "",
              },
              ...{ held: "absent", isHidden: false },
            },
          ],
          count: 2_000,
        },
        planBytes: 0,
      });
      const started = claimedJob({
        tokenHash: "t",
        startedAt: at(1),
        exitCode: 0,
        stateSerial: 0,
        incarnation: "disk",
      });
      const sealed = variable({ sealedValue: new Uint8Array([0, 1, 255]), isSensitive: true, value: "" });
      const network = { kind: "network", url: "https://a.example/", include: [], exclude: ["a/*"] } as const;
      const settings = providerSettings({
        ...{ sources: [network, { kind: "direct", include: [], exclude: [] }], hosts: ["a.example:9443"] },
        ...{ sealedValue: new Uint8Array([0, 1, 255]), caCertificates: "-----BEGIN\n", updatedAt: at(4), version: 2 },
      });
      await given(async (tx) => {
        await aRun(tx);
        await tx.apiKeys.insert(apiKey());
        await tx.tokens.insert(token());
        await tx.providerSettings.insert(providerSettings());
        await tx.providerSettings.save(settings);
        await tx.agents.insert(agent());
        await tx.agents.save(agentRow);
        await tx.workspaces.save(locked);
        await tx.runs.save(planned);
        await tx.jobs.insert(job());
        await tx.jobs.save(started);
        await tx.variables.insert(variable());
        await tx.variables.save(sealed);
        await tx.states.insert(state());
        await tx.pools.save(pool({ isOrganizationScoped: true, version: 2 }));
        await tx.organizations.save(organization({ name: "new", maxAgents: 5 }));
        await tx.apiKeys.save(apiKey({ revokedAt: at(5) }));
        await tx.tokens.save(token({ expiresAt: at(5), isStopping: true }));
        await tx.states.save(state({ status: "quarantined", runId: null }));
      });
      await store.read(async (q) => {
        expect(await q.agents.get("agent_1")).toStrictEqual(agentRow);
        expect(await q.providerSettings.get("apool_1")).toStrictEqual(settings);
        expect(await q.workspaces.get("ws_1")).toStrictEqual(locked);
        expect(await q.runs.get("run_1")).toStrictEqual(planned);
        expect(await q.jobs.get("job_1")).toStrictEqual(started);
        expect(await q.variables.byKey("ws_1", "terraform", "region")).toStrictEqual(sealed);
        expect(await q.states.get("sv_1")).toStrictEqual(state({ status: "quarantined", runId: null }));
        expect(await q.pools.get("apool_1")).toStrictEqual(pool({ isOrganizationScoped: true, version: 2 }));
        expect(await q.organizations.get("org_1")).toStrictEqual(organization({ name: "new", maxAgents: 5 }));
        expect(await q.apiKeys.get("key_1")).toStrictEqual(apiKey({ revokedAt: at(5) }));
        expect(await q.tokens.get("atok_1")).toStrictEqual(token({ expiresAt: at(5), isStopping: true }));
        expect(await q.configurations.get("cv_1")).toStrictEqual(configuration());
      });
    });

    test("that are not there are undefined, and cannot be saved", async () => {
      expect(await store.read((q) => q.runs.get("run_none"))).toBeUndefined();
      expect(await store.read((q) => q.jobs.byTokenHash("none"))).toBeUndefined();
      await expect(store.write((tx) => tx.workspaces.save(workspace()))).rejects.toMatchObject({ code: "not_found" });
    });

    test("a lock of a run, of a person and no lock are kept apart", async () => {
      await given(aRun);
      for (const lock of [
        { kind: "run", runId: "run_1", at: at(1) },
        { kind: "person", by: "ann", reason: "", at: at(2) },
        null,
      ] as const) {
        await store.write((tx) => tx.workspaces.save(workspace({ lock })));
        expect((await store.read((q) => q.workspaces.byName("org_1", "network")))?.lock).toStrictEqual(lock);
      }
    });

    test("by many ids at once, the missing left out", async () => {
      await given(async (tx) => {
        await aRun(tx);
        await tx.runs.insert(run({ id: "run_2" }));
      });
      const found = await store.read((q) => q.runs.byIds(["run_2", "run_none", "run_1"]));
      expect(ids(found).toSorted()).toEqual(["run_1", "run_2"]);
      expect(await store.read((q) => q.runs.byIds([]))).toEqual([]);
      const many = Array.from({ length: 3_000 }, (_, i) => `ws_${i}` as const);
      expect(ids(await store.read((q) => q.workspaces.byIds(many)))).toEqual(["ws_1"]);
    });
  });

  test("a name that is taken is refused, and the transaction goes on", async () => {
    await given(aRun);
    const refused = await store.write(async (tx) => {
      const errors: unknown[] = [];
      for (const attempt of [
        () => tx.organizations.insert(organization({ id: "org_2" })),
        () => tx.pools.insert(pool({ id: "apool_2" })),
        () => tx.workspaces.insert(workspace({ id: "ws_2" })),
      ]) {
        errors.push(await attempt().catch((error: unknown) => error));
      }
      await tx.pools.insert(pool({ id: "apool_3", organizationId: "org_other" }));
      return errors;
    });
    expect(refused).toMatchObject([{ code: "name_taken" }, { code: "name_taken" }, { code: "name_taken" }]);
    expect(await store.read((q) => q.pools.get("apool_3"))).toBeDefined();
  });

  test("saving a row under a name that is taken is refused", async () => {
    await given(async (tx) => {
      await aRun(tx);
      await tx.pools.insert(pool({ id: "apool_2", name: "other" }));
    });
    const renaming = store.write((tx) => tx.pools.save(pool({ id: "apool_2", name: "prod" })));
    await expect(renaming).rejects.toMatchObject({ code: "name_taken" });
  });

  test("two agents may not share a disk in one pool, nor may two server agents", async () => {
    await given(async (tx) => {
      await aRun(tx);
      await tx.pools.insert(pool({ id: "apool_2", name: "other" }));
      await tx.agents.insert(agent({ incarnation: "disk" }));
      await tx.agents.insert(agent({ id: "agent_2", poolId: "apool_2", incarnation: "disk" }));
      await tx.agents.insert(agent({ id: "agent_3", poolId: null, organizationId: null, incarnation: "disk" }));
    });
    for (const poolId of ["apool_1", null] as const) {
      const second = store.write((tx) => tx.agents.insert(agent({ id: "agent_4", poolId, incarnation: "disk" })));
      await expect(second).rejects.toMatchObject({ code: "name_taken" });
    }
    const found = await store.read(async (q) => [
      (await q.agents.byIncarnation("apool_1", "disk"))?.id,
      (await q.agents.byIncarnation("apool_2", "disk"))?.id,
      (await q.agents.byIncarnation(null, "disk"))?.id,
      (await q.agents.byIncarnation(null, "none"))?.id,
    ]);
    expect(found).toEqual(["agent_1", "agent_2", "agent_3", undefined]);
  });

  test("meta is inserted and overwritten", async () => {
    await store.write((tx) => tx.meta.set("a", "1"));
    await store.write((tx) => tx.meta.set("a", "2"));
    expect(await store.read(async (q) => [await q.meta.get("a"), await q.meta.get("b")])).toEqual(["2", undefined]);
  });

  test("requests are remembered for each principal and forgotten by age", async () => {
    const request = { principal: "key_1", requestId: "r", method: "m", bodyHash: "h", resourceId: "run_1", at: at(0) };
    await store.write(async (tx) => {
      await tx.requests.insert(request);
      await tx.requests.insert({ ...request, principal: "key_2", at: at(10) });
    });
    expect(await store.read((q) => q.requests.get("key_1", "r"))).toStrictEqual(request);
    expect(await store.read((q) => q.requests.countBefore(at(10)))).toBe(1);
    expect(await store.write((tx) => tx.requests.deleteBefore(at(10), 5))).toBe(1);
    expect(await store.read((q) => q.requests.get("key_1", "r"))).toBeUndefined();
    expect(await store.read((q) => q.requests.get("key_2", "r"))).toBeDefined();
    const ids = ["a", "b", "c", "d", "e"];
    await store.write(async (tx) => {
      for (const [index, requestId] of ids.entries())
        await tx.requests.insert({ ...request, requestId, at: at(index) });
    });
    expect(await store.write((tx) => tx.requests.deleteBefore(at(10), 2))).toBe(2);
    const left = await store.read(async (q) => {
      const found: boolean[] = [];
      for (const id of ids) found.push((await q.requests.get("key_1", id)) !== undefined);
      return found;
    });
    expect(left).toEqual([false, false, true, true, true]);
  });

  test("ids are found by how they begin, of one organization or of all", async () => {
    await given(async (tx) => {
      await aRun(tx);
    });
    const find = (text: string, organizationId: ReturnType<typeof organization>["id"] | null, limit = 20) =>
      store.read((q) => q.ids.beginningWith("run", { text, organizationId, limit }));
    const { id, organizationId } = run();
    expect(await find(id.slice(0, 12), organizationId)).toEqual([id]);
    expect(await find(id, null)).toEqual([id]);
    expect(await find(id.slice(0, 12), "org_01h455vb4pex5vsknk084sn0zz")).toEqual([]);
    expect(await find(`${id}0`, null)).toEqual([]);
    expect(await find("run_", null, 0)).toEqual([]);
  });

  describe("pages", () => {
    test("by name start after the given one, in byte order", async () => {
      await given(async (tx) => {
        await aRun(tx);
        for (const name of ["b", "B", "a", "é"]) await tx.pools.insert(pool({ id: `apool_${name}`, name }));
      });
      const first = await store.read((q) => q.pools.list("org_1", { after: null, limit: 3 }));
      const rest = await store.read((q) => q.pools.list("org_1", { after: "b", limit: 3 }));
      expect([first, rest].map((page) => page.map(({ name }) => name))).toEqual([
        ["B", "a", "b"],
        ["prod", "é"],
      ]);
    });

    test("by time start before the given instant and id, newest first", async () => {
      await given(async (tx) => {
        await aRun(tx);
        for (const id of ["run_2", "run_3", "run_4"] as const) await tx.runs.insert(run({ id, createdAt: at(1) }));
      });
      const filter = { organizationId: "org_1", workspaceId: "ws_1", statuses: null } as const;
      const first = await store.read((q) => q.runs.list(filter, { before: null, limit: 2 }));
      const rest = await store.read((q) => q.runs.list(filter, { before: { at: at(1), id: "run_3" }, limit: 2 }));
      expect([ids(first), ids(rest)]).toEqual([
        ["run_4", "run_3"],
        ["run_2", "run_1"],
      ]);
    });

    test("of two columns start after the given pair", async () => {
      await given(async (tx) => {
        await aRun(tx);
        await tx.agents.insert(agent({ id: "agent_1", name: "a" }));
        await tx.agents.insert(agent({ id: "agent_2", name: "a" }));
        await tx.agents.insert(agent({ id: "agent_3", name: "b", status: "exited" }));
        await tx.agents.insert(agent({ id: "agent_4", name: "c", organizationId: null, poolId: null }));
        await tx.variables.insert(variable({ id: "var_1", key: "k", category: "env" }));
        await tx.variables.insert(variable({ id: "var_2", key: "k", category: "terraform" }));
      });
      await store.read(async (q) => {
        const filter = { organizationId: "org_1", poolId: null, statuses: [], search: "" } as const;
        expect(ids(await q.agents.list(filter, { after: ["a", "agent_1"], limit: 9 }))).toEqual(["agent_2", "agent_3"]);
        expect(ids(await q.agents.list({ ...filter, statuses: ["idle", "busy"] }, everything))).toEqual([
          "agent_1",
          "agent_2",
        ]);
        expect(ids(await q.agents.list({ ...filter, organizationId: null }, everything))).toEqual(["agent_4"]);
        expect(ids(await q.agents.list({ ...filter, poolId: "apool_none" }, everything))).toEqual([]);
        expect(ids(await q.variables.list("ws_1", { after: ["k", "env"], limit: 9 }))).toEqual(["var_2"]);
        expect(ids(await q.variables.all("ws_1"))).toEqual(["var_1", "var_2"]);
      });
    });
  });

  test("organizations and tokens are listed; tokens of one pool or of all", async () => {
    await given(async (tx) => {
      await aRun(tx);
      await tx.organizations.insert(organization({ id: "org_2", name: "beta" }));
      await tx.pools.insert(pool({ id: "apool_2", name: "other" }));
      await tx.tokens.insert(token({ id: "atok_1", createdAt: at(1) }));
      await tx.tokens.insert(token({ id: "atok_2", createdAt: at(2), poolId: "apool_2" }));
    });
    await store.read(async (q) => {
      expect(ids(await q.organizations.list({ after: "acme", limit: 5 }))).toEqual(["org_2"]);
      expect((await q.organizations.byName("beta"))?.id).toBe("org_2");
      expect(ids(await q.tokens.list({ organizationId: "org_1", poolId: null }, newest))).toEqual(["atok_2", "atok_1"]);
      expect(ids(await q.tokens.list({ organizationId: "org_1", poolId: "apool_1" }, newest))).toEqual(["atok_1"]);
      expect(ids(await q.tokens.list({ organizationId: "org_2", poolId: null }, newest))).toEqual([]);
    });
  });

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
        expect(await q.jobs.countAhead(job({ id: "job_4", rank: 1, queuedAt: at(1) }))).toBe(2);
        expect(await q.jobs.countAhead(job({ id: "job_9", rank: 1, queuedAt: at(1), poolId: null }))).toBe(1);
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
