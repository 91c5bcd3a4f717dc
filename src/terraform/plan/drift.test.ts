import { expect, test } from "vitest";
import { exact, plain } from "../../../test/support/json.ts";
import { type DriftContext, shownDrift } from "./drift.ts";
import { type PlanFacts, summarizePlan } from "./plan.ts";

const summarize = (document: string, facts?: PlanFacts) => plain(summarizePlan(document, [], facts));

const change = (before: object | null, after: object | null, marks: object = {}) => ({
  address: "t.a",
  change: { actions: ["update"], before, after, before_sensitive: {}, after_sensitive: marks },
});
const on = (...attribute: readonly unknown[]) => ({ resource: "t.a", attribute });
const relevantOf = ({
  resource = "",
  attribute,
}: {
  readonly resource?: string;
  readonly attribute: readonly unknown[];
}) => ({
  resource,
  attribute: attribute.map(exact),
});
const shown = (
  { address, change: sides }: ReturnType<typeof change>,
  relevant: readonly Parameters<typeof relevantOf>[0][],
  rest: Partial<DriftContext> = {},
) => {
  const [before, after] = [exact(sides.before), exact(sides.after)];
  const marks = { before_sensitive: exact(sides.before_sensitive), after_sensitive: exact(sides.after_sensitive) };
  const drift = [{ address, change: { ...sides, ...marks, before, after } }];
  const context = { relevant: relevant.map(relevantOf), isRefreshOnly: false, isEmpty: false, ...rest };
  return shownDrift(drift, context).map((found) => plain(found.change.after ?? null));
};

const role = change({ roles: null, limit: -1 }, { roles: [], limit: 5 });
const nested = change(
  { tags: { a: "1", b: "1" }, list: [{ n: 1 }, { n: 2 }], text: null },
  { tags: { a: "1", b: "2" }, list: [{ n: 1 }, { n: 3 }], text: "" },
);

test("drift is shown only where the plan depends on it, and only that part of it", () => {
  expect(shown(role, [])).toEqual([]);
  expect(shown(role, [{ resource: "t.other", attribute: ["limit"] }])).toEqual([]);
  expect(shown(role, [on("name")])).toEqual([]);
  expect(shown(role, [on("roles")])).toEqual([{ roles: [], limit: -1 }]);
  expect(shown(role, [on()])).toEqual([{ roles: [], limit: 5 }]);
  expect(shown(role, [{ attribute: ["limit"] }])).toEqual([{ roles: null, limit: 5 }]);
});

test("a path leads into maps and lists, and an index may stand in quotes", () => {
  expect(shown(nested, [on("tags", "a")])).toEqual([]);
  expect(shown(nested, [on("tags", "b")])).toEqual([{ ...nested.change.before, tags: { a: "1", b: "2" } }]);
  expect(shown(nested, [on("list", 0)])).toEqual([]);
  expect(shown(nested, [on("list", "1", "n")])).toEqual([{ ...nested.change.before, list: [{ n: 1 }, { n: 3 }] }]);
  expect(shown(nested, [on("text")])).toEqual([]);
});

test("an object that is gone is shown if the plan depends on any of it; a mark alone is a change", () => {
  expect(shown(change({ n: 1 }, null), [on("other")])).toEqual([null]);
  expect(shown(change({ n: 1 }, null), [])).toEqual([]);
  const marked = change({ n: 1 }, { n: 1 });
  const secret = change({ n: 1 }, { n: 1 }, { n: true });
  expect(shown(marked, [on("n")])).toEqual([]);
  expect(shown(secret, [on("n")])).toEqual([{ n: 1 }]);
});

test("a refresh-only plan shows all drift, and a plan without changes none", () => {
  expect(shown(role, [], { isRefreshOnly: true })).toEqual([{ roles: [], limit: 5 }]);
  expect(shown(role, [on("roles")], { isEmpty: true })).toEqual([]);
});

test("a summary has the drift that terraform shows, a replacement that forgets as one, and write-only values", () => {
  const base = { mode: "managed", type: "t", name: "a", provider_name: "p" };
  const document = (changes: object) =>
    JSON.stringify({ terraform_version: "1.11.4", resource_drift: [{ ...base, ...role }], ...changes });
  const forgetting = {
    ...base,
    address: "t.b",
    change: { actions: ["forget", "create"], before: { n: 1 }, after: { n: 2 } },
  };
  const created = {
    ...base,
    address: "t.c",
    change: { actions: ["create"], before: null, after: { password_wo: null, n: 1 } },
  };
  const summary = summarize(document({ resource_changes: [forgetting, created], relevant_attributes: [on("roles")] }));
  expect(summary).toMatchObject({
    add: 2,
    change: 0,
    destroy: 0,
    forget: 1,
    drift: [{ after: { roles: [], limit: -1 } }],
  });
  expect(summary.resources).toMatchObject([
    { address: "t.b", action: "forget-then-create", before: { n: 1 }, after: { n: 2 } },
    { address: "t.c", after: { n: 1, password_wo: { masked: true, writeOnly: true } } },
  ]);
  expect(summarize(document({ resource_changes: [] })).drift).toEqual([]);
  expect(summarize(document({}), { isRefreshOnly: true, isTofu: false }).drift).toHaveLength(1);
});

test.each([
  [false, "null"],
  [true, '{"masked":true,"changed":true,"writeOnly":true}'],
])("beside an update a write-only value is shown if the program is OpenTofu: %s", (isTofu, shownAs) => {
  const update = {
    address: "t.c",
    change: { actions: ["update"], before: { x_wo: null, n: 1 }, after: { x_wo: null, n: 2 } },
  };
  const summary = summarize(JSON.stringify({ resource_changes: [update] }), { isRefreshOnly: false, isTofu });
  const [resource] = summary.resources;
  expect(JSON.stringify(Object(resource?.after).x_wo)).toBe(shownAs);
});
