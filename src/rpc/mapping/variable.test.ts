import { create, fromJson } from "@bufbuild/protobuf";
import fc from "fast-check";
import { expect, test } from "vitest";
import { EffectiveVariableSchema, VariableCategorySchema, VariableSchema } from "../../gen/windlass/v1/variable_pb.ts";
import { variable, variableSet } from "../../store/fixture-rows.ts";
import { namedValues, shown, unknownValue, unnamedValues, unsetFields } from "./testing.ts";
import { fromCategory, fromVariable, toEffectiveVariable, toVariable, variableCategories } from "./variable.ts";

test("each category has its value and is read from it again; any other value is terraform", () => {
  expect(namedValues(VariableCategorySchema, variableCategories)).toEqual({
    terraform: "VARIABLE_CATEGORY_TERRAFORM",
    env: "VARIABLE_CATEGORY_ENV",
  });
  expect(unnamedValues(VariableCategorySchema, variableCategories)).toEqual([]);
  for (const [category, value] of Object.entries(variableCategories)) expect(fromCategory(value)).toBe(category);
  for (const json of [{}, { category: unknownValue }])
    expect(fromCategory(fromJson(VariableSchema, json).category)).toBe("terraform");
});

test("a variable is told whole", () => {
  const row = variable({ category: "env", isHcl: true, description: "where it runs" });
  expect(shown(VariableSchema, toVariable(row))).toEqual({
    ...{ id: "var_1", key: "region", value: "eu", category: "VARIABLE_CATEGORY_ENV", hcl: true },
    ...{ description: "where it runs", updateTime: "2026-01-02T03:04:05.678Z" },
  });
  expect(unsetFields(VariableSchema, toVariable(row))).toEqual(["sensitive"]);
});

test("of a sensitive one neither the value nor what it is sealed as is told, even if a row has both", () => {
  const row = variable({ isSensitive: true, value: "hunter2", sealedValue: Buffer.from("sealed") });
  expect(shown(VariableSchema, toVariable(row))).toEqual({
    ...{ id: "var_1", key: "region", category: "VARIABLE_CATEGORY_TERRAFORM", sensitive: true },
    updateTime: "2026-01-02T03:04:05.678Z",
  });
  const told = shown(EffectiveVariableSchema, toEffectiveVariable({ variable: row, set: null, hidden: [] }));
  expect(JSON.stringify(told)).not.toMatch(/hunter2|sealed|c2VhbGVk/);
});

test("what a run gets is told with the set that it comes from, and the first hundred that it hides", () => {
  const hidden = Array.from({ length: 101 }, (_, n) => variableSet({ name: `set-${n}` }));
  const message = toEffectiveVariable({ variable: variable(), set: variableSet({ name: "common" }), hidden });
  const { variableSet: set, overrides } = create(EffectiveVariableSchema, message);
  expect([set, overrides.length, overrides[0], overrides[99]]).toEqual(["common", 100, "set-0", "set-99"]);
  const own = toEffectiveVariable({ variable: variable(), set: null, hidden: [] });
  expect(unsetFields(EffectiveVariableSchema, own)).toEqual([
    ...["variable.hcl", "variable.sensitive", "variable.description", "variable_set", "overrides"],
  ]);
});

test("what is plain comes back exactly as it was told, whatever its texts are", () => {
  const words = {
    ...{ key: fc.string({ unit: "grapheme" }), value: fc.string({ unit: "grapheme" }), description: fc.string() },
    ...{ category: fc.constantFrom("terraform" as const, "env" as const), isHcl: fc.boolean() },
  };
  fc.assert(
    fc.property(fc.record(words), (wanted) => {
      const read = fromVariable(create(VariableSchema, toVariable(variable(wanted))));
      expect(read).toEqual({ ...wanted, isSensitive: false });
    }),
  );
});

test("a sensitive value travels from its writer, and id and time do not", () => {
  const message = create(VariableSchema, { ...toVariable(variable({ isSensitive: true })), value: "hunter2" });
  expect(fromVariable(message)).toEqual({
    ...{ key: "region", value: "hunter2", category: "terraform", isHcl: false, isSensitive: true, description: "" },
  });
});
