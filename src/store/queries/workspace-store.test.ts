import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { testEngines } from "../../../test/engines.ts";
import {
  at,
  configuration,
  organization,
  pool,
  run,
  state,
  variable,
  variableSet,
  workspace,
} from "../../../test/support/store/rows.ts";
import type { SetVariable } from "../../domain/workspaces/variable.ts";
import { openStore } from "../open.ts";
import type { Queries, Store, WorkspaceFilter } from "../ports/store.ts";

const everything = { after: null, limit: 100 } as const;
const names = (rows: readonly { readonly name: string }[]) => rows.map(({ name }) => name);

const setVariable = (change: Partial<SetVariable> = {}): SetVariable => {
  const { workspaceId: _, ...rest } = variable();
  return { ...rest, setId: "vset_1", ...change };
};

describe.each(testEngines)("workspaces and variable sets on $name", (engine) => {
  let held: AsyncDisposableStack;
  let store: Store;

  beforeEach(async () => {
    held = new AsyncDisposableStack();
    store = held.use(await openStore({ url: (await engine.urls(held)).rows }));
    await store.write(async (tx) => {
      await tx.organizations.insert(organization());
      await tx.organizations.insert(organization({ id: "org_2", name: "rival" }));
      await tx.workspaces.insert(workspace({ tags: ["prod", "team:net"], description: "The VPC of Köln" }));
      await tx.workspaces.insert(workspace({ id: "ws_2", name: "dns", executionMode: "remote", tags: ["prod"] }));
      await tx.workspaces.insert(
        workspace({ id: "ws_3", name: "apps", lock: { kind: "person", by: "ann", reason: "", at: at(1) } }),
      );
      await tx.workspaces.insert(workspace({ id: "ws_4", organizationId: "org_2", name: "network", tags: ["prod"] }));
    });
  });
  afterEach(() => held.disposeAsync());

  const given = (fill: (tx: Queries) => Promise<void>) => store.write(fill);
  const listed = async (filter: Partial<WorkspaceFilter>, page: { after: string | null; limit: number } = everything) =>
    names(await store.read((q) => q.workspaces.list({ organizationId: "org_1", poolId: null, ...filter }, page)));

  test("workspaces are found by every condition, and by all of them together", async () => {
    expect(await listed({})).toEqual(["apps", "dns", "network"]);
    expect(await listed({ tags: ["prod"] })).toEqual(["dns", "network"]);
    expect(await listed({ tags: ["prod", "team:net"] })).toEqual(["network"]);
    expect(await listed({ tags: ["prod", "none"] })).toEqual([]);
    expect(await listed({ search: "vpc OF" })).toEqual(["network"]);
    expect(await listed({ search: "N" })).toEqual(["dns", "network"]);
    expect(await listed({ search: "%" })).toEqual([]);
    expect(await listed({ modes: ["remote"] })).toEqual(["dns"]);
    expect(await listed({ modes: ["remote", "agent"] })).toEqual(["apps", "dns", "network"]);
    expect(await listed({ isLocked: true })).toEqual(["apps"]);
    expect(await listed({ tags: ["prod"], search: "n", modes: ["agent"] })).toEqual(["network"]);
    expect(await listed({ tags: ["prod"] }, { after: "dns", limit: 1 })).toEqual(["network"]);
    expect(await store.read((q) => q.workspaces.count("org_1"))).toBe(3);
  });

  test("tags that are saved are the ones by which a workspace is found", async () => {
    const saved = workspace({ tags: ["a", "b"] });
    await given((tx) => tx.workspaces.save(saved));
    expect(await store.read((q) => q.workspaces.get("ws_1"))).toStrictEqual(saved);
    expect(await listed({ tags: ["team:net"] })).toEqual([]);
    expect(await listed({ tags: ["a", "b"] })).toEqual(["network"]);
    await given((tx) => tx.workspaces.save({ ...saved, tags: [] }));
    expect(await listed({ tags: ["a"] })).toEqual([]);
  });

  test("states are shared by name, or with everybody, within an organization only", async () => {
    const sharingWith = async (name: string, id: `ws_${string}` = "ws_3") =>
      names(await store.read((q) => q.workspaces.sharingWith({ id, organizationId: "org_1", name }, everything)));
    await given(async (tx) => {
      await tx.workspaces.setConsumers("ws_1", ["apps", "later"]);
      await tx.workspaces.setConsumers("ws_2", ["other"]);
      await tx.workspaces.setConsumers("ws_4", ["apps"]);
    });
    // A workspace without a state has nothing to share.
    expect(await sharingWith("apps")).toEqual([]);
    await given(async (tx) => {
      for (const id of ["ws_1", "ws_2", "ws_4"] as const) {
        const found = await tx.workspaces.get(id);
        if (found !== undefined) await tx.workspaces.save({ ...found, currentStateId: "sv_1" });
      }
    });
    expect(await sharingWith("apps")).toEqual(["network"]);
    expect(await sharingWith("network", "ws_1")).toEqual([]);
    const dns = await store.read((q) => q.workspaces.get("ws_2"));
    await given(async (tx) => {
      if (dns !== undefined) await tx.workspaces.save({ ...dns, sharesState: true });
    });
    expect(await sharingWith("apps")).toEqual(["dns", "network"]);
    expect(await sharingWith("dns", "ws_2")).toEqual([]);
    const pageAfter = async (after: string | null) =>
      names(await store.read((q) => q.workspaces.sharingWith(asApps, { after, limit: 1 })));
    const asApps = { id: "ws_3", organizationId: "org_1", name: "apps" } as const;
    expect([await pageAfter(null), await pageAfter("dns"), await pageAfter("network")]).toEqual([
      ["dns"],
      ["network"],
      [],
    ]);
    const network = await store.read((q) => q.workspaces.get("ws_1"));
    if (network !== undefined) await store.write((tx) => tx.workspaces.save({ ...network, sharesState: true }));
    expect(await sharingWith("apps"), "one that shares in both ways comes once").toEqual(["dns", "network"]);
    await given(async (tx) => {
      for (let n = 0; n < 210; n += 1) {
        const id = `ws_other${n}` as const;
        await tx.workspaces.insert(workspace({ id, organizationId: "org_2", name: `w${n}`, poolId: null }));
        await tx.workspaces.setConsumers(id, ["apps"]);
      }
    });
    expect(await sharingWith("apps"), "however many share with this name elsewhere").toEqual(["dns", "network"]);

    await given((tx) => tx.workspaces.moveConsumer("org_1", "apps", "later"));
    expect(await store.read((q) => q.workspaces.consumers(["ws_1", "ws_4"]))).toEqual([
      { workspaceId: "ws_4", consumerName: "apps" },
      { workspaceId: "ws_1", consumerName: "later" },
    ]);
    await given((tx) => tx.workspaces.moveConsumer("org_1", "later", null));
    expect(await store.read((q) => q.workspaces.consumers(["ws_1"]))).toEqual([]);
  });

  test("what goes with a workspace is counted, and the runs that wait", async () => {
    await given(async (tx) => {
      await tx.pools.insert(pool());
      await tx.configurations.insert(configuration());
      await tx.runs.insert(run());
      await tx.runs.insert(run({ id: "run_2", status: "applied" }));
      await tx.variables.insert(variable());
      await tx.states.insert(state({ resourceCount: 7 }));
      await tx.states.insert(state({ id: "sv_2", serial: 2, resourceCount: 3 }));
      await tx.workspaces.save(workspace({ currentStateId: "sv_2" }));
    });
    const [counts, nothing, queued] = await store.read(async (q) => [
      await q.workspaces.losses("ws_1"),
      await q.workspaces.losses("ws_2"),
      await q.workspaces.queuedRuns(["ws_1", "ws_2"]),
    ]);
    expect(counts).toEqual({
      unreadReason: "",
      stateVersions: 2,
      resources: 3,
      runs: 2,
      variables: 1,
      configurationVersions: 1,
    });
    expect(nothing).toEqual({
      unreadReason: "",
      stateVersions: 0,
      resources: 0,
      runs: 0,
      variables: 0,
      configurationVersions: 0,
    });
    expect(queued).toEqual([{ workspaceId: "ws_1", count: 1 }]);
  });

  test("a workspace gets the sets that are attached to it, and the global ones of its organization", async () => {
    await given(async (tx) => {
      await tx.variableSets.insert(variableSet());
      await tx.variableSets.insert(variableSet({ id: "vset_2", name: "all", isGlobal: true }));
      await tx.variableSets.insert(variableSet({ id: "vset_3", name: "unused" }));
      await tx.variableSets.insert(
        variableSet({ id: "vset_4", organizationId: "org_2", name: "cloud", isGlobal: true }),
      );
      await tx.variableSets.attach("vset_1", ["ws_1", "ws_2", "ws_1"]);
      await tx.variableSets.attach("vset_1", ["ws_1"]);
    });
    await store.read(async (q) => {
      const of = await q.variableSets.ofWorkspace({ id: "ws_1", organizationId: "org_1" });
      expect([names(of.attached), names(of.global)]).toEqual([["cloud"], ["all"]]);
      const none = await q.variableSets.ofWorkspace({ id: "ws_3", organizationId: "org_1" });
      expect([names(none.attached), names(none.global)]).toEqual([[], ["all"]]);
      const filter = { organizationId: "org_1", workspaceId: "ws_1" } as const;
      expect(names(await q.variableSets.list(filter, everything))).toEqual(["all", "cloud"]);
      const all = { organizationId: "org_1", workspaceId: null } as const;
      expect(names(await q.variableSets.list(all, { after: "all", limit: 1 }))).toEqual(["cloud"]);
      expect(await q.variableSets.byName("org_2", "cloud")).toMatchObject({ id: "vset_4" });
      expect(await q.variableSets.workspaces(["vset_1", "vset_3"])).toEqual([
        { setId: "vset_1", workspaceId: "ws_2", name: "dns" },
        { setId: "vset_1", workspaceId: "ws_1", name: "network" },
      ]);
    });
    await given(async (tx) => {
      await tx.variableSets.detach("vset_1", ["ws_2", "ws_3"]);
      await tx.workspaces.delete("ws_1");
    });
    expect(await store.read((q) => q.variableSets.workspaces(["vset_1"]))).toEqual([]);
  });

  test("sets and their variables come back as they were saved, and go together", async () => {
    const sealed = setVariable({ sealedValue: new Uint8Array([0, 255]), isSensitive: true, value: "" });
    const changed = variableSet({ description: "keys", isGlobal: true, version: 2, updatedAt: at(5) });
    await given(async (tx) => {
      await tx.variableSets.insert(variableSet());
      await tx.variableSets.save(changed);
      await tx.setVariables.insert(setVariable());
      await tx.setVariables.save(sealed);
      await tx.setVariables.insert(setVariable({ id: "var_2", category: "env" }));
      await tx.setVariables.insert(setVariable({ id: "var_3", key: "a" }));
    });
    await store.read(async (q) => {
      expect(await q.variableSets.get("vset_1")).toStrictEqual(changed);
      const rows = await q.setVariables.list("vset_1", everything);
      expect(rows.map(({ key, category }) => `${key}/${category}`)).toEqual([
        "a/terraform",
        "region/env",
        "region/terraform",
      ]);
      expect(rows[2]).toStrictEqual(sealed);
      const rest = await q.setVariables.list("vset_1", { after: ["region", "env"], limit: 5 });
      expect(rest.map(({ id }) => id)).toEqual(["var_1"]);
      expect(await q.variableSets.sizes(["vset_1", "vset_9"])).toEqual([{ setId: "vset_1", count: 3 }]);
    });
    expect(await store.write((tx) => tx.setVariables.delete("vset_1", "env", "region"))).toBe(true);
    expect(await store.write((tx) => tx.setVariables.delete("vset_1", "env", "region"))).toBe(false);
    await expect(store.write((tx) => tx.variableSets.insert(variableSet({ id: "vset_2" })))).rejects.toMatchObject({
      code: "name_taken",
    });
    await given((tx) => tx.variableSets.delete("vset_1"));
    expect(await store.read((q) => q.setVariables.ofSets(["vset_1"]))).toEqual([]);
  });
});
