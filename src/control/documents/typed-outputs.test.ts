import { expect, test } from "vitest";
import { stateSummary } from "./state-summary.ts";
import { outputKey, typedOutputIn, typedOutputsIn } from "./typed-outputs.ts";

const state = (outputs: string) =>
  Buffer.from(`{"version":4,"serial":1,"lineage":"l","outputs":${outputs},"resources":[]}`);
const all = { id: "sv_1", offset: 0, limit: 10 };

test("outputs come by name with their types, and numbers as they were written", () => {
  const bytes = state(
    '{"b":{"value":1.50e400,"type":"number"},"a":{"value":["x"],"type":["list","string"],"sensitive":true}}',
  );
  expect(typedOutputsIn(bytes, all)).toEqual({
    rows: [
      { name: "a", isSensitive: true, typeJson: '["list","string"]', valueJson: '["x"]' },
      { name: "b", isSensitive: false, typeJson: '"number"', valueJson: "1.50e400" },
    ],
    total: 2,
  });
  expect(typedOutputsIn(bytes, { ...all, offset: 1, limit: 1 }).rows.map(({ name }) => name)).toEqual(["b"]);
  expect(typedOutputIn(bytes, { id: "sv_1", key: outputKey("b") })?.name).toBe("b");
  expect(typedOutputIn(bytes, { id: "sv_1", key: outputKey("c") })).toBe(null);
  expect(stateSummary(bytes, "sv_1").outputs).toEqual([
    { name: "a", isSensitive: true, key: outputKey("a") },
    { name: "b", isSensitive: false, key: outputKey("b") },
  ]);
});

test("one without a type gets that of its value, and what is not plainly harmless is sensitive", () => {
  const [row] = typedOutputsIn(state('{"a":{"value":{"n":1,"l":[true,null]},"sensitive":"no"}}'), all).rows;
  expect(row).toMatchObject({
    isSensitive: true,
    typeJson: '["object",{"n":"number","l":["tuple",["bool","dynamic"]]}]',
  });
});

test("more than an answer has room for is refused, and read in parts", () => {
  const value = JSON.stringify("x".repeat(9 * 1024 * 1024));
  const bytes = state(`{"a":{"value":${value},"type":"string"},"b":{"value":${value},"type":"string"}}`);
  expect(() => typedOutputsIn(bytes, all)).toThrow(/read fewer at a time/);
  expect(typedOutputsIn(bytes, { ...all, limit: 1 }).rows).toHaveLength(1);
});

test("what is encrypted, or no JSON, has none that anybody could take for none", () => {
  expect(() => typedOutputsIn(Buffer.from('{"encrypted_data":"x"}'), all)).toThrow(/encrypted by tofu/);
  expect(() => typedOutputsIn(Buffer.from("x"), all)).toThrow(/cannot be shown/);
});
