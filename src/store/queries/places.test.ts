import { expect, test } from "vitest";
import { describeOnBoth, insertBasics } from "../../../test/support/store/queries.ts";
import { agent, at, state, workspace } from "../../../test/support/store/rows.ts";
import type { Pair, Position } from "../ports/pages.ts";

/** Ids of five rows, the first two of one moment, the last of another owner. */
const letters = ["a", "b", "c", "d", "e"] as const;
const momentOf = (index: number) => at(Math.max(0, index - 1));

describeOnBoth("the place after so many rows", (store) => {
  test("of agents is a name with its id, since names are given twice", async () => {
    await store.write(async (tx) => {
      await insertBasics(tx);
      await tx.agents.delete("agent_1");
      for (const id of ["d", "c", "b", "a"] as const)
        await tx.agents.insert(agent({ id: `agent_${id}`, name: id < "c" ? "vm" : "vm-2" }));
      await tx.agents.insert(agent({ id: "agent_s", name: "a", organizationId: null, poolId: null }));
    });
    await store.read(async (q) => {
      const after = (key: Pair | null, rows: number) => q.agents.placeAfter("org_1", { after: key, rows });
      expect(await after(null, 1)).toEqual(["vm", "agent_a"]);
      expect(await after(null, 4)).toEqual(["vm-2", "agent_d"]);
      expect(await after(["vm", "agent_a"], 2)).toEqual(["vm-2", "agent_c"]);
      expect(await after(null, 5)).toBeNull();
      expect(await q.agents.placeAfter(null, { after: null, rows: 1 })).toEqual(["a", "agent_s"]);
    });
  });

  test("of workspaces is a name, in the order of bytes", async () => {
    await store.write(async (tx) => {
      await insertBasics(tx);
      for (const name of ["b", "B", "a_", "a-"]) await tx.workspaces.insert(workspace({ id: `ws_${name}`, name }));
      await tx.workspaces.insert(workspace({ id: "ws_x", name: "A", organizationId: "org_2" }));
    });
    await store.read(async (q) => {
      const after = (name: string | null, rows: number) => q.workspaces.placeAfter("org_1", { after: name, rows });
      expect([await after(null, 1), await after(null, 2), await after(null, 3)]).toEqual(["B", "a-", "a_"]);
      expect([await after("a-", 2), await after("b", 1), await after("b", 2)]).toEqual(["b", "network", null]);
    });
  });

  test("of states is counted from the newest, whatever became of them", async () => {
    await store.write(async (tx) => {
      await insertBasics(tx);
      await tx.workspaces.insert(workspace({ id: "ws_2", name: "dns" }));
      for (const [n, id] of letters.entries())
        await tx.states.insert(
          state({
            ...{ id: `sv_${id}`, createdAt: momentOf(n), workspaceId: id === "e" ? "ws_2" : "ws_1" },
            status: n % 2 === 0 ? "quarantined" : "superseded",
          }),
        );
    });
    await store.read(async (q) => {
      const after = (before: Position | null, rows: number) => q.states.placeAfter("ws_1", { before, rows });
      expect(await after(null, 1)).toEqual({ at: momentOf(3), id: "sv_d" });
      expect(await after(null, 3)).toEqual({ at: momentOf(1), id: "sv_b" });
      expect(await after({ at: momentOf(1), id: "sv_b" }, 1)).toEqual({ at: momentOf(0), id: "sv_a" });
      expect(await after({ at: momentOf(1), id: "sv_b" }, 2)).toBeNull();
    });
  });

  test("of audit records is counted either way, within a time and an organization", async () => {
    await store.write(async (tx) => {
      for (const [n, id] of letters.entries()) {
        const organizationId = id === "e" ? null : ("org_1" as const);
        await tx.audit.put({
          ...{ id, organizationId, at: momentOf(n), actor: "ann", action: "x", resource: "r", detail: {} },
          address: "",
        });
      }
    });
    const all = { organizationId: null, since: null, until: null };
    const some = { organizationId: "org_1", since: at(1), until: at(2) } as const;
    await store.read(async (q) => {
      const down = (before: Position | null, rows: number) => q.audit.placeAfter(all, { before, rows });
      const up = (after: Position | null, rows: number) => q.audit.placeForward(all, { after, rows });
      expect([(await down(null, 1))?.id, (await down(null, 5))?.id, await down(null, 6)]).toEqual(["e", "a", null]);
      expect([(await up(null, 1))?.id, (await up(null, 5))?.id, await up(null, 6)]).toEqual(["a", "e", null]);
      // Two of one moment are told apart by their ids.
      expect((await down({ at: momentOf(1), id: "b" }, 1))?.id).toBe("a");
      expect((await up({ at: momentOf(0), id: "a" }, 1))?.id).toBe("b");
      expect(await q.audit.placeAfter(some, { before: null, rows: 1 })).toEqual({ at: at(1), id: "c" });
      expect(await q.audit.placeAfter(some, { before: null, rows: 2 })).toBeNull();
      expect((await q.audit.placeForward(some, { after: null, rows: 1 }))?.id).toBe("c");
      expect(await q.audit.placeForward(some, { after: null, rows: 2 })).toBeNull();
    });
  });
});
