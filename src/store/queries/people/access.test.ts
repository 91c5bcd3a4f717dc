import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { testEngines } from "../../../../test/engines.ts";
import {
  agent,
  apiKey,
  at,
  claimedJob,
  configuration,
  job,
  organization,
  pool,
  run,
  state,
  token,
  workspace,
} from "../../../../test/support/store/rows.ts";
import type { AuditFilter } from "../../../domain/people/audit.ts";
import { openStore } from "../../open.ts";
import type { Queries, Store } from "../../ports/store.ts";

const newest = { before: null, limit: 100 } as const;

describe.each(testEngines)("credentials, records and numbers on $name", (engine) => {
  let held: AsyncDisposableStack;
  let store: Store;

  beforeEach(async () => {
    held = new AsyncDisposableStack();
    store = held.use(await openStore({ url: (await engine.urls(held)).rows }));
    await store.write(async (tx) => {
      await tx.organizations.insert(organization());
      await tx.organizations.insert(organization({ id: "org_2", name: "rival" }));
      await tx.pools.insert(pool());
    });
  });
  afterEach(() => held.disposeAsync());

  test("credentials are found by hash, and their last use only moves on when it is old", async () => {
    const use = (seconds: number, ifBefore: number) => ({
      at: at(seconds),
      ifBefore: at(ifBefore),
      address: `10.0.0.${seconds}`,
    });
    await store.write(async (tx) => {
      await tx.apiKeys.insert(apiKey());
      await tx.tokens.insert(token());
    });
    await store.step(async (tx) => {
      await tx.tokens.touch("atok_1", use(10, 0));
      await tx.tokens.touch("atok_1", use(20, 5));
      await tx.apiKeys.touch("key_1", use(10, 0));
      await tx.apiKeys.touch("key_1", use(30, 10));
    });
    const used = (seconds: number) => ({ lastUsedAt: at(seconds), lastUsedAddress: `10.0.0.${seconds}` });
    expect(await store.read((q) => q.tokens.byHash("hash-of-atok_1"))).toMatchObject(used(10));
    expect(await store.read((q) => q.apiKeys.byHash("hash-of-key-1"))).toMatchObject(used(30));
  });

  test("keys are listed newest first, of one organization or all, and lasting admins are counted", async () => {
    const admin = { role: "site_admin", organizationId: null } as const;
    await store.write(async (tx) => {
      await tx.apiKeys.insert(apiKey({ id: "key_1", hash: "1", createdAt: at(1) }));
      await tx.apiKeys.insert(apiKey({ id: "key_2", hash: "2", createdAt: at(2), organizationId: "org_2" }));
      await tx.apiKeys.insert(apiKey({ id: "key_3", hash: "3", createdAt: at(3), ...admin }));
      await tx.apiKeys.insert(apiKey({ id: "key_4", hash: "4", createdAt: at(4), ...admin, expiresAt: at(99) }));
      await tx.apiKeys.insert(apiKey({ id: "key_5", hash: "5", createdAt: at(5), ...admin, revokedAt: at(9) }));
    });
    const ids = async (list: (q: Queries) => ReturnType<Queries["apiKeys"]["list"]>) =>
      (await store.read(list)).map(({ id }) => id);
    expect(await ids((q) => q.apiKeys.list("org_1", newest))).toEqual(["key_1"]);
    expect(await ids((q) => q.apiKeys.list(null, { before: { at: at(5), id: "key_5" }, limit: 2 }))).toEqual([
      "key_4",
      "key_3",
    ]);
    expect(await store.read((q) => q.apiKeys.countLastingAdmins("key_1"))).toBe(1);
    expect(await store.read((q) => q.apiKeys.countLastingAdmins("key_3"))).toBe(0);
  });

  describe("records of changes", () => {
    const all: AuditFilter = { organizationId: null, action: "", actor: "", resource: "", since: null, until: null };
    const rows = [
      {
        organizationId: "org_1",
        at: at(1),
        actor: "ann (key_1)",
        action: "pool.create",
        resource: "apool_1",
        address: "",
      },
      { organizationId: "org_1", at: at(2), actor: "system", action: "pool.grant", resource: "apool_1", address: "" },
      {
        organizationId: "org_2",
        at: at(3),
        actor: "bob_% (key_2)",
        action: "poolside.swim",
        resource: "ws_1",
        address: "192.0.2.7",
      },
      {
        organizationId: null,
        at: at(4),
        actor: "root (key_0)",
        action: "key.create",
        resource: "key_9",
        address: "::1",
      },
    ] as const;

    beforeEach(() =>
      store.write(async (tx) => {
        for (const row of rows) await tx.audit.insert({ ...row, detail: { name: row.action } });
      }),
    );
    const actions = async (filter: Partial<AuditFilter>) =>
      (await store.read((q) => q.audit.list({ ...all, ...filter }, newest))).map(({ action }) => action);

    test("come back whole, each with an id of its own", async () => {
      const kept = await store.read((q) => q.audit.list(all, newest));
      expect(kept.map(({ id: _id, ...row }) => row)).toStrictEqual(
        rows.map((row) => ({ ...row, detail: { name: row.action } })).reverse(),
      );
      expect(new Set(kept.map(({ id }) => id)).size).toBe(rows.length);
    });

    test.each<[string, Partial<AuditFilter>, readonly string[]]>([
      ["of an organization", { organizationId: "org_1" }, ["pool.grant", "pool.create"]],
      ["by how the action begins", { action: "pool." }, ["pool.grant", "pool.create"]],
      ["by one action", { action: "pool.grant" }, ["pool.grant"]],
      ["by what the actor contains", { actor: "key_" }, ["key.create", "poolside.swim", "pool.create"]],
      ["with signs that are no wildcards", { actor: "b_%" }, ["poolside.swim"]],
      ["by the resource", { resource: "ws_1" }, ["poolside.swim"]],
      ["from one instant to before another", { since: at(2), until: at(4) }, ["poolside.swim", "pool.grant"]],
      ["by everything at once", { organizationId: "org_1", action: "pool", actor: "ann", resource: "apool_2" }, []],
    ])("are found %s", async (_what, filter, found) => {
      expect(await actions(filter)).toEqual(found);
    });

    test("are paged in both directions, those of one instant by their ids", async () => {
      await store.write(async (tx) => {
        for (const _ of [1, 2, 3]) await tx.audit.insert({ ...rows[3], action: "key.revoke", detail: {} });
      });
      const forward: string[] = [];
      for (let after: { readonly at: Date; readonly id: string } | null = null; ; ) {
        const [row] = await store.read((q) => q.audit.listForward(all, { after, limit: 1 }));
        if (row === undefined) break;
        forward.push(row.id);
        after = row;
      }
      const backward = await store.read((q) => q.audit.list(all, { before: null, limit: 3 }));
      const rest = await store.read((q) => q.audit.list(all, { before: backward[2] ?? null, limit: 100 }));
      expect(forward).toEqual([...backward, ...rest].map(({ id }) => id).reverse());
    });
  });

  test("numbers count what there is now, of one organization", async () => {
    await store.write(async (tx) => {
      const lost = { kind: "run", runId: "run_9", at: at(3) } as const;
      await tx.workspaces.insert(workspace());
      await tx.workspaces.insert(workspace({ id: "ws_2", name: "dns", lock: lost }));
      await tx.workspaces.insert(workspace({ id: "ws_3", name: "far", organizationId: "org_2" }));
      await tx.configurations.insert(configuration());
      for (const [id, status] of [
        ["run_1", "planned"],
        ["run_2", "applying"],
        ["run_3", "applied"],
      ] as const)
        await tx.runs.insert(run({ id, status }));
      await tx.runs.insert(run({ id: "run_9", workspaceId: "ws_2", status: "errored" }));
      await tx.agents.insert(agent({ id: "agent_1", status: "idle" }));
      await tx.agents.insert(agent({ id: "agent_2", status: "busy" }));
      await tx.agents.insert(agent({ id: "agent_3", status: "exited" }));
      await tx.jobs.insert(job({ id: "job_1" }));
      await tx.jobs.insert(claimedJob({ id: "job_2" }));
      await tx.jobs.insert(job({ id: "job_3", status: "finished" }));
      await tx.states.insert(state());
      await tx.states.insert(state({ id: "sv_2", serial: 2, status: "quarantined" }));
    });
    expect(await store.read((q) => q.stats.ofOrganization("org_1"))).toStrictEqual({
      workspaces: 2,
      pools: 1,
      connectedAgents: 2,
      busyAgents: 1,
      activeRuns: 2,
      runsToConfirm: 1,
      queuedJobs: 1,
      runningJobs: 1,
      interruptedWorkspaces: 1,
      quarantinedStates: 1,
    });
    expect(await store.read((q) => q.stats.ofOrganization("org_2"))).toMatchObject({ workspaces: 1, pools: 0 });
  });
});
