import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readSecrets } from "../../src/control/workspaces/former-secrets.ts";
import { testEngines } from "../engines.ts";
import { openTestTfe, resourceBody, type TestTfe } from "../support/tfe.ts";

describe.each(testEngines)("variables on $name", (engine) => {
  let held: AsyncDisposableStack;
  let tfe: TestTfe;
  beforeAll(async () => {
    held = new AsyncDisposableStack();
    tfe = held.use(await openTestTfe({ rows: (await engine.urls(held)).rows }));
  });
  afterAll(() => held.disposeAsync());

  const workspace = async (name: string): Promise<string> => {
    const answer = await tfe.call("POST", "/organizations/acme/workspaces", resourceBody("workspaces", { name }));
    return answer.document.data.id;
  };
  const body = (attributes: Readonly<Record<string, unknown>>) => resourceBody("vars", attributes);
  const region = { key: "region", value: "eu", category: "terraform" };
  const holderPaths = async (name: string) => {
    const set = await tfe.call("POST", "/organizations/acme/varsets", resourceBody("varsets", { name, global: false }));
    return [`/workspaces/${await workspace(name)}/vars`, `/varsets/${set.document.data.id}/relationships/vars`];
  };

  test("of a workspace and of a set: the same document when made, read and listed", async () => {
    const [ofWorkspace = "", ofSet = ""] = await holderPaths("same");
    for (const [path, relationship, type] of [
      [ofWorkspace, "configurable", "workspaces"],
      [ofSet, "varset", "varsets"],
    ] as const) {
      const made = await tfe.call("POST", path, body({ ...region, description: "where" }));
      expect(made).toMatchObject({
        status: 201,
        document: {
          data: {
            ...{ type: "vars", id: expect.stringMatching(/^var-/) },
            attributes: { ...region, description: "where", hcl: false, sensitive: false },
            relationships: { [relationship]: { data: { type, id: path.split("/")[2] } } },
          },
        },
      });
      const { data } = made.document;
      expect(data.attributes["version-id"]).not.toBe("");
      expect((await tfe.call("GET", `${path}/${data.id}`)).document.data).toEqual(data);
      const list = await tfe.call("GET", path);
      expect(list.document).toMatchObject({
        data: [data],
        meta: { pagination: { "total-pages": 1, "total-count": 1 } },
      });
      const minimal = await tfe.call("POST", path, body({ key: "MIN", category: "env" }));
      expect(minimal.document.data.attributes).toMatchObject({ value: "", description: "", category: "env" });
      expect((await tfe.call("DELETE", `${path}/${data.id}`)).status).toBe(204);
      for (const method of ["GET", "DELETE"]) expect((await tfe.call(method, `${path}/${data.id}`)).status).toBe(404);
    }
  });

  test("every change gives another version, keeps the id, and leaves what it does not say", async () => {
    for (const path of await holderPaths("versions")) {
      const { data } = (await tfe.call("POST", path, body({ ...region, description: "where" }))).document;
      const seen = new Set([data.attributes["version-id"]]);
      const patch = async (attributes: Readonly<Record<string, unknown>>) => {
        const answer = await tfe.call("PATCH", `${path}/${data.id}`, body(attributes));
        expect(answer).toMatchObject({ status: 200, document: { data: { id: data.id } } });
        const { "version-id": version, ...rest } = answer.document.data.attributes;
        expect(seen.has(version)).toBe(false);
        seen.add(version);
        return rest;
      };
      expect(await patch({})).toMatchObject({ ...region, description: "where" });
      expect(await patch({ key: "place", value: "us", hcl: true })).toMatchObject({
        key: "place",
        value: "us",
        hcl: true,
      });
      expect(await patch({ hcl: false, description: "" })).toMatchObject({ key: "place", hcl: false, description: "" });
      expect(await patch({ sensitive: true })).toMatchObject({ sensitive: true, value: null });
      expect(await patch({ key: "place" })).toMatchObject({ sensitive: true, value: null });
      expect(await patch({ category: "env" })).toMatchObject({ category: "env", sensitive: true, value: null });
      const shown = await tfe.call("PATCH", `${path}/${data.id}`, body({ sensitive: false }));
      expect(shown).toMatchObject({
        status: 422,
        document: { errors: [{ source: { pointer: "/data/attributes/sensitive" } }] },
      });
    }
  });

  test("a value that became sensitive, or was replaced, is hidden on", async () => {
    const id = await workspace("hidden");
    const path = `/workspaces/${id}/vars`;
    const { data } = (await tfe.call("POST", path, body({ ...region, value: "open value" }))).document;
    const patch = (attributes: Readonly<Record<string, unknown>>) =>
      tfe.call("PATCH", `${path}/${data.id}`, body(attributes));
    const secrets = async () => {
      const found = await tfe.control.store.read(async (q) => {
        const row = await q.workspaces.byName(tfe.organization.id, "hidden");
        return row === undefined ? [] : readSecrets(tfe.control, q, row);
      });
      return found.map(({ value }) => value);
    };
    expect(await secrets()).toEqual([]);
    await patch({ sensitive: true });
    expect(await secrets()).toEqual(["open value"]);
    await patch({ key: "renamed" });
    expect(await secrets()).toEqual(["open value"]);
    await patch({ value: "other value" });
    expect(await secrets()).toEqual(["other value", "open value"]);
    await tfe.call("DELETE", `${path}/${data.id}`);
    expect((await secrets()).toSorted()).toEqual(["open value", "other value"]);
  });

  test("names and values that only a run can judge are kept", async () => {
    const path = `/workspaces/${await workspace("kept")}/vars`;
    for (const attributes of [
      { ...region, key: "7f3c-with-a-digit-in-front" },
      { ...region, key: "list", value: "no, literal", hcl: true },
    ])
      expect((await tfe.call("POST", path, body(attributes))).status).toBe(201);
  });

  test.each([
    ["no key", { value: "x", category: "terraform" }, "/data/attributes/key"],
    ["an empty key", { ...region, key: "" }, "/data/attributes/key"],
    ["a key that is too long", { ...region, key: "k".repeat(129) }, "/data/attributes/key"],
    ["a value that is too long", { ...region, value: "é".repeat(131_073) }, "/data/attributes/value"],
    ["a description that is too long", { ...region, description: "d".repeat(513) }, "/data/attributes/description"],
    ["no category", { key: "k" }, "/data/attributes/category"],
    ["an unknown category", { ...region, category: "policy" }, "/data/attributes/category"],
    ["a number as value", { ...region, value: 7 }, "/data/attributes/value"],
    ["a value that no program can get", { ...region, value: "a\0b" }, "/data/attributes/value"],
    ["an environment name that loads code", { key: "LD_PRELOAD", category: "env" }, "/data/attributes/key"],
    ["HCL in the environment", { key: "LIST", value: "[]", category: "env", hcl: true }, "/data/attributes/hcl"],
    ["a name that is there", { ...region, key: "there" }, "/data/attributes/key"],
  ])("%s is refused with its place", async (what, attributes, pointer) => {
    const path = `/workspaces/${await workspace(`bad-${what.replaceAll(/[^a-z]/g, "-")}`)}/vars`;
    const { data } = (await tfe.call("POST", path, body({ ...region, key: "there" }))).document;
    const refused = await tfe.call("POST", path, body(attributes));
    expect(refused).toMatchObject({
      status: 422,
      document: { errors: [{ title: "invalid attribute", source: { pointer } }] },
    });
    expect((await tfe.call("GET", path)).document.data).toEqual([data]);
  });

  test("as long as they may be they are kept, and a change to what another one has is refused", async () => {
    const path = `/workspaces/${await workspace("limits")}/vars`;
    const longest = {
      key: "k".repeat(128),
      value: "v".repeat(262_144),
      description: "d".repeat(512),
      category: "terraform",
    };
    expect((await tfe.call("POST", path, body(longest))).status).toBe(201);
    const { data } = (await tfe.call("POST", path, body(region))).document;
    expect((await tfe.call("POST", path, body({ ...region, category: "env" }))).status).toBe(201);
    const patch = (attributes: object) => tfe.call("PATCH", `${path}/${data.id}`, body({ ...attributes }));
    for (const taken of [{ key: longest.key }, { category: "env" }])
      expect(await patch(taken)).toMatchObject({ status: 422 });
    expect((await tfe.call("GET", `${path}/${data.id}`)).document.data).toEqual(data);
    for (const broken of ["{", "[]", JSON.stringify({ data: [] }), "[".repeat(10_000)])
      expect((await tfe.call("POST", path, broken)).status).toBe(422);
    expect(
      (await tfe.call("POST", path, JSON.stringify(body({ ...region, value: "v".repeat(1_100_000) })))).status,
    ).toBe(413);
  });

  test("are listed whole to those who know no pages, and page by page to those who do", async () => {
    const path = `/workspaces/${await workspace("pages")}/vars`;
    for (let index = 10; index < 35; index += 1) await tfe.call("POST", path, body({ ...region, key: `v${index}` }));
    const whole = await tfe.call("GET", path);
    expect(whole.document.data).toHaveLength(25);
    expect(whole.document.meta.pagination).toMatchObject({ "current-page": 1, "next-page": null, "total-count": 25 });
    const page = await tfe.call("GET", `${path}?page[number]=2&page[size]=10`);
    expect(page.document.data).toEqual(whole.document.data.slice(10, 20));
    expect(page.document.meta.pagination).toMatchObject({ "next-page": 3, "total-pages": 3 });
  });

  test("what a run gets is listed with whose it is", async () => {
    const id = await workspace("effective");
    const attached = { workspaces: { data: [{ type: "workspaces", id }] } };
    const create = async (name: string, attributes = {}) => {
      const set = resourceBody("varsets", { name, global: false, ...attributes }, attached);
      return (await tfe.call("POST", "/organizations/acme/varsets", set)).document.data.id;
    };
    const [plain, priority] = [await create("effective-plain"), await create("effective-first", { priority: true })];
    await tfe.call("POST", `/workspaces/${id}/vars`, body({ ...region, value: "own" }));
    for (const [set, keys] of [
      [plain, ["region", "zone"]],
      [priority, ["zone"]],
    ] as const) {
      for (const key of keys)
        await tfe.call("POST", `/varsets/${set}/relationships/vars`, body({ ...region, key, value: set }));
    }
    const told = async () =>
      (await tfe.call("GET", `/workspaces/${id}/all-vars`)).document.data.map(
        (one: { readonly attributes: { readonly key: string; readonly value: string } }) =>
          `${one.attributes.key}=${one.attributes.value}`,
      );
    expect(await told()).toEqual(["region=own", `zone=${priority}`]);
    await tfe.call("POST", `/varsets/${priority}/relationships/vars`, body({ ...region, value: "first" }));
    expect(await told()).toEqual(["region=first", `zone=${priority}`]);
  });

  test("older clients name the workspace in the request", async () => {
    const id = await workspace("older");
    const place = { workspace: { data: { type: "workspaces", id } } };
    const made = await tfe.call("POST", "/vars", resourceBody("vars", region, place));
    expect(made.status).toBe(201);
    const { data } = made.document;
    const list = await tfe.call("GET", "/vars?filter[organization][name]=acme&filter[workspace][name]=older");
    expect(list.document.data).toEqual([data]);
    expect((await tfe.call("GET", `/vars/${data.id}`)).document.data).toEqual(data);
    const changed = await tfe.call("PATCH", `/vars/${data.id}`, body({ value: "us" }));
    expect(changed.document.data.attributes.value).toBe("us");
    const { siblingOwner } = tfe.keys;
    expect((await tfe.call("DELETE", `/vars/${data.id}`, undefined, { token: siblingOwner })).status).toBe(404);
    expect((await tfe.call("DELETE", `/vars/${data.id}`)).status).toBe(204);
    expect((await tfe.call("GET", `/vars/${data.id}`)).status).toBe(404);
    for (const query of [
      "",
      "?filter[organization][name]=acme",
      "?filter[organization][name]=acme&filter[workspace][name]=x",
    ])
      expect((await tfe.call("GET", `/vars${query}`)).status).toBe(404);
    expect((await tfe.call("POST", "/vars", resourceBody("vars", region))).status).toBe(422);
    expect((await tfe.call("POST", "/vars", resourceBody("vars", region, { workspace: { data: null } }))).status).toBe(
      404,
    );
  });

  test("of another holder or organization there is none; planners and readers look", async () => {
    const [ofWorkspace = "", ofSet = ""] = await holderPaths("roles");
    const [other = ""] = await holderPaths("roles-2");
    const { siblingOwner, planner, reader } = tfe.keys;
    for (const path of [ofWorkspace, ofSet]) {
      const { data } = (await tfe.call("POST", path, body(region))).document;
      expect((await tfe.call("GET", `${other}/${data.id}`)).status).toBe(404);
      expect((await tfe.call("GET", `${path}/nonexisting`)).status).toBe(404);
      for (const [method, route, content] of [
        ["GET", path, undefined],
        ["POST", path, body({ ...region, key: "more" })],
        ["GET", `${path}/${data.id}`, undefined],
        ["PATCH", `${path}/${data.id}`, body({ value: "x" })],
        ["DELETE", `${path}/${data.id}`, undefined],
      ] as const) {
        expect((await tfe.call(method, route, content, { token: null })).status).toBe(401);
        expect((await tfe.call(method, route, content, { token: siblingOwner })).status).toBe(404);
        for (const token of [planner, reader])
          expect((await tfe.call(method, route, content, { token })).status).toBe(method === "GET" ? 200 : 404);
      }
      expect((await tfe.call("GET", path)).document.data).toEqual([data]);
    }
    const effective = ofWorkspace.replace(/vars$/, "all-vars");
    expect((await tfe.call("GET", effective, undefined, { token: reader })).status).toBe(200);
    expect((await tfe.call("GET", effective, undefined, { token: siblingOwner })).status).toBe(404);
  });
});
