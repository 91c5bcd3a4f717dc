import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { testEngines } from "../engines.ts";
import { openTestTfe, resourceBody, type TestTfe } from "../support/tfe.ts";

const sets = "/organizations/acme/varsets";

describe.each(testEngines)("variable sets on $name", (engine) => {
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
  const to = (...ids: readonly string[]) => ({ data: ids.map((id) => ({ type: "workspaces", id })) });
  const create = (name: string, attributes = {}, relationships = {}) =>
    tfe.call("POST", sets, resourceBody("varsets", { name, global: false, ...attributes }, relationships));
  const made = async (...args: Parameters<typeof create>) => (await create(...args)).document.data;
  const update = (id: string, attributes: object, relationships = {}, query = "") =>
    tfe.call("PATCH", `/varsets/${id}${query}`, resourceBody("varsets", { ...attributes }, relationships));
  const attachedTo = async (id: string): Promise<readonly string[]> => {
    const { document } = await tfe.call("GET", `/varsets/${id}`);
    return document.data.relationships.workspaces.data.map((one: { readonly id: string }) => one.id);
  };

  test("a set is the same document when it is made, read and listed, and belongs to its organization", async () => {
    const attributes = { description: "keys", priority: true };
    const answer = await create("Cloud_Keys", attributes, { parent: { data: { type: "organizations", id: "acme" } } });
    expect(answer).toMatchObject({
      status: 201,
      document: {
        data: {
          type: "varsets",
          attributes: { name: "Cloud_Keys", description: "keys", global: false, priority: true },
          relationships: {
            organization: { data: { type: "organizations", id: "acme" } },
            parent: { data: { type: "organizations", id: "acme" } },
            ...{ workspaces: { data: [] }, projects: { data: [] }, vars: { data: [] } },
          },
        },
      },
    });
    const { data } = answer.document;
    expect((await tfe.call("GET", `/varsets/${data.id}`)).document.data).toEqual(data);
    expect((await tfe.call("GET", `${sets}?include=&q=cloud_k`)).document.data).toEqual([data]);
  });

  test("one may be made with its workspaces and variables, all or nothing", async () => {
    const id = await workspace("whole");
    const variable = (key: string) => ({
      type: "vars",
      attributes: { key, value: "v", category: "env", sensitive: true },
    });
    const whole = { workspaces: to(id), vars: { data: [variable("B"), variable("A")] } };
    const set = await made("whole", {}, whole);
    expect(set.relationships).toMatchObject({
      workspaces: to(id),
      vars: { data: [{ type: "vars" }, { type: "vars" }] },
    });
    const read = await tfe.call("GET", `/varsets/${set.id}?include=workspaces,vars`);
    expect(read.document.included).toMatchObject([
      { type: "workspaces", id, attributes: { name: "whole" } },
      { type: "vars", attributes: { key: "A", value: null } },
      { type: "vars", attributes: { key: "B", value: null } },
    ]);
    for (const wrong of [
      { vars: { data: [variable("A"), variable("A")] } },
      { vars: { data: [variable("PATH")] } },
      { workspaces: to(id, "ws-01h455vb4pex5vsknk084sn02q") },
    ])
      expect((await create("half", {}, wrong)).status).toBeGreaterThanOrEqual(400);
    expect((await tfe.call("GET", `${sets}?q=half`)).document.data).toEqual([]);
  });

  test("lists are searched and counted, of an organization or of what a workspace gets", async () => {
    const id = await workspace("lists");
    const [one, two] = [await made("lists-one", {}, { workspaces: to(id) }), await made("lists-two")];
    const all = await made("lists-global", { global: true });
    const idsOf = async (path: string) => {
      const { document } = await tfe.call("GET", path);
      return document.data.map((row: { readonly id: string }) => row.id);
    };
    expect(await idsOf(`${sets}?q=LISTS-`)).toEqual([all.id, one.id, two.id]);
    expect(await idsOf(`${sets}?q=lists-&page[size]=2&page[number]=2`)).toEqual([two.id]);
    expect(await idsOf(`/workspaces/${id}/varsets`)).toEqual([all.id, one.id]);
    const far = await tfe.call("GET", `/workspaces/${id}/varsets?page[number]=999&page[size]=100`);
    expect(far.document).toMatchObject({ data: [], meta: { pagination: { "current-page": 999, "total-count": 2 } } });
    await tfe.call("DELETE", `/varsets/${all.id}`);
  });

  test("are given to workspaces, taken from them, or given anew", async () => {
    const [net, dns] = [await workspace("attach-net"), await workspace("attach-dns")];
    const { id } = await made("attach");
    const path = `/varsets/${id}/relationships/workspaces`;
    expect((await tfe.call("POST", path, to(net))).status).toBe(204);
    expect(await attachedTo(id)).toEqual([net]);
    expect((await tfe.call("POST", path, to(dns, net))).status).toBe(204);
    expect(await attachedTo(id)).toEqual([dns, net]);
    expect((await tfe.call("DELETE", path, to(net))).status).toBe(204);
    expect(await attachedTo(id)).toEqual([dns]);
    const anew = await update(id, { global: false }, { workspaces: to(net) }, "?include=workspaces");
    expect(anew.document).toMatchObject({
      data: { relationships: { workspaces: to(net) } },
      included: [{ type: "workspaces", id: net }],
    });
    expect((await update(id, { description: "changed" })).document.data.relationships.workspaces).toEqual(to(net));
    expect((await update(id, {}, { workspaces: to() })).document.data.relationships.workspaces).toEqual(to());
    expect((await tfe.call("POST", path, to("ws-01h455vb4pex5vsknk084sn02q"))).status).toBe(404);
    expect((await tfe.call("POST", path, { data: "all" })).status).toBe(422);
    expect(await attachedTo(id)).toEqual([]);
  });

  test("are renamed and deleted, and what they promise is kept or refused", async () => {
    const { id } = await made("before");
    const after = await update(id, { name: "After", description: null, global: true, priority: true });
    expect(after.document.data.attributes).toMatchObject({
      ...{ name: "After", description: "", global: true, priority: true },
    });
    await made("other");
    const pointerOf = async (answer: ReturnType<typeof create>) => {
      const { status, document } = await answer;
      return [status, document.errors[0].source?.pointer];
    };
    expect(await pointerOf(update(id, { name: "OTHER" }))).toEqual([422, "/data/attributes/name"]);
    expect(await pointerOf(update(id, { name: "a b" }))).toEqual([422, "/data/attributes/name"]);
    expect(await pointerOf(update(id, { priority: "high" }))).toEqual([422, "/data/attributes/priority"]);
    expect(await pointerOf(update(id, { description: "x".repeat(1_025) }))).toEqual([
      ...[422, "/data/attributes/description"],
    ]);
    const project = { data: [{ type: "projects", id: "prj-1" }] };
    expect(await pointerOf(update(id, {}, { projects: project }))).toEqual([422, "/data/relationships/projects"]);
    expect(await pointerOf(create("x", {}, { parent: { data: { type: "projects", id: "prj-1" } } }))).toEqual([
      ...[422, "/data/relationships/parent"],
    ]);
    expect((await tfe.call("POST", `/varsets/${id}/relationships/projects`, project)).status).toBe(404);
    expect((await tfe.call("DELETE", `/varsets/${id}`)).status).toBe(204);
    expect((await tfe.call("GET", `/varsets/${id}`)).status).toBe(404);
  });

  test("another organization's do not exist, nobody without a credential, and readers change nothing", async () => {
    const { id } = await made("ours");
    const { siblingOwner, planner, reader } = tfe.keys;
    const theirs = await tfe.call(
      "POST",
      "/organizations/rival/workspaces",
      resourceBody("workspaces", { name: "theirs" }),
      { token: siblingOwner },
    );
    const net = await workspace("ours");
    const body = resourceBody("varsets", { name: "theirs" });
    for (const [method, path, content] of [
      ["GET", sets, undefined],
      ["POST", sets, body],
      ["GET", `/workspaces/${net}/varsets`, undefined],
      ["GET", `/varsets/${id}`, undefined],
      ["PATCH", `/varsets/${id}`, body],
      ["POST", `/varsets/${id}/relationships/workspaces`, to(net)],
      ["DELETE", `/varsets/${id}/relationships/workspaces`, to(net)],
      ["DELETE", `/varsets/${id}`, undefined],
    ] as const) {
      expect((await tfe.call(method, path, content, { token: null })).status).toBe(401);
      expect((await tfe.call(method, path, content, { token: siblingOwner })).status).toBe(404);
      for (const token of [planner, reader])
        expect((await tfe.call(method, path, content, { token })).status).toBe(method === "GET" ? 200 : 404);
    }
    for (const wrong of [to(theirs.document.data.id), to("ours")])
      expect((await tfe.call("POST", `/varsets/${id}/relationships/workspaces`, wrong)).status).toBe(404);
    expect((await tfe.call("GET", `/varsets/${id}`)).document.data.attributes.name).toBe("ours");
  });
});
