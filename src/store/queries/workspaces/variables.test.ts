import { expect, test } from "vitest";
import { describeOnBoth, insertBasics } from "../../../../test/support/store/queries.ts";
import { at, variable, variableSet, workspace } from "../../../../test/support/store/rows.ts";
import type { FormerSecret, VariableCategory } from "../../../domain/workspaces/variable.ts";
import type { Pair } from "../../ports/pages.ts";

const secret = (id: string, change: Partial<FormerSecret> = {}): FormerSecret => ({
  ...{ id: `var_${id}`, workspaceId: "ws_1", setId: null, sealedValue: new Uint8Array([0, 1, 255]) },
  ...{ isHcl: false, replacedAt: at(0), ...change },
});
const ids = (rows: readonly { readonly id: string }[]) => rows.map(({ id }) => id);

describeOnBoth("what sensitive variables were", (store) => {
  test("comes back whole, of workspaces and of sets together, the newest first", async () => {
    const ofSet = { workspaceId: null, setId: "vset_1" } as const;
    await store.write(async (tx) => {
      await insertBasics(tx);
      await tx.workspaces.insert(workspace({ id: "ws_2", name: "dns" }));
      await tx.variableSets.insert(variableSet());
      for (const row of [
        secret("old"),
        secret("b", { replacedAt: at(2) }),
        secret("c", { replacedAt: at(2), isHcl: true }),
        secret("set", { ...ofSet, replacedAt: at(1) }),
        secret("other", { workspaceId: "ws_2", replacedAt: at(9) }),
      ])
        await tx.formerSecrets.insert(row);
    });
    await store.read(async (q) => {
      const of = (workspaceIds: readonly `ws_${string}`[], setIds: readonly `vset_${string}`[]) =>
        q.formerSecrets.of({ workspaceIds, setIds });
      const all = await of(["ws_1"], ["vset_1"]);
      expect(ids(all)).toEqual(["var_c", "var_b", "var_set", "var_old"]);
      expect(all[0]).toStrictEqual(secret("c", { replacedAt: at(2), isHcl: true }));
      expect(ids(await of(["ws_1", "ws_2"], []))).toEqual(["var_other", "var_c", "var_b", "var_old"]);
      expect(ids(await of([], ["vset_1"]))).toEqual(["var_set"]);
      expect(await of([], [])).toEqual([]);
    });
  });

  test("of more holders than a statement takes parameters is found all the same", async () => {
    await store.write(async (tx) => {
      await insertBasics(tx);
      await tx.formerSecrets.insert(secret("one"));
    });
    const many = Array.from({ length: 40_000 }, (_, n) => `ws_none${n}` as const);
    const found = await store.read((q) => q.formerSecrets.of({ workspaceIds: [...many, "ws_1"], setIds: [] }));
    expect(ids(found)).toEqual(["var_one"]);
  });

  test("is forgotten one by one, or with its workspace or set", async () => {
    await store.write(async (tx) => {
      await insertBasics(tx);
      await tx.variableSets.insert(variableSet());
      for (const id of ["a", "b", "c"]) await tx.formerSecrets.insert(secret(id));
      await tx.formerSecrets.insert(secret("d", { workspaceId: null, setId: "vset_1" }));
    });
    const left = () =>
      store.read(async (q) => ids(await q.formerSecrets.of({ workspaceIds: ["ws_1"], setIds: ["vset_1"] })));
    await store.write((tx) => tx.formerSecrets.delete([]));
    await store.write((tx) => tx.formerSecrets.delete(["var_a", "var_c", "var_none"]));
    expect(await left()).toEqual(["var_d", "var_b"]);
    await store.write((tx) => tx.workspaces.delete("ws_1"));
    expect(await left()).toEqual(["var_d"]);
    await store.write((tx) => tx.variableSets.delete("vset_1"));
    expect(await left()).toEqual([]);
  });
});

describeOnBoth("variables", (store) => {
  const keys: readonly (readonly [string, VariableCategory])[] = [
    ...[["B", "env"] as const, ["a", "env"] as const, ["a", "terraform"] as const, ["a_b", "env"] as const],
    ...[["é", "terraform"] as const, ["\u{1f600}", "env"] as const],
  ];

  test("are paged by key and category, in the order of their bytes", async () => {
    await store.write(async (tx) => {
      await insertBasics(tx);
      for (const [n, [key, category]] of keys.toReversed().entries())
        await tx.variables.insert(variable({ id: `var_${n}`, key, category }));
    });
    const page = (after: Pair | null, limit: number) =>
      store.read(async (q) =>
        (await q.variables.list("ws_1", { after, limit })).map(({ key, category }) => [key, category]),
      );
    expect(await page(null, 99)).toEqual(keys);
    expect(await page(["a", "env"], 2)).toEqual(keys.slice(2, 4));
    expect(await page(["a", ""], 1)).toEqual([["a", "env"]]);
    expect(await page(["\u{1f600}", "env"], 99)).toEqual([]);
  });
});
