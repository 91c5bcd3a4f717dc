import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { testEngines } from "../../test/engines.ts";
import {
  agent,
  apiKey,
  at,
  configuration,
  organization,
  pool,
  run,
  state,
  variable,
  workspace,
} from "./fixture-rows.ts";
import { openStore } from "./open.ts";
import type { Queries, Store } from "./ports.ts";

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
    expect(ids(await look((q) => q.exitedAgents(at(2), first(9))))).toEqual(["agent_a"]);
    expect(ids(await look((q) => q.exitedAgents(at(1), first(9))))).toEqual([]);
    expect(ids(await look((q) => q.siteAdminKeys("admin")))).toEqual(["key_a"]);
    await given((tx) => tx.upkeep.deleteConfiguration("cv_z"));
    expect(await look((q) => q.blobUses("configurations", first(9)))).toEqual([
      { id, keys: [configuration().blobKey] },
    ]);
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
  });
});
