import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { findPool } from "../../src/control/core/access.ts";
import type { AgentPool } from "../../src/domain/agents/pool.ts";
import { idIn, toTfeId } from "../../src/tfe/core/ids.ts";
import { testEngines } from "../engines.ts";
import { fakeConnectedAgent } from "../support/control.ts";
import { agentRow } from "../support/rows.ts";
import { openTestTfe, resourceBody, type TestTfe } from "../support/tfe.ts";

/** The id of a token's document, as rows have it. */
function tokenIdOf({ id }: { readonly id: string }) {
  const known = idIn("atok", id);
  if (known === undefined) throw new Error(`${id} is the id of no token`);
  return known;
}

describe.each(testEngines)("tokens and agents on $name", (engine) => {
  let held: AsyncDisposableStack;
  let tfe: TestTfe;
  beforeAll(async () => {
    held = new AsyncDisposableStack();
    tfe = held.use(await openTestTfe({ rows: (await engine.urls(held)).rows }));
  });
  afterAll(() => held.disposeAsync());

  const pool = async (name: string): Promise<{ readonly path: string; readonly row: AgentPool }> => {
    const answer = await tfe.call("POST", "/organizations/acme/agent-pools", resourceBody("agent-pools", { name }));
    const row = await tfe.control.store.read((q) => findPool(q, tfe.admin, { organization: "acme", name }));
    return { path: `/agent-pools/${answer.document.data.id}`, row };
  };

  test("a token is shown once, good for ever, and read and listed without its secret", async () => {
    const { path } = await pool("tokens");
    const tokens = `${path}/authentication-tokens`;
    const answer = await tfe.call("POST", tokens, resourceBody("agent-tokens", { description: "for the plant" }));
    expect(answer).toMatchObject({
      status: 201,
      document: {
        data: {
          type: "authentication-tokens",
          id: expect.stringMatching(/^at-/),
          attributes: {
            ...{ description: "for the plant", "last-used-at": null },
            token: expect.stringMatching(/^wdl_agt_/),
          },
          relationships: { "created-by": { data: { type: "users", id: expect.stringMatching(/^key-/) } } },
        },
      },
    });
    const { data } = answer.document;
    const shown = { ...data, attributes: { ...data.attributes, token: null } };
    expect((await tfe.call("GET", `/authentication-tokens/${data.id}`)).document.data).toEqual(shown);
    await tfe.clock.advance(1_000);
    const second = await tfe.call("POST", tokens, resourceBody("authentication-tokens", { description: "another" }));
    expect(second.status).toBe(201);
    const list = await tfe.call("GET", `${tokens}?page[size]=1&page[number]=2`);
    expect(list.document).toMatchObject({ data: [shown], meta: { pagination: { "total-count": 2 } } });
    const [row] = await tfe.control.store.read((q) => q.tokens.byIds([tokenIdOf(data)]));
    expect(row?.expiresAt).toBeNull();
  });

  test("a token that is deleted sends its agents away, admits no more, and is gone", async () => {
    const { path, row } = await pool("deleting");
    const tokens = `${path}/authentication-tokens`;
    const { data } = (await tfe.call("POST", tokens, resourceBody("agent-tokens", { description: "x" }))).document;
    const agent = agentRow(row, { tokenId: tokenIdOf(data) });
    await tfe.control.store.write((tx) => tx.agents.insert(agent));
    const { connected, closed } = fakeConnectedAgent({ agentId: agent.id, name: agent.name, poolId: row.id });
    tfe.control.presence.enter(connected);
    expect((await tfe.call("DELETE", `/authentication-tokens/${data.id}`)).status).toBe(204);
    expect(closed).toEqual(["revoked"]);
    tfe.control.presence.leave(connected);
    for (const method of ["GET", "DELETE"])
      expect((await tfe.call(method, `/authentication-tokens/${data.id}`)).status).toBe(404);
    expect((await tfe.call("GET", tokens)).document).toMatchObject({
      data: [],
      meta: { pagination: { "total-count": 0 } },
    });
  });

  test("agents are listed in the order of their registration, or those that were heard since", async () => {
    const { path, row } = await pool("agents");
    const at = (minute: number) => new Date(Date.UTC(2026, 0, 1, 0, minute));
    const rows = ["a", "b", "c"].map((name, index) =>
      agentRow(row, {
        name,
        createdAt: at(index),
        lastSeenAt: at(10 + index),
        status: index === 2 ? "exited" : "idle",
      }),
    );
    await tfe.control.store.write(async (tx) => {
      for (const agent of rows) await tx.agents.insert(agent);
    });
    const agents = `${path}/agents`;
    const namesOf = async (query: string) => {
      const { document } = await tfe.call("GET", `${agents}?${query}`);
      return document.data.map((one: { readonly attributes: { readonly name: string } }) => one.attributes.name);
    };
    expect(await namesOf("")).toEqual(["a", "b", "c"]);
    expect(await namesOf("sort=-created-at&page[size]=2")).toEqual(["c", "b"]);
    expect(await namesOf("filter[last-ping-since]=2026-01-01T00:11:00Z")).toEqual(["b", "c"]);
    const [first] = rows;
    if (first === undefined) throw new Error("there is no agent");
    const { connected } = fakeConnectedAgent({ agentId: first.id, name: "a", poolId: row.id });
    const heard = { ...connected, heardAt: new Date("2026-01-01T00:30:00.750Z") };
    tfe.control.presence.enter(heard);
    expect(await namesOf("filter[last-ping-since]=2026-01-01T00:12:30Z")).toEqual(["a"]);
    const { document } = await tfe.call("GET", agents);
    tfe.control.presence.leave(heard);
    expect(document.meta.pagination["total-count"]).toBe(3);
    expect(document.data[0]).toMatchObject({
      type: "agents",
      attributes: {
        ...{ name: "a", status: "idle", "ip-address": "10.0.0.7" },
        "last-ping-at": "2026-01-01T00:30:00.000Z",
      },
    });
    for (const since of ["yesterday", "2026-99-99"])
      expect((await tfe.call("GET", `${agents}?filter[last-ping-since]=${since}`)).status).toBe(422);
    expect((await tfe.call("GET", `${agents}?sort=name`)).status).toBe(400);
  });

  test("an agent that is here is not deleted, one that has gone is", async () => {
    const { row } = await pool("gone");
    const [here, gone] = [agentRow(row, { name: "here", status: "idle" }), agentRow(row, { status: "errored" })];
    await tfe.control.store.write(async (tx) => {
      for (const agent of [here, gone]) await tx.agents.insert(agent);
    });
    const pathOf = ({ id }: { readonly id: string }) => `/agents/${toTfeId(id)}`;
    const read = () => tfe.call("GET", pathOf(here));
    expect((await read()).document).toEqual((await read()).document);
    expect((await tfe.call("DELETE", pathOf(here))).status).toBe(412);
    expect((await tfe.call("DELETE", pathOf(gone))).status).toBe(204);
    expect((await tfe.call("GET", pathOf(gone))).status).toBe(404);
    expect((await read()).status).toBe(200);
  });

  test("refusals: no credential, another organization, readers, and what is malformed", async () => {
    const { path, row } = await pool("refusals");
    const tokens = `${path}/authentication-tokens`;
    const body = resourceBody("agent-tokens", { description: "x" });
    const { data } = (await tfe.call("POST", tokens, body)).document;
    const agent = agentRow(row, { status: "errored" });
    await tfe.control.store.write((tx) => tx.agents.insert(agent));
    const { siblingOwner, reader, planner } = tfe.keys;
    for (const [method, route, content] of [
      ["GET", tokens, undefined],
      ["POST", tokens, body],
      ["GET", `/authentication-tokens/${data.id}`, undefined],
      ["DELETE", `/authentication-tokens/${data.id}`, undefined],
      ["GET", `${path}/agents`, undefined],
      ["GET", `/agents/${toTfeId(agent.id)}`, undefined],
      ["DELETE", `/agents/${toTfeId(agent.id)}`, undefined],
    ] as const) {
      expect((await tfe.call(method, route, content, { token: null })).status).toBe(401);
      expect((await tfe.call(method, route, content, { token: siblingOwner })).status).toBe(404);
      for (const token of [reader, planner])
        expect((await tfe.call(method, route, content, { token })).status).toBe(method === "GET" ? 200 : 404);
    }
    for (const attributes of [{}, { description: "" }, { description: 7 }, { description: "x".repeat(257) }]) {
      const refused = await tfe.call("POST", tokens, resourceBody("agent-tokens", attributes));
      expect(refused).toMatchObject({
        status: 422,
        document: { errors: [{ source: { pointer: "/data/attributes/description" } }] },
      });
    }
    expect((await tfe.call("POST", tokens, resourceBody("tokens", { description: "x" }))).status).toBe(422);
    for (const missing of ["/authentication-tokens/nonexisting", "/agents/nonexisting", "/agent-pools/none/agents"])
      expect((await tfe.call("GET", missing)).status).toBe(404);
  });
});
