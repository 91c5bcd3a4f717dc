import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type Networks, noNetworks } from "../../src/lib/net/networks.ts";
import { openTestWeb, type SeenAnswer, type TestWeb } from "../support/web.ts";

const listPools = "/windlass.v1.AgentPoolService/ListAgentPools";
const createPool = "/windlass.v1.AgentPoolService/CreateAgentPool";
const watch = "/windlass.v1.AuditService/ExportAuditEvents";
const readQuery = `?encoding=json&message=${encodeURIComponent("{}")}`;
const evil = "https://evil.example";

let web: TestWeb;
let cookie: string;
let secret: string;
beforeAll(async () => {
  web = await openTestWeb();
  ({ secret } = await web.key("owner"));
  cookie = await web.signIn(secret);
});
afterAll(() => web[Symbol.asyncDispose]());

type Headers = Readonly<Record<string, string>>;

/** What a page, or something that is none, can say of where a request comes from. */
const sayings = (): Readonly<Record<string, Headers>> => ({
  "our page": { origin: web.url, "sec-fetch-site": "same-origin" },
  "our page, of a browser that says less": { origin: web.url },
  "our page's reads": { "sec-fetch-site": "same-origin" },
  "an address that was typed": { "sec-fetch-site": "none" },
  "nothing at all": {},
  "a page of somebody else": { origin: evil, "sec-fetch-site": "cross-site" },
  "the same, of a browser that says less": { origin: evil },
  "a link of somebody else": { "sec-fetch-site": "cross-site" },
  "a page of a neighbour": { origin: "http://neighbour.localhost", "sec-fetch-site": "same-site" },
  "a page without an origin": { origin: "null", "sec-fetch-site": "cross-site" },
  "our page in a frame without an origin": { origin: "null", "sec-fetch-site": "same-origin" },
  "our host at another port": { origin: "http://127.0.0.1:1", "sec-fetch-site": "same-site" },
  "our host in another scheme": { origin: "https://127.0.0.1", "sec-fetch-site": "cross-site" },
  "an origin that begins like ours": { origin: `${web.url}.evil.example`, "sec-fetch-site": "cross-site" },
  "our origin from elsewhere": { origin: web.url, "sec-fetch-site": "cross-site" },
  "our origin, typed": { origin: web.url, "sec-fetch-site": "none" },
});

const outcomeOf = ({ status, text }: SeenAnswer): string => {
  if (text.includes("unauthenticated")) return "nobody";
  return status === 403 || text.includes("permission_denied")
    ? "refused"
    : status === 200
      ? "done"
      : `${status} ${text}`;
};

const json = { "content-type": "application/json" };
/** An envelope of Connect around `{}`. */
const envelope = Buffer.concat([Buffer.from([0, 0, 0, 0, 2]), Buffer.from("{}")]);
/** An envelope of gRPC-Web around an empty message. */
const empty = Buffer.from([0, 0, 0, 0, 0]);

let count = 0;
const calls: Readonly<Record<string, (headers: Headers) => Promise<SeenAnswer>>> = {
  GET: (headers) => web.send(`${listPools}${readQuery}`, { headers }),
  POST: (headers) => {
    const body = JSON.stringify({ name: `pool-${++count}`, organizationScoped: true });
    return web.send(createPool, { method: "POST", headers: { ...json, ...headers }, body });
  },
  stream: (headers) =>
    web.send(watch, {
      method: "POST",
      headers: { "content-type": "application/connect+json", ...headers },
      body: envelope,
    }),
  "gRPC-Web": async (headers) => {
    const type = { "content-type": "application/grpc-web+proto" };
    const answer = await web.send(listPools, { method: "POST", headers: { ...type, ...headers }, body: empty });
    const code = /grpc-status: (\d+)/.exec(answer.text)?.[1];
    return { ...answer, text: code === "16" ? "unauthenticated" : code === "7" ? "permission_denied" : answer.text };
  },
};

const table = async (credentials: Headers) => {
  const rows: string[] = [];
  for (const [name, saying] of Object.entries(sayings())) {
    const outcomes: string[] = [];
    for (const call of Object.values(calls)) outcomes.push(outcomeOf(await call({ ...saying, ...credentials })));
    rows.push(`${name}: ${outcomes.join(", ")}`);
  }
  return rows;
};

test("a cookie counts for pages of this server alone: reads, changes, streams and gRPC-Web", async () => {
  expect(await table({ cookie })).toMatchInlineSnapshot(`
    [
      "our page: done, done, done, done",
      "our page, of a browser that says less: done, done, done, done",
      "our page's reads: done, refused, refused, refused",
      "an address that was typed: done, refused, refused, refused",
      "nothing at all: done, refused, refused, refused",
      "a page of somebody else: refused, refused, refused, refused",
      "the same, of a browser that says less: refused, refused, refused, refused",
      "a link of somebody else: refused, refused, refused, refused",
      "a page of a neighbour: refused, refused, refused, refused",
      "a page without an origin: refused, refused, refused, refused",
      "our page in a frame without an origin: refused, refused, refused, refused",
      "our host at another port: refused, refused, refused, refused",
      "our host in another scheme: refused, refused, refused, refused",
      "an origin that begins like ours: refused, refused, refused, refused",
      "our origin from elsewhere: refused, refused, refused, refused",
      "our origin, typed: done, refused, refused, refused",
    ]
  `);
});

test("a key that is shown counts wherever the call comes from, whatever cookie is beside it", async () => {
  const authorization = `Bearer ${secret}`;
  const rows = [...(await table({ authorization })), ...(await table({ authorization, cookie: "windlass=x" }))];
  expect(rows.filter((row) => !row.endsWith(": done, done, done, done"))).toEqual([]);
  const bad = await calls.POST?.({ ...sayings()["our page"], cookie, authorization: "Bearer wdl_usr_nobody" });
  expect(bad?.status).toBe(401);
});

test("a refused call has changed nothing, and says what to set behind a proxy", async () => {
  const pools = async () => JSON.parse((await web.post(listPools, {}, { cookie })).text).agentPools?.length ?? 0;
  const before = await pools();
  const refused = await calls.POST?.({ cookie, origin: evil });
  expect([refused?.status, refused?.text]).toEqual([403, expect.stringContaining("--public-url")]);
  expect(await pools()).toBe(before);
});

describe("signing in and out", () => {
  test("is done by pages of this server alone, which name their origin", async () => {
    const rows: string[] = [];
    for (const [name, saying] of Object.entries(sayings())) {
      const send = (method: "POST" | "DELETE") =>
        web.send("/session", { method, headers: { ...json, ...saying }, body: JSON.stringify({ apiKey: secret }) });
      rows.push(`${name}: ${(await send("POST")).status}, ${(await send("DELETE")).status}`);
    }
    expect(rows).toMatchInlineSnapshot(`
      [
        "our page: 204, 204",
        "our page, of a browser that says less: 204, 204",
        "our page's reads: 403, 403",
        "an address that was typed: 403, 403",
        "nothing at all: 403, 403",
        "a page of somebody else: 403, 403",
        "the same, of a browser that says less: 403, 403",
        "a link of somebody else: 403, 403",
        "a page of a neighbour: 403, 403",
        "a page without an origin: 403, 403",
        "our page in a frame without an origin: 403, 403",
        "our host at another port: 403, 403",
        "our host in another scheme: 403, 403",
        "an origin that begins like ours: 403, 403",
        "our origin from elsewhere: 403, 403",
        "our origin, typed: 403, 403",
      ]
    `);
  });

  test("takes JSON, which no form can send", async () => {
    for (const type of ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""]) {
      const answer = await web.post("/session", { apiKey: secret }, { "content-type": type });
      expect([type, answer.status, answer.headers["set-cookie"]]).toEqual([type, 400, undefined]);
    }
  });
});

test("what the TFE API and agents' gateway answer is not for cookies", async () => {
  const page = { origin: web.url, "sec-fetch-site": "same-origin", cookie };
  expect((await web.send("/api/v2/account/details", { headers: page })).status).toBe(401);
  expect((await web.post("/api/v2/organizations", {}, { cookie })).status).toBe(401);
  const register = await web.post("/windlass.agent.v1.AgentGatewayService/Register", {}, { cookie });
  expect([register.status, JSON.parse(register.text).code]).toEqual([401, "unauthenticated"]);
});

const proxies: Networks = { ...noNetworks, has: (address) => address === "127.0.0.1" };

describe("behind a proxy", () => {
  let other: TestWeb;
  const whoAmI = "/windlass.v1.SystemService/WhoAmI";
  const page = { origin: "https://windlass.example.com", "sec-fetch-site": "same-origin" };
  beforeEach(() => () => other[Symbol.asyncDispose]());

  test("that is believed, the origin is the one that it tells", async () => {
    other = await openTestWeb({ trust: { proxies, header: "auto", hasProxyProtocol: false } });
    const told = { "x-forwarded-proto": "https", "x-forwarded-host": "windlass.example.com" };
    const signed = await other.signIn((await other.key("owner")).secret, { ...page, ...told });
    expect(signed).toMatch(/^__Host-windlass=/);
    const status = async (headers: Headers) => (await other.post(whoAmI, {}, { cookie: signed, ...headers })).status;
    expect([await status({ ...page, ...told }), await status(page)]).toEqual([200, 401]);
    expect(await status({ ...page, ...told, origin: other.url })).toBe(403);
  });

  test("that is not, what it tells counts for nothing, and the public URL does", async () => {
    other = await openTestWeb({ publicUrl: "https://windlass.example.com" });
    const { secret: key } = await other.key("owner");
    const signed = await other.signIn(key, page);
    expect(signed).toMatch(/^__Host-windlass=/);
    const status = async (headers: Headers) => (await other.post(whoAmI, {}, { cookie: signed, ...headers })).status;
    expect([await status(page), await status({ ...page, origin: evil })]).toEqual([200, 403]);
    const forged = { origin: evil, "x-forwarded-proto": "https", "x-forwarded-host": "evil.example" };
    expect(await status({ ...page, ...forged })).toBe(403);
    const read = { cookie: signed, "sec-fetch-site": "same-origin" };
    expect((await other.send(`${whoAmI}${readQuery}`, { headers: read })).status).toBe(200);
  });

  test("without TLS nobody signs in but on this machine", async () => {
    other = await openTestWeb({ publicUrl: "http://windlass.example.com" });
    const { secret: key } = await other.key("owner");
    const answer = await other.post("/session", { apiKey: key }, { ...page, origin: "http://windlass.example.com" });
    expect([answer.status, answer.headers["set-cookie"]]).toEqual([403, undefined]);
    expect(answer.text).toContain("sign in over https");
  });
});
