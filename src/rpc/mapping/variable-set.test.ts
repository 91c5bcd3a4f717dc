import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { changesByField, fixedFields, shown, unsetFields } from "../../../test/support/mapping.ts";
import { at, variableSet } from "../../../test/support/store/rows.ts";
import { VariableSetSchema } from "../../gen/windlass/v1/variable_pb.ts";
import { fromVariableSet, toVariableSet, variableSetFields } from "./variable-set.ts";

const full = {
  set: variableSet({ description: "for all", isGlobal: true, isPriority: true, updatedAt: at(1), version: 2 }),
  ...{ organizationName: "acme", workspaces: ["dns", "network"], variableCount: 5 },
};

test("a set is told with the workspaces that it is attached to, and how much is in it", () => {
  expect(shown(VariableSetSchema, toVariableSet(full))).toEqual({
    ...{ id: "vset_1", name: "cloud", organization: "acme", description: "for all", etag: "2" },
    ...{ isGlobal: true, isPriority: true },
    ...{ workspaces: ["dns", "network"], variableCount: 5 },
    ...{ createTime: "2026-01-02T03:04:05.678Z", updateTime: "2026-01-02T03:04:06.678Z" },
  });
  expect(unsetFields(VariableSetSchema, toVariableSet(full))).toEqual([]);
});

test("a set comes back with what its writer may say, whole or field by field", () => {
  const message = create(VariableSetSchema, toVariableSet(full));
  expect(fromVariableSet(message)).toEqual({
    ...{ name: "cloud", description: "for all", isGlobal: true, isPriority: true },
  });
  expect(changesByField(variableSetFields, message)).toEqual({
    name: { name: "cloud" },
    description: { description: "for all" },
    is_global: { isGlobal: true },
    is_priority: { isPriority: true },
  });
  expect(fixedFields(VariableSetSchema, variableSetFields)).toEqual([
    ...["id", "organization", "workspaces", "variable_count", "create_time", "update_time", "etag"],
  ]);
});
