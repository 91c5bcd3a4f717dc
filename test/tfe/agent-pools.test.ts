import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { fromTfeId } from "../../src/tfe/core/ids.ts";
import { testEngines } from "../engines.ts";
import { agentRow } from "../support/rows.ts";
import { openTestTfe, resourceBody, type TestTfe } from "../support/tfe.ts";

const pools = "/organizations/acme/agent-pools";
const unknown = "apool-01h455vb4pex5vsknk084sn02q";

describe.each(testEngines)("agent pools on $name", (engine) => {
  let held: AsyncDisposableStack;
  let tfe: TestTfe;
  beforeAll(async () => {
    held = new AsyncDisposableStack();
    tfe = held.use(await openTestTfe({ rows: (await engine.urls(held)).rows }));
  });
  afterAll(() => held.disposeAsync());

  const workspace = async (name: string, attributes = {}) => {
    const body = resourceBody("workspaces", { name, ...attributes });
    return (await tfe.call("POST", "/organizations/acme/workspaces", body)).document.data;
  };
  const allowing = (...ids: readonly string[]) => ({
    "allowed-workspaces": { data: ids.map((id) => ({ type: "workspaces", id })) },
  });
  const create = (name: string, attributes = {}, relationships = {}) =>
    tfe.call("POST", pools, resourceBody("agent-pools", { name, ...attributes }, relationships));
  const made = async (...args: Parameters<typeof create>) => (await create(...args)).document.data;
  const update = (id: string, attributes: object, relationships = {}) =>
    tfe.call("PATCH", `/agent-pools/${id}`, resourceBody("agent-pools", { ...attributes }, relationships));
  const namesOf = async (query: string) => {
    const { document } = await tfe.call("GET", `${pools}?${query}`);
    return document.data.map((row: { readonly attributes: { readonly name: string } }) => row.attributes.name);
  };

  test("a pool is the same document when it is made, read and listed", async () => {
    const answer = await create("Cool_Pool");
    expect(answer).toMatchObject({
      status: 201,
      document: {
        data: {
          type: "agent-pools",
          id: expect.stringMatching(/^apool-/),
          attributes: { name: "Cool_Pool", "organization-scoped": true, "agent-count": 0 },
          relationships: {
            organization: { data: { type: "organizations", id: "acme" } },
            workspaces: { data: [] },
            "allowed-workspaces": { data: [] },
          },
        },
      },
    });
    const { data } = answer.document;
    expect((await tfe.call("GET", `/agent-pools/${data.id}`)).document.data).toEqual(data);
    const list = await tfe.call("GET", `${pools}?q=cool_p`);
    expect(list.document.data).toEqual([data]);
    expect(list.document.meta["status-counts"].matching).toBe(1);
  });

  test("lists are searched, sorted, filtered by who may use a pool, and counted page by page", async () => {
    const [net, dns] = [await workspace("list-net"), await workspace("list-dns")];
    const scoped = { "organization-scoped": false };
    await made("list-b", scoped, allowing(net.id));
    await tfe.clock.advance(1_000);
    await made("list-a", scoped, allowing(dns.id));
    await tfe.clock.advance(1_000);
    await made("list-c");
    expect(await namesOf("q=list-")).toEqual(["list-a", "list-b", "list-c"]);
    expect(await namesOf("q=list-&sort=-name")).toEqual(["list-c", "list-b", "list-a"]);
    expect(await namesOf("q=list-&sort=created-at")).toEqual(["list-b", "list-a", "list-c"]);
    expect(await namesOf("q=list-&sort=-created-at")).toEqual(["list-c", "list-a", "list-b"]);
    expect(await namesOf("q=list-&filter[allowed_workspaces][name]=list-net")).toEqual(["list-b", "list-c"]);
    const far = await tfe.call("GET", `${pools}?q=list-&page[number]=999&page[size]=2`);
    expect(far.document).toMatchObject({
      data: [],
      meta: {
        pagination: { "current-page": 999, "total-pages": 2, "total-count": 3 },
        "status-counts": { matching: 3 },
      },
    });
    expect(far.document.meta["status-counts"].total).toBeGreaterThan(3);
    expect(await namesOf("q=list-&page[number]=2&page[size]=2")).toEqual(["list-c"]);
  });

  test("workspaces that may use a pool are kept, shown and replaced whatever its scope", async () => {
    const [net, dns] = [await workspace("scope-net"), await workspace("scope-dns")];
    const { id } = await made("scope", {}, allowing(net.id));
    const allowedIn = async (answer: Promise<{ readonly status: number; readonly document: unknown }>) => {
      const { status, document } = Object(await answer);
      const { "allowed-workspaces": allowed } = document.data.relationships;
      return [status, ...allowed.data.map((one: { readonly id: string }) => one.id)];
    };
    expect(await allowedIn(update(id, { "organization-scoped": false }))).toEqual([200, net.id]);
    expect(await allowedIn(update(id, { name: "scope-2" }))).toEqual([200, net.id]);
    expect(await allowedIn(update(id, {}, allowing(dns.id, dns.id)))).toEqual([200, dns.id]);
    expect(await allowedIn(update(id, {}, allowing(net.id, dns.id)))).toEqual([200, dns.id, net.id]);
    await tfe.call("PATCH", `/workspaces/${net.id}`, resourceBody("workspaces", { name: "scope-net-2" }));
    expect(await allowedIn(tfe.call("GET", `/agent-pools/${id}`))).toEqual([200, dns.id, net.id]);
    expect(await allowedIn(update(id, {}, allowing()))).toEqual([200]);
    expect((await tfe.call("GET", `/agent-pools/${id}`)).document.data.attributes.name).toBe("scope-2");
    const audit = await tfe.control.store.read((q) =>
      q.audit.list(
        {
          ...{ organizationId: tfe.organization.id, actor: "", action: "pool.", resource: fromTfeId(id) },
          ...{ since: null, until: null },
        },
        { before: null, limit: 50 },
      ),
    );
    expect(audit.map(({ action }) => action)).toContain("pool.revoke");
  });

  test("one that is used is not deleted, and says by whom; then it is gone", async () => {
    const { id } = await made("used");
    const net = await workspace("used-net", { "execution-mode": "agent", "agent-pool-id": id });
    const read = await tfe.call("GET", `/agent-pools/${id}?include=workspaces`);
    expect(read.document.data.relationships.workspaces.data).toEqual([{ type: "workspaces", id: net.id }]);
    expect(read.document.included).toMatchObject([
      { type: "workspaces", id: net.id, attributes: { name: "used-net" } },
    ]);
    expect((await tfe.call("GET", `/agent-pools/${id}`)).document.included).toBeUndefined();
    const refused = await tfe.call("DELETE", `/agent-pools/${id}`);
    expect(refused).toMatchObject({
      status: 422,
      document: { errors: [{ detail: expect.stringContaining("used-net") }] },
    });
    await tfe.call("DELETE", `/workspaces/${net.id}`);
    expect((await tfe.call("DELETE", `/agent-pools/${id}`)).status).toBe(204);
    expect((await tfe.call("GET", `/agent-pools/${id}`)).status).toBe(404);
    expect((await tfe.call("DELETE", `/agent-pools/${id}`)).status).toBe(404);
  });

  test("agents that are idle, busy or silent for a short while count", async () => {
    const { id } = await made("counted");
    await tfe.control.store.write(async (tx) => {
      const pool = await tx.pools.byName(tfe.organization.id, "counted");
      if (pool === undefined) throw new Error("there is no such pool");
      for (const status of ["idle", "busy", "unknown", "errored", "exited"] as const)
        await tx.agents.insert(agentRow(pool, { name: status, status }));
    });
    expect((await tfe.call("GET", `/agent-pools/${id}`)).document.data.attributes["agent-count"]).toBe(3);
  });

  test("what is wrong is refused with its place, and changes nothing", async () => {
    const { id } = await made("taken");
    const pointers = async (answer: ReturnType<typeof create>) => {
      const { status, document } = await answer;
      return [status, document.errors[0].title, document.errors[0].source?.pointer];
    };
    const invalid = "invalid attribute";
    expect(await pointers(create("TAKEN"))).toEqual([422, invalid, "/data/attributes/name"]);
    expect(await pointers(create("no dots."))).toEqual([422, invalid, "/data/attributes/name"]);
    expect(await pointers(create(fromTfeId(id)))).toEqual([422, invalid, "/data/attributes/name"]);
    expect(await pointers(tfe.call("POST", pools, resourceBody("agent-pools", {})))).toEqual([
      ...[422, invalid, "/data/attributes/name"],
    ]);
    expect(await pointers(create("x", { "organization-scoped": "yes" }))).toEqual([
      ...[422, invalid, "/data/attributes/organization-scoped"],
    ]);
    expect(await pointers(tfe.call("POST", pools, resourceBody("pools", { name: "x" })))).toEqual([
      ...[422, invalid, "/data/type"],
    ]);
    expect(await pointers(create("x", {}, { "excluded-workspaces": { data: [{ type: "workspaces", id }] } }))).toEqual([
      ...[422, invalid, "/data/relationships/excluded-workspaces"],
    ]);
    expect(await pointers(create("x", {}, { "allowed-workspaces": { data: "all" } }))).toEqual([
      ...[422, invalid, "/data/relationships/allowed-workspaces/data"],
    ]);
    expect((await create("x", {}, allowing("ws-01h455vb4pex5vsknk084sn02q"))).status).toBe(404);
    expect((await create("x", {}, allowing("prod"))).status).toBe(404);
    expect((await tfe.call("GET", `${pools}?sort=agents`)).status).toBe(400);
    expect((await tfe.call("GET", `${pools}?include=cows`)).document.errors[0].detail).toContain("include parameter");
    expect(await namesOf("q=x")).toEqual([]);
  });

  test("another organization's does not exist, nobody without a credential, and readers change nothing", async () => {
    const { id } = await made("ours");
    const { siblingOwner, reader } = tfe.keys;
    for (const token of [null, "wdl_usr_nonsense"])
      expect((await tfe.call("GET", `/agent-pools/${id}`, undefined, { token })).status).toBe(401);
    const body = resourceBody("agent-pools", { name: "theirs" });
    for (const [method, path, content] of [
      ["GET", pools, undefined],
      ["POST", pools, body],
      ["GET", `/agent-pools/${id}`, undefined],
      ["PATCH", `/agent-pools/${id}`, body],
      ["DELETE", `/agent-pools/${id}`, undefined],
    ] as const) {
      expect((await tfe.call(method, path, content, { token: siblingOwner })).status).toBe(404);
      const expected = method === "GET" ? 200 : 404;
      expect((await tfe.call(method, path, content, { token: reader })).status).toBe(expected);
    }
    for (const other of ["nonexisting", unknown, "ws-01h455vb4pex5vsknk084sn02q"])
      expect((await tfe.call("GET", `/agent-pools/${other}`)).status).toBe(404);
    expect((await tfe.call("GET", "/organizations/nobody/agent-pools")).status).toBe(404);
    const theirs = await tfe.call(
      "POST",
      "/organizations/rival/workspaces",
      resourceBody("workspaces", { name: "theirs" }),
      { token: siblingOwner },
    );
    expect((await update(id, {}, allowing(theirs.document.data.id))).status).toBe(404);
  });
});
