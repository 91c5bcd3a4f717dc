import { expect, test } from "vitest";
import { type StateContents, type StateInstance, stateDifference } from "./state-difference.ts";

const instance = (address: string, attributes: StateInstance["attributes"], isTainted = false): StateInstance => ({
  ...{ address, module: "", type: "t", name: "n", provider: "p", resourceId: "", isData: false },
  attributes,
  isTainted,
});

const state = (instances: readonly StateInstance[], outputs: StateContents["outputs"] = {}): StateContents => ({
  instances,
  outputs,
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
])("%j is not %j", (before, after) => {
  const { changed } = stateDifference(state([instance("t.a", before)]), state([instance("t.a", after)]));
  expect(changed).toEqual([{ address: "t.a", attributes: ["a"] }]);
});
