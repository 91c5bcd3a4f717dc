import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { testEngines } from "../../../test/engines.ts";
import {
  agent,
  apiKey,
  at,
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
import type { Queries, Store } from "./store.ts";

const ids = (rows: readonly { readonly id: string }[]) => rows.map(({ id }) => id);
const first = (limit: number) => ({ after: null, limit });

describe.each(testEngines)("queries over whole tables on $name", (engine) => {
  let held: AsyncDisposableStack;
  let store: Store;

  beforeEach(async () => {
    held = new AsyncDisposableStack();
    store = held.use(await openStore({ url: (await engine.urls(held)).rows }));
    await store.write(async (tx) => {
      await tx.organizations.insert(organization());
      await tx.pools.insert(pool());
      await tx.workspaces.insert(workspace());
      await tx.configurations.insert(configuration());
    });
  });
  afterEach(() => held.disposeAsync());

  const given = (fill: (tx: Queries) => Promise<void>) => store.write(fill);
  const look = <T>(query: (q: Queries["upkeep"]) => Promise<T>) => store.read((q) => query(q.upkeep));

  test("runs: those that go on, those that ended before, those with plans, a page at a time", async () => {
    await given(async (tx) => {
      await tx.runs.insert(run({ id: "run_a", status: "planning", endedAt: null }));
      await tx.runs.insert(
        run({ id: "run_b", status: "applied", endedAt: at(5), planBlobKey: "p", summaryBlobKey: "s" }),
      );
      await tx.runs.insert(run({ id: "run_c", status: "pending", endedAt: null, summaryBlobKey: "t" }));
      await tx.runs.insert(run({ id: "run_d", status: "errored", endedAt: at(9) }));
    });
    expect(ids(await look((q) => q.activeRuns(first(1))))).toEqual(["run_a"]);
    expect(ids(await look((q) => q.activeRuns({ after: "run_a", limit: 9 })))).toEqual(["run_c"]);
    expect(ids(await look((q) => q.endedRuns(at(9), first(9))))).toEqual(["run_b"]);
    expect(ids(await look((q) => q.plannedRuns(first(9))))).toEqual(["run_b", "run_c"]);
    expect(await look((q) => q.blobUses("runs", { after: "run_a", limit: 2 }))).toEqual([
      { id: "run_b", keys: ["p", "s"] },
      { id: "run_c", keys: ["t"] },
    ]);
    const used = configuration();
    expect(await look((q) => q.runsUsing(used))).toEqual(["run_a", "run_b", "run_c", "run_d"]);
    await given((tx) => tx.upkeep.deleteRun("run_b"));
    expect(ids(await look((q) => q.endedRuns(at(99), first(9))))).toEqual(["run_d"]);
    await given((tx) => tx.runs.insert(run({ id: "run_0", status: "errored", endedAt: at(20) })));
    const after = { id: "run_d", endedAt: at(9) };
    expect(ids(await look((q) => q.endedRuns(at(99), { after, limit: 9 })))).toEqual(["run_0"]);
  });

  test("runs with a state that is kept aside", async () => {
    await given(async (tx) => {
      for (const id of ["run_a", "run_b"] as const) await tx.runs.insert(run({ id }));
      await tx.states.insert(state({ id: "sv_1", runId: "run_a", status: "quarantined", serial: 2, blobKey: "x" }));
      await tx.states.insert(state({ id: "sv_2", runId: "run_b", status: "current", blobKey: "y" }));
    });
    expect([...(await look((q) => q.quarantinedRuns(["run_a", "run_b"])))]).toEqual(["run_a"]);
    expect([...(await look((q) => q.quarantinedRuns([])))]).toEqual([]);
    expect(ids(await look((q) => q.states(first(1))))).toEqual(["sv_1"]);
    expect(await look((q) => q.blobUses("states", { after: "sv_1", limit: 9 }))).toEqual([{ id: "sv_2", keys: ["y"] }]);
  });

  test("configurations, agents that have left, and the admins' keys", async () => {
    const { id } = configuration();
    await given(async (tx) => {
      await tx.configurations.insert(configuration({ id: "cv_z", createdAt: at(50) }));
      await tx.agents.insert(
        agent({ id: "agent_a", incarnation: "1", sessionTokenHash: "1", status: "exited", lastSeenAt: at(1) }),
      );
      await tx.agents.insert(
        agent({ id: "agent_b", incarnation: "2", sessionTokenHash: "2", status: "idle", lastSeenAt: at(1) }),
      );
      await tx.apiKeys.insert(
        apiKey({ id: "key_a", hash: "a", name: "admin", role: "site_admin", organizationId: null, revokedAt: null }),
      );
      await tx.apiKeys.insert(
        apiKey({ id: "key_b", hash: "b", name: "admin", role: "site_admin", organizationId: null, revokedAt: at(1) }),
      );
    });
    expect(ids(await look((q) => q.configurations(at(50), first(9))))).toEqual([id]);
    expect(ids(await look((q) => q.agents(first(9))))).toEqual(["agent_a", "agent_b"]);
    expect(ids(await look((q) => q.goneAgents("exited", at(2), first(9))))).toEqual(["agent_a"]);
    expect(ids(await look((q) => q.goneAgents("exited", at(1), first(9))))).toEqual([]);
    expect(ids(await look((q) => q.siteAdminKeys("admin")))).toEqual(["key_a"]);
    await given((tx) => tx.upkeep.deleteConfiguration("cv_z"));
    expect(await look((q) => q.blobUses("configurations", first(9)))).toEqual([
      { id, keys: [configuration().blobKey] },
    ]);
  });

  test("runs that ended, and which of them are the newest of their workspaces; when the first one ended", async () => {
    expect(await look((q) => q.firstEnd())).toBeNull();
    await given(async (tx) => {
      await tx.workspaces.insert(workspace({ id: "ws_2", name: "other" }));
      await tx.runs.insert(run({ id: "run_a", status: "applied", createdAt: at(1), endedAt: at(9) }));
      await tx.runs.insert(run({ id: "run_b", status: "applied", createdAt: at(1), endedAt: at(8) }));
      await tx.runs.insert(run({ id: "run_c", workspaceId: "ws_2", status: "errored", endedAt: at(7) }));
    });
    const found = await look((q) => q.endedRuns(at(99), first(9)));
    expect(found).toEqual([
      { id: "run_c", endedAt: at(7), isNewest: true },
      { id: "run_b", endedAt: at(8), isNewest: true },
      { id: "run_a", endedAt: at(9), isNewest: false },
    ]);
    expect(await look((q) => q.firstEnd())).toEqual(at(7));
  });

  test("superseded states: a page of all is passed by, and only they are told", async () => {
    await given(async (tx) => {
      await tx.states.insert(state({ id: "sv_1", status: "quarantined", runId: null, jobId: null }));
      await tx.states.insert(state({ id: "sv_2", status: "superseded", runId: null, jobId: null, createdAt: at(2) }));
      await tx.states.insert(state({ id: "sv_3", status: "superseded", runId: null, jobId: null, createdAt: at(3) }));
      await tx.states.insert(state({ id: "sv_4", status: "current", runId: null, jobId: null, createdAt: at(4) }));
    });
    const page = (after: string | null) => look((q) => q.supersededStates({ after, limit: 2 }));
    const [one, two, three] = [await page(null), await page("sv_2"), await page("sv_4")];
    expect([one, two, three].map(({ states, next }) => [ids(states), next])).toEqual([
      [["sv_2"], "sv_2"],
      [["sv_3"], "sv_4"],
      [[], null],
    ]);
    const places = await look(async (q) => [
      await q.acceptedStateAt("ws_1", 0),
      await q.acceptedStateAt("ws_1", 2),
      await q.acceptedStateAt("ws_1", 3),
    ]);
    expect(places).toEqual([{ at: at(4), id: "sv_4" }, { at: at(2), id: "sv_2" }, null]);
    const superseded = await look(async (q) => [
      await q.supersededAt("ws_1", { at: at(2), id: "sv_2" }),
      await q.supersededAt("ws_1", { at: at(4), id: "sv_4" }),
    ]);
    expect(superseded).toEqual([at(3), null]);
  });

  test("keys and tokens that ended before", async () => {
    await given(async (tx) => {
      await tx.apiKeys.insert(apiKey({ id: "key_a", hash: "a", revokedAt: at(1) }));
      await tx.apiKeys.insert(apiKey({ id: "key_b", hash: "b", expiresAt: at(9) }));
      await tx.apiKeys.insert(apiKey({ id: "key_c", hash: "c" }));
      await tx.tokens.insert(token({ id: "atok_a", expiresAt: at(1) }));
      await tx.tokens.insert(token({ id: "atok_b", revokedAt: at(9) }));
    });
    expect(ids(await look((q) => q.endedKeys(at(5), first(9))))).toEqual(["key_a"]);
    expect(ids(await look((q) => q.endedKeys(at(9), first(9))))).toEqual(["key_a", "key_b"]);
    expect(ids(await look((q) => q.endedTokens(at(5), first(9))))).toEqual(["atok_a"]);
    await given(async (tx) => {
      await tx.upkeep.deleteKey("key_a");
      await tx.upkeep.deleteToken("atok_a");
    });
    expect(await look((q) => q.endedKeys(at(5), first(9)))).toEqual([]);
    expect(await look((q) => q.endedTokens(at(5), first(9)))).toEqual([]);
  });

  test("agents of a token: how many they are, which are gone, and those that never came", async () => {
    const own = (id: `agent_${string}`, over: Parameters<typeof agent>[0]) => agent({ id, createdAt: at(0), ...over });
    await given(async (tx) => {
      await tx.agents.insert(own("agent_lost", { status: "errored", lastSeenAt: at(1) }));
      await tx.agents.insert(own("agent_left", { status: "exited", lastSeenAt: at(2) }));
      await tx.agents.insert(own("agent_owing", { status: "errored", lastSeenAt: at(0) }));
      await tx.agents.insert(own("agent_here", { status: "idle", lastSeenAt: at(0), createdAt: at(9) }));
      await tx.agents.insert(own("agent_ghost", { status: "unknown", lastSeenAt: at(3), sessionEpoch: 0 }));
      await tx.agents.insert(own("agent_other", { tokenId: "atok_2", status: "errored" }));
      await tx.runs.insert(run());
      await tx.jobs.insert(job({ status: "interrupted", agentId: "agent_owing" }));
    });
    const found = await store.read(async (q) => [
      await q.agents.countOfToken("atok_1", at(5)),
      ids(await q.agents.goneOfToken("atok_1", 9)),
      ids(await q.agents.goneOfToken("atok_1", 1)),
    ]);
    expect(found).toEqual([{ all: 5, recent: 1 }, ["agent_lost", "agent_left"], ["agent_lost"]]);
    const silent = (id: `agent_${string}`, seconds: number) =>
      ({ id, status: "errored", lastSeenAt: at(seconds) }) as const;
    const forget = (rows: Parameters<Queries["agents"]["forget"]>[0]) => store.step((tx) => tx.agents.forget(rows));
    expect(await forget([])).toBe(0);
    expect(await forget([silent("agent_ghost", 2), silent("agent_here", 0)])).toBe(0);
    expect(await forget([silent("agent_ghost", 3)])).toBe(1);
    expect(await store.read((q) => q.agents.get("agent_ghost"))).toBeUndefined();
  });

  test("the pools that are granted to a name, of one organization", async () => {
    await given(async (tx) => {
      await tx.pools.insert(pool({ id: "apool_b", name: "a" }));
      await tx.pools.insert(pool({ id: "apool_c", name: "c" }));
      await tx.organizations.insert(organization({ id: "org_2", name: "rival" }));
      await tx.pools.insert(pool({ id: "apool_d", organizationId: "org_2" }));
      for (const id of ["apool_1", "apool_b", "apool_d"] as const) await tx.pools.grant(id, ["net", "app"]);
      await tx.pools.grant("apool_c", ["app"]);
    });
    expect(ids(await store.read((q) => q.pools.grantedTo("org_1", "net")))).toEqual(["apool_b", "apool_1"]);
    expect(await store.read((q) => q.pools.grantedTo("org_1", "none"))).toEqual([]);
  });

  test("audit records: one may be written again, and those from before go, the oldest first", async () => {
    const event = {
      ...{ actor: "system", action: "agent.register", resource: "atok_1", organizationId: null },
      address: "192.0.2.7",
    };
    await given(async (tx) => {
      for (const [id, seconds] of Object.entries({ a: 1, b: 2, c: 3, d: 9 }))
        await tx.audit.put({ ...event, id, at: at(seconds), detail: { agents: "1" } });
      await tx.audit.put({ ...event, id: "d", at: at(9), detail: { agents: "2" } });
    });
    expect(await store.read((q) => q.audit.get("d"))).toEqual({
      ...event,
      id: "d",
      at: at(9),
      detail: { agents: "2" },
    });
    expect(await store.read((q) => q.audit.countBefore(at(9)))).toBe(3);
    expect(await store.step((tx) => tx.audit.deleteBefore(at(9), 2))).toBe(2);
    const left = await store.read(async (q) => [await q.audit.get("b"), await q.audit.get("c")]);
    expect(left).toMatchObject([undefined, { id: "c" }]);
  });

  test("what the rows take is told, and asking for room back is harmless", async () => {
    const { bytes, freeBytes } = await store.space();
    expect(bytes).toBeGreaterThan(100_000);
    expect(freeBytes === null).toBe(engine.name === "postgres");
    expect(await store.giveBack(10)).toBe(false);
  });

  test("sealed values are read and replaced, and nothing else of their rows", async () => {
    const row = variable({ id: "var_a", sealedValue: Uint8Array.of(1), isSensitive: true });
    await given(async (tx) => {
      await tx.variables.insert(row);
      await tx.variables.insert(variable({ id: "var_b", key: "plain", sealedValue: null }));
    });
    expect(await look((q) => q.sealedValues("variables", first(9)))).toEqual([
      { id: "var_a", sealedValue: Uint8Array.of(1) },
    ]);
    await given((tx) => tx.upkeep.saveSealedValue("variables", { id: "var_a", sealedValue: Uint8Array.of(2, 3) }));
    const rows = await store.read((q) => q.variables.all(workspace().id));
    const after = rows.find(({ id }) => id === "var_a");
    expect(after).toEqual({ ...row, sealedValue: Uint8Array.of(2, 3) });
    expect(await look((q) => q.sealedValues("set_variables", first(9)))).toEqual([]);
    const tokens = { id: "apool_1", sealedValue: Uint8Array.of(4) };
    await given(async (tx) => {
      await tx.providerSettings.insert(providerSettings(tokens as { id: "apool_1" }));
      await tx.providerSettings.insert(providerSettings({ id: "org_1", poolId: null }));
    });
    expect(await look((q) => q.sealedValues("provider_settings", first(9)))).toEqual([tokens]);
    await given((tx) => tx.upkeep.saveSealedValue("provider_settings", { ...tokens, sealedValue: Uint8Array.of(5) }));
    expect(await store.read((q) => q.providerSettings.get("apool_1"))).toStrictEqual(
      providerSettings({ sealedValue: Uint8Array.of(5) }),
    );
  });
});
