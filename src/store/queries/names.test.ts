import { expect, test } from "vitest";
import { describeOnBoth, insertBasics } from "../../../test/support/store/queries.ts";
import {
  agent,
  apiKey,
  at,
  organization,
  pool,
  run,
  token,
  variableSet,
  workspace,
} from "../../../test/support/store/rows.ts";
import type { RunStatus } from "../../domain/runs/run.ts";

describeOnBoth("rows by their names and ids", (store) => {
  test("a pool is found by its exact name, in its organization", async () => {
    await store.write(async (tx) => {
      await insertBasics(tx);
      await tx.pools.insert(pool({ id: "apool_2", organizationId: "org_2" }));
      await tx.pools.insert(pool({ id: "apool_3", name: "Prod" }));
    });
    await store.read(async (q) => {
      expect((await q.pools.byName("org_1", "prod"))?.id).toBe("apool_1");
      expect((await q.pools.byName("org_2", "prod"))?.id).toBe("apool_2");
      expect((await q.pools.byName("org_1", "Prod"))?.id).toBe("apool_3");
      expect(await q.pools.byName("org_1", "PROD")).toBeUndefined();
    });
  });

  test("a workspace is found in any case of ASCII letters, and in no other spelling", async () => {
    await store.write(async (tx) => {
      await insertBasics(tx);
      await tx.workspaces.insert(workspace({ id: "ws_2", name: "Net_Work-2" }));
      await tx.workspaces.insert(workspace({ id: "ws_3", name: "other", organizationId: "org_2" }));
    });
    await store.read(async (q) => {
      const found = async (name: string) => (await q.workspaces.byNameInAnyCase("org_1", name))?.id;
      expect(await found("NETWORK")).toBe("ws_1");
      expect(await found("net_WORK-2")).toBe("ws_2");
      expect([await found("net-work-2"), await found("other"), await found("")]).toEqual([
        undefined,
        undefined,
        undefined,
      ]);
    });
  });

  test("so are pools, variable sets and organizations: of another organization, only these", async () => {
    await store.write(async (tx) => {
      await insertBasics(tx);
      await tx.pools.insert(pool({ id: "apool_2", name: "Big_Pool" }));
      await tx.pools.insert(pool({ id: "apool_3", name: "theirs", organizationId: "org_2" }));
      await tx.variableSets.insert(variableSet({ id: "vset_2", name: "Cloud_Keys" }));
      await tx.variableSets.insert(variableSet({ id: "vset_3", name: "theirs", organizationId: "org_2" }));
      await tx.organizations.insert(organization({ id: "org_3", name: "Ini_Tech" }));
    });
    await store.read(async (q) => {
      const pools = ["BIG_pool", "bigxpool", "THEIRS"].map((name) => q.pools.byNameInAnyCase("org_1", name));
      expect((await Promise.all(pools)).map((row) => row?.id)).toEqual(["apool_2", undefined, undefined]);
      const sets = ["cloud_KEYS", "cloudxkeys", "THEIRS"].map((name) => q.variableSets.byNameInAnyCase("org_1", name));
      expect((await Promise.all(sets)).map((row) => row?.id)).toEqual(["vset_2", undefined, undefined]);
      const organizations = ["ini_TECH", "RIVAL", "inixtech"].map((name) => q.organizations.byNameInAnyCase(name));
      expect((await Promise.all(organizations)).map((row) => row?.id)).toEqual(["org_3", "org_2", undefined]);
    });
  });

  test("tokens are found by many ids at once; one that is not there is left out, and one that is named twice is one", async () => {
    await store.write(async (tx) => {
      await insertBasics(tx);
      for (const id of ["2", "3"]) await tx.tokens.insert(token({ id: `atok_${id}` }));
    });
    const many = Array.from({ length: 40_000 }, (_, n) => `atok_none${n}` as const);
    await store.read(async (q) => {
      const found = await q.tokens.byIds(["atok_3", "atok_1", "atok_3", ...many]);
      expect(found.toSorted((a, b) => (a.id < b.id ? -1 : 1))).toStrictEqual([token(), token({ id: "atok_3" })]);
      expect(await q.tokens.byIds([])).toEqual([]);
    });
  });

  test("the active runs of a workspace are counted, whatever they wait for", async () => {
    const active: readonly RunStatus[] = [
      ...(["pending", "plan_queued", "planning", "planned", "apply_queued", "applying"] as const),
    ];
    const final: readonly RunStatus[] = [
      ...(["planned_and_finished", "applied", "discarded", "errored", "canceled", "force_canceled"] as const),
    ];
    await store.write(async (tx) => {
      await insertBasics(tx);
      await tx.workspaces.insert(workspace({ id: "ws_2", name: "dns" }));
      for (const status of [...active, ...final])
        await tx.runs.insert(run({ id: `run_${status}`, workspaceId: "ws_2", status }));
    });
    await store.read(async (q) => {
      expect([await q.runs.countActive("ws_2"), await q.runs.countActive("ws_9")]).toEqual([active.length, 0]);
      expect((await q.runs.active("ws_2", 99)).length).toBe(active.length);
    });
  });

  test("kept directories are counted by pool, those of the server's agent apart; who keeps none is left out", async () => {
    const kept = (n: number) => ({
      ...{ jobId: `job_${n}`, epoch: 1, runId: "run_1", workspace: "network", reason: "", path: "/x" },
      ...{ sizeBytes: 1, keptAtMs: 0 },
    });
    await store.write(async (tx) => {
      await insertBasics(tx);
      await tx.pools.insert(pool({ id: "apool_2", name: "empty" }));
      await tx.agents.insert(agent({ id: "agent_2", keptDirectories: [kept(1), kept(2)] }));
      await tx.agents.insert(agent({ id: "agent_3", status: "exited", keptDirectories: [kept(3)] }));
      await tx.agents.insert(agent({ id: "agent_4", poolId: "apool_2" }));
      const server = { organizationId: null, poolId: null, tokenId: null };
      await tx.agents.insert(agent({ id: "agent_5", ...server, keptDirectories: [kept(4)] }));
    });
    expect(await store.read((q) => q.agents.countKept())).toEqual(
      new Map([
        ["apool_1", 3],
        [null, 1],
      ]),
    );
  });

  test("a credential has ended at the very instant at which it is revoked or expires", async () => {
    const ends = (seconds: number) => [{ expiresAt: at(seconds) }, { revokedAt: at(seconds) }] as const;
    await store.write(async (tx) => {
      await insertBasics(tx);
      for (const [n, change] of [...ends(5), ...ends(6)].entries()) {
        await tx.apiKeys.insert(apiKey({ id: `key_${n}`, hash: `${n}`, ...change }));
        await tx.tokens.insert(token({ id: `atok_e${n}`, ...change }));
      }
    });
    const page = { after: null, limit: 9 };
    await store.read(async (q) => {
      const ended = async (seconds: number) => [
        (await q.upkeep.endedKeys(at(seconds), page)).map(({ id }) => id),
        (await q.upkeep.endedTokens(at(seconds), page)).map(({ id }) => id),
      ];
      expect(await ended(4)).toEqual([[], []]);
      expect(await ended(5)).toEqual([
        ["key_0", "key_1"],
        ["atok_e0", "atok_e1"],
      ]);
    });
  });
});
