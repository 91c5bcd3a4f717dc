import { afterAll, beforeAll, expect, test } from "vitest";
import { openTestTfe, resourceBody, type TestTfe } from "../support/tfe.ts";
import { nameFor } from "./rows/made.ts";

let tfe: TestTfe;
beforeAll(async () => {
  tfe = await openTestTfe();
});
afterAll(() => tfe[Symbol.asyncDispose]());

const make = async (relationships?: Readonly<Record<string, unknown>>) => {
  const body = resourceBody("workspaces", { name: nameFor("ws") }, relationships);
  return (await tfe.call("POST", "/organizations/acme/workspaces", body)).document.data;
};
const tagNames = (...names: readonly string[]) => ({
  data: names.map((name) => ({ type: "tags", attributes: { name } })),
});
const bindings = (values: Readonly<Record<string, string | undefined>>) => ({
  data: Object.entries(values).map(([key, value]) => ({ type: "tag-bindings", attributes: { key, value } })),
});
const namesOf = (document: { data: { attributes: { name: string } }[] }) =>
  document.data.map(({ attributes }) => attributes.name);
const pairs = (document: { data: { attributes: { key: string; value?: string } }[] }) =>
  Object.fromEntries(document.data.map(({ attributes: { key, value } }) => [key, value ?? ""]));

test("plain tags are added and taken by name and by id, and are counted in their organization", async () => {
  const first = await make({ tags: tagNames("b-one", "a-one") });
  expect(first.attributes["tag-names"]).toEqual(["a-one", "b-one"]);
  const own = `/workspaces/${first.id}/relationships/tags`;
  const { document } = await tfe.call("GET", own);
  expect(namesOf(document)).toEqual(["a-one", "b-one"]);
  const { id } = document.data[0];
  const second = await make();
  const taken = await tfe.call("POST", `/workspaces/${second.id}/relationships/tags`, { data: [{ type: "tags", id }] });
  expect(taken.status).toBe(204);
  const list = await tfe.call("GET", "/organizations/acme/tags?q=A-ON");
  expect(list.document).toMatchObject({
    data: [{ id, attributes: { name: "a-one", "instance-count": 2 }, relationships: { organization: {} } }],
    meta: { pagination: { "total-count": 1 } },
  });
  const others = await tfe.call("GET", `/organizations/acme/tags?filter[exclude][taggable][id]=${second.id}`);
  expect(namesOf(others.document)).toEqual(["b-one"]);
  expect((await tfe.call("DELETE", own, tagNames("b-one", "none"))).status).toBe(204);
  expect(namesOf((await tfe.call("GET", own)).document)).toEqual(["a-one"]);
  expect((await tfe.call("DELETE", "/organizations/acme/tags", { data: [{ type: "tags", id }] })).status).toBe(204);
  for (const one of [first, second])
    expect((await tfe.call("GET", `/workspaces/${one.id}`)).document.data.attributes["tag-names"]).toEqual([]);
});

test("a tag is given to more workspaces, of its organization alone", async () => {
  await make({ tags: tagNames("shared") });
  const { document } = await tfe.call("GET", "/organizations/acme/tags?q=shared");
  const path = `/tags/${document.data[0].id}/relationships/workspaces`;
  const [one, two] = [await make(), await make()];
  const give = (...ids: readonly string[]) =>
    tfe.call("POST", path, { data: ids.map((id) => ({ type: "workspaces", id })) });
  expect((await give(one.id, two.id)).status).toBe(204);
  const foreign = await tfe.call(
    ...(["POST", "/organizations/rival/workspaces", resourceBody("workspaces", { name: "x" })] as const),
    { token: tfe.keys.siblingOwner },
  );
  expect((await give(foreign.document.data.id)).status).toBe(404);
  const again = await tfe.call("GET", "/organizations/acme/tags?q=shared");
  expect(again.document.data[0].attributes["instance-count"]).toBe(3);
});

test.each(["UPPER", "a b", "", "x".repeat(64)])("the tag %j is refused", async (name) => {
  const { id } = await make();
  const refusal = await tfe.call("POST", `/workspaces/${id}/relationships/tags`, tagNames(name));
  expect(refusal.status).toBe(422);
});

test("bindings are tags with values; those without are plain ones", async () => {
  const { id } = await make({ "tag-bindings": bindings({ team: "net", prod: undefined }) });
  const path = `/workspaces/${id}/tag-bindings`;
  expect(pairs((await tfe.call("GET", path)).document)).toEqual({ team: "net", prod: "" });
  const added = await tfe.call("PATCH", path, bindings({ zone: "a", prod: "yes" }));
  expect(added.status).toBe(200);
  expect(Object.entries(pairs(added.document))).toEqual([
    ["zone", "a"],
    ["prod", "yes"],
    ["team", "net"],
  ]);
  const effective = await tfe.call("GET", `/workspaces/${id}/effective-tag-bindings`);
  expect(pairs(effective.document)).toEqual({ team: "net", prod: "yes", zone: "a" });
  const cleared = resourceBody("workspaces", {}, { "tag-bindings": { data: [] } });
  expect((await tfe.call("PATCH", `/workspaces/${id}`, cleared)).status).toBe(200);
  expect((await tfe.call("GET", path)).document.data).toEqual([]);
});

test("more than ten bindings, and odd ones, are refused", async () => {
  const { id } = await make();
  const path = `/workspaces/${id}/tag-bindings`;
  const many = Object.fromEntries(Array.from({ length: 11 }, (_, at) => [`k${at}`, "v"]));
  for (const values of [many, { "": "v" }, { k: "v".repeat(257) }, { ["k".repeat(129)]: "v" }]) {
    const refusal = await tfe.call("PATCH", path, bindings(values));
    expect(refusal.status).toBe(422);
  }
  expect((await tfe.call("GET", path)).document.data).toEqual([]);
});
