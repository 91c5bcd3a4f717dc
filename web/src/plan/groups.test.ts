import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { PlanAction, ResourceChangeSchema } from "../../../src/gen/windlass/v1/run_pb.ts";
import { kindOf, reasonText } from "./actions.ts";
import { firstOf, groupsOf } from "./groups.ts";

const change = (address: string, action: PlanAction, more: object = {}) =>
  create(ResourceChangeSchema, { address, action, resourceType: address.split(".").at(-2) ?? "", ...more });

const all = { text: "", kind: "" };

test("what destroys comes first, then modules, types and addresses in order", () => {
  const groups = groupsOf(
    [
      change("a.new", PlanAction.CREATE),
      change("a.x[10]", PlanAction.DESTROY),
      change("a.x[9]", PlanAction.DESTROY),
      change("module.m.a.y", PlanAction.DESTROY, { module: "module.m" }),
      change("a.r", PlanAction.REPLACE_CREATE_FIRST),
    ],
    all,
  );
  expect(
    groups.map(({ kind, modules }) => [
      kind,
      modules.map((of) => [of.module, of.changes.map(({ address }) => address)]),
    ]),
  ).toEqual([
    [
      "destroy",
      [
        ["", ["a.x[9]", "a.x[10]"]],
        ["module.m", ["module.m.a.y"]],
      ],
    ],
    ["replace", [["", ["a.r"]]]],
    ["create", [["", ["a.new"]]]],
  ]);
});

test("a move or an import without a change is of its own kind", () => {
  expect(kindOf(change("a.b", PlanAction.NO_OP, { previousAddress: "a.c" }))).toBe("move");
  expect(kindOf(change("a.b", PlanAction.NO_OP, { importId: "i-1" }))).toBe("import");
  expect(kindOf(change("a.b", PlanAction.UPDATE, { importId: "i-1" }))).toBe("update");
});

test("a filter looks into addresses and attributes", () => {
  const changes = [
    change("a.b", PlanAction.UPDATE, { attributes: [{ path: "tags.Name" }] }),
    change("a.c", PlanAction.CREATE, { previousAddress: "a.old" }),
  ];
  const found = (text: string, kind = "") =>
    groupsOf(changes, { text, kind }).flatMap(({ modules }) =>
      modules.flatMap((of) => of.changes.map((one) => one.address)),
    );
  expect(found("NAME")).toEqual(["a.b"]);
  expect(found("old")).toEqual(["a.c"]);
  expect(found("", "create")).toEqual(["a.c"]);
  expect(found("nothing")).toEqual([]);
});

test("reasons are words, also those that a newer terraform has", () => {
  const text = (action: PlanAction, actionReason: string) => reasonText(change("a.b", action, { actionReason }));
  expect(text(PlanAction.REPLACE_CREATE_FIRST, "replace_because_tainted")).toBe(
    "it is tainted, the new one is created first",
  );
  expect(text(PlanAction.DESTROY, "delete_because_of_mars")).toBe("delete because of mars");
  expect(text(PlanAction.CREATE, "")).toBe("");
});

test("the first changes of several modules leave out modules that have none of them", () => {
  const modules = ["a", "b", "c"].map((module) => ({
    module,
    changes: [change(`${module}.x`, PlanAction.CREATE), change(`${module}.y`, PlanAction.CREATE)],
  }));
  const shown = (count: number) => firstOf(modules, count).map(({ module, changes }) => `${module} ${changes.length}`);
  expect(shown(3)).toEqual(["a 2", "b 1"]);
  expect(shown(9)).toEqual(["a 2", "b 2", "c 2"]);
});
