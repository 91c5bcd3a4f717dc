import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { pooledEngines } from "../../../test/engines.ts";
import { aRun, everything, ids, newest } from "../../../test/support/store/given.ts";
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
import { openStore } from "../open.ts";
import type { Queries, Store } from "../ports/store.ts";

describe.each(pooledEngines)("the store on $name", (engine) => {
  let held: AsyncDisposableStack;
  let store: Store;

  beforeEach(async () => {
    held = new AsyncDisposableStack();
    store = held.use(await openStore({ url: (await engine.urls(held)).rows, settings: engine.settings }));
  });
  afterEach(() => held.disposeAsync());

  const given = (fill: (tx: Queries) => Promise<void>) => store.write(fill);

  test("it names its engine", () => {
    expect(store.engine).toBe(engine.name === "sqlite" ? "sqlite" : "postgres");
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
        hooks: [{ phase: "plan", name: "pre-plan.d/é", sha256: "", exitCode: 0, summary: "# é\n\u2028" }],
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
});
