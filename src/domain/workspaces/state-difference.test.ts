import { expect, test } from "vitest";
import { type JsonObject, readJson } from "../../lib/json/json.ts";
import { type StateContents, type StateInstance, stateDifference } from "./state-difference.ts";

/** Of a plain object, or of JSON text. */
const named = (values: object | string): JsonObject =>
  readJson(typeof values === "string" ? values : JSON.stringify(values)) as JsonObject;

const instance = (address: string, attributes: object | string, isTainted = false): StateInstance => ({
  ...{ address, module: "", type: "t", name: "n", provider: "p", resourceId: "", isData: false },
  attributes: named(attributes),
  isTainted,
});

const state = (instances: readonly StateInstance[], outputs: object = {}): StateContents => ({
  instances,
  outputs: named(outputs),
});

test("what was added, removed and changed, by name only", () => {
  const from = state([instance("t.a", { id: "1", tags: { n: 1 } }), instance("t.b", {}), instance("t.c", { x: 1 })], {
    gone: { value: 1 },
    same: { value: [1, { a: 2 }] },
    other: { value: "secret" },
  });
  const to = state(
    [instance("t.a", { id: "1", tags: { n: 2 } }), instance("t.c", { x: 1 }, true), instance("t.d", {})],
    {
      same: { value: [1, { a: 2 }] },
      other: { value: "hunter2" },
      fresh: { value: null },
    },
  );
  expect(stateDifference(from, to)).toEqual({
    added: ["t.d"],
    removed: ["t.b"],
    changed: [
      { address: "t.a", attributes: ["tags"] },
      { address: "t.c", attributes: ["(tainted)"] },
    ],
    outputs: ["fresh", "gone", "other"],
  });
});

test("a state does not differ from itself, whatever the order of its keys", () => {
  const one = state([instance("t.a", { a: { x: 1, y: [1, 2] }, b: null })]);
  const other = state([instance("t.a", { b: null, a: { y: [1, 2], x: 1 } })]);
  expect(stateDifference(one, other)).toEqual({ added: [], removed: [], changed: [], outputs: [] });
});

test.each([
  [{ a: [1, 2] }, { a: [2, 1] }],
  [{ a: [] }, { a: {} }],
  [{ a: null }, { a: {} }],
  [{ a: 1 }, { a: "1" }],
  [{ a: [1] }, { a: [1, 2] }],
  ['{"a":9007199254740993}', '{"a":9007199254740992}'],
  ['{"a":[0.1234567890123456789012345678901234567890]}', '{"a":[0.1234567890123456789012345678901234567891]}'],
  ['{"a":1e400}', '{"a":1e401}'],
  ['{"a":{"__proto__":1}}', '{"a":{"__proto__":2}}'],
  ['{"a":{"__proto__":null}}', '{"a":{}}'],
  ['{"a":{}}', '{"a":{"toString":{}}}'],
])("%j is not %j", (before, after) => {
  const { changed } = stateDifference(state([instance("t.a", before)]), state([instance("t.a", after)]));
  expect(changed).toEqual([{ address: "t.a", attributes: ["a"] }]);
});

test.each([
  ["1E5", "100000"],
  ["1.50", "1.5"],
  ["-0", "0"],
  ["1e99999999999999999999", "10E99999999999999999998"],
])("%s is %s", (before, after) => {
  const [from, to] = [before, after].map((number) => state([instance("t.a", `{"a":${number}}`)]));
  expect(stateDifference(from as StateContents, to as StateContents).changed).toEqual([]);
});

test("names that objects of JavaScript have are names like others", () => {
  const names = ["__proto__", "constructor", "toString", "10", "9"];
  const attributes = `{${names.map((name) => `"${name}":1`).join(",")}}`;
  const { changed } = stateDifference(state([instance("t.a", {})]), state([instance("t.a", attributes)]));
  expect(changed[0]?.attributes).toEqual(names.toSorted());
});
