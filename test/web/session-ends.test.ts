import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { revokeApiKey, rotateApiKey } from "../../src/control/people/api-key-ends.ts";
import { issueApiKey } from "../../src/control/people/api-keys.ts";
import { collectGarbage } from "../../src/control/upkeep/gc.ts";
import { fenceDatabase } from "../../src/control/upkeep/restore.ts";
import { maxSessionsOfKey } from "../../src/domain/people/browser-session.ts";
import { CallRates } from "../../src/http/callers/call-rates.ts";
import type { ApiKeyId } from "../../src/lib/words/ids.ts";
import { keepAll } from "../support/control.ts";
import { type OpenStream, openTestWeb, type TestWeb } from "../support/web.ts";

const whoAmI = "/windlass.v1.SystemService/WhoAmI";
const watchAgents = "/windlass.v1.AgentService/WatchAgents";
const listSessions = "/windlass.v1.ApiKeyService/ListBrowserSessions";
const endSession = "/windlass.v1.ApiKeyService/EndBrowserSession";
const hourMs = 3_600_000;

let web: TestWeb;
let key: Awaited<ReturnType<TestWeb["key"]>>;
let cookie: string;
let stream: OpenStream;
beforeAll(async () => {
  web = await openTestWeb();
});
afterAll(() => web[Symbol.asyncDispose]());
beforeEach(async () => {
  key = await web.key("owner");
  cookie = await web.signIn(key.secret);
  stream = await web.stream(watchAgents, {}, { cookie });
});

const statusOf = async (one = cookie) => (await web.post(whoAmI, {}, { cookie: one })).status;
const idOf = ({ id }: { readonly id: string }) => id as ApiKeyId;

describe("a session ends at once, and its open streams with it", () => {
  test("when its key is revoked", async () => {
    await revokeApiKey(web.control, web.admin, key.id);
    expect(await stream.ended).toBe("unauthenticated TOKEN_REVOKED");
    expect(await statusOf()).toBe(401);
    expect(await web.control.store.read((q) => q.browserSessions.ofKey(idOf(key)))).toEqual([]);
  });

  test("when its key is rotated without an overlap, and after it with one", async () => {
    await rotateApiKey(web.control, web.admin, { id: key.id, overlapMs: 0, expiresInMs: null });
    expect(await stream.ended).toBe("unauthenticated TOKEN_EXPIRED");
    const other = await web.key("owner");
    cookie = await web.signIn(other.secret);
    stream = await web.stream(watchAgents, {}, { cookie });
    await rotateApiKey(web.control, web.admin, { id: other.id, overlapMs: hourMs, expiresInMs: null });
    expect(await statusOf()).toBe(200);
    await web.clock.advance(hourMs);
    expect(await stream.ended).toBe("unauthenticated TOKEN_EXPIRED");
    expect(await statusOf()).toBe(401);
  });

  test("when its key expires", async () => {
    const wanted = { organization: "acme", name: "short", role: "owner", expiresInMs: hourMs } as const;
    const short = await issueApiKey(web.control, web.admin, wanted);
    cookie = await web.signIn(short.secret);
    stream = await web.stream(watchAgents, {}, { cookie });
    await web.clock.advance(hourMs);
    expect(await stream.ended).toBe("unauthenticated TOKEN_EXPIRED");
    expect(await statusOf()).toBe(401);
  });

  test("when nobody used it for long: an open stream is no use", async () => {
    const [row] = await web.control.store.read((q) => q.browserSessions.ofKey(idOf(key)));
    const now = web.clock.now();
    const use = { at: now, ifBefore: now, address: "", endsAt: new Date(now.getTime() + 60_000) };
    await web.control.store.write((tx) => tx.browserSessions.touch(row?.id ?? "", use));
    await web.clock.advance(60_000);
    expect(await stream.ended).toBe("unauthenticated TOKEN_EXPIRED");
  });

  test("when it signs out; others of the key go on", async () => {
    const other = await web.signIn(key.secret);
    await web.send("/session", { method: "DELETE", headers: { cookie, origin: web.url } });
    expect(await stream.ended).toBe("unauthenticated TOKEN_INVALID");
    expect([await statusOf(), await statusOf(other)]).toEqual([401, 200]);
  });

  test("when the browser signs in anew: the old cookie is good for nothing", async () => {
    const next = await web.signIn(key.secret, { cookie });
    expect(next).not.toBe(cookie);
    expect(await stream.ended).toBe("unauthenticated TOKEN_INVALID");
    expect([await statusOf(), await statusOf(next)]).toEqual([401, 200]);
  });

  test("when somebody ends it who may", async () => {
    const admin = await web.signIn((await web.key("site_admin")).secret);
    const sessions = JSON.parse((await web.post(listSessions, { apiKeyId: key.id }, { cookie: admin })).text);
    expect(sessions.browserSessions).toMatchObject([{ apiKeyId: key.id, lastUseAddress: "127.0.0.1" }]);
    const [{ id }] = sessions.browserSessions;
    const ended = await web.post(endSession, { apiKeyId: key.id, browserSessionId: id }, { cookie: admin });
    expect(JSON.parse(ended.text)).toEqual({ endedCount: 1 });
    expect(await stream.ended).toBe("unauthenticated TOKEN_INVALID");
    const again = await web.post(endSession, { apiKeyId: key.id, browserSessionId: id }, { cookie: admin });
    expect(again.status).toBe(404);
  });
});

describe("who ends and sees sessions", () => {
  const code = async (path: string, body: object, one: string) => {
    const { status, text } = await web.post(path, body, { cookie: one });
    return status === 200 ? "ok" : JSON.parse(text).code;
  };

  test("everybody those of their own key, owners those of their organization, nobody those of another one", async () => {
    const reader = await web.key("reader");
    const own = await web.signIn(reader.secret);
    const sibling = await web.signIn((await web.key("owner", web.sibling.id)).secret);
    const outcomes = async (id: string, one: string) => [
      await code(listSessions, { apiKeyId: id }, one),
      await code(endSession, { apiKeyId: id, all: true }, one),
    ];
    expect(await outcomes(key.id, own)).toEqual(["permission_denied", "permission_denied"]);
    expect(await outcomes(key.id, sibling)).toEqual(["not_found", "not_found"]);
    expect(await outcomes(reader.id, cookie)).toEqual(["ok", "ok"]);
    expect(await statusOf(own)).toBe(401);
    const mine = await web.signIn(reader.secret);
    const listed = JSON.parse((await web.post(listSessions, {}, { cookie: mine })).text);
    expect(listed.browserSessions).toMatchObject([{ apiKeyId: reader.id, current: true }]);
    expect(await code(endSession, {}, mine)).toBe("invalid_argument");
    expect(await code(endSession, { all: true, browserSessionId: "x" }, mine)).toBe("invalid_argument");
    expect(await code(endSession, { all: true }, mine)).toBe("ok");
    expect(await statusOf(mine)).toBe(401);
  });

  test("a session sees what its key sees, and nothing of another organization", async () => {
    const named = { organization: "rival", pageSize: 1 };
    expect(await code("/windlass.v1.WorkspaceService/ListWorkspaces", named, cookie)).toBe("not_found");
    expect(await code("/windlass.v1.WorkspaceService/ListWorkspaces", {}, cookie)).toBe("ok");
  });
});

test("what a session does is recorded with it, and so are its beginning and its end", async () => {
  await web.post("/windlass.v1.AgentPoolService/CreateAgentPool", { name: "by-browser" }, { cookie });
  await web.send("/session", { method: "DELETE", headers: { cookie, origin: web.url } });
  const events = await web.control.store.read((q) =>
    q.audit.listForward(
      { organizationId: null, action: "", actor: key.id, resource: "", since: null, until: null },
      { after: null, limit: 10 },
    ),
  );
  const session = expect.stringMatching(/^[0-9a-f-]{36}$/);
  const told = events.map(({ action, detail, address }) => ({ action, session: detail.browser_session, address }));
  expect(told.toSorted((one, other) => (one.action < other.action ? -1 : 1))).toEqual([
    { action: "pool.create", session, address: "127.0.0.1" },
    { action: "session.sign_in", session, address: "127.0.0.1" },
    { action: "session.sign_out", session, address: "127.0.0.1" },
  ]);
  expect(new Set(told.map((one) => one.session)).size).toBe(1);
  expect(JSON.stringify(events)).not.toMatch(/wdl_web_\w{8}|wdl_usr_\w{20}/);
});

test("only a hash of the cookie is kept, and the use to the minute", async () => {
  const [row] = await web.control.store.read((q) => q.browserSessions.ofKey(idOf(key)));
  expect(JSON.stringify(row)).not.toContain(cookie.split("=")[1]);
  const lastUse = async () => (await web.control.store.read((q) => q.browserSessions.get(row?.id ?? "")))?.lastUsedAt;
  const first = await lastUse();
  await web.clock.advance(59_000);
  await statusOf();
  expect(await lastUse()).toEqual(first);
  await web.clock.advance(1_000);
  await statusOf();
  expect(await lastUse()).toEqual(web.clock.now());
});

test("a key has a hundred sessions at the most: those go that were not used for longest", async () => {
  const cookies: string[] = [];
  for (let n = 0; n < maxSessionsOfKey; n++) {
    await web.clock.advance(1);
    cookies.push(await web.signIn(key.secret));
  }
  expect(await stream.ended).toBe("unauthenticated TOKEN_INVALID");
  expect(await web.control.store.read((q) => q.browserSessions.ofKey(idOf(key)))).toHaveLength(maxSessionsOfKey);
  expect([await statusOf(cookies[0]), await statusOf(cookies.at(-1))]).toEqual([200, 200]);
});

test("sessions outlive a restart, go with upkeep when they have ended, and are void after a restore", async () => {
  const directory = await mkdtemp(join(tmpdir(), "windlass-sessions-"));
  const options = { rows: `sqlite:${join(directory, "rows.db")}` };
  try {
    let kept = "";
    let secret = "";
    {
      await using first = await openTestWeb(options);
      ({ secret } = await first.key("site_admin"));
      kept = await first.signIn(secret);
    }
    await using second = await openTestWeb(options);
    // Another port, and so another name.
    const moved = kept.replace(/^windlass-\d+/, `windlass-${new URL(second.url).port}`);
    const status = async (one: string) => (await second.post(whoAmI, {}, { cookie: one })).status;
    expect(await status(moved)).toBe(200);
    await second.clock.advance(13 * hourMs);
    const gone = async (isDryRun: boolean) =>
      (await collectGarbage(second.control, { retention: keepAll, isDryRun })).find(
        ({ kind }) => kind === "browser sessions",
      )?.count;
    const fresh = await second.signIn(secret);
    expect([await gone(true), await gone(false), await gone(false)]).toEqual([1, 1, 0]);
    expect(await status(fresh)).toBe(200);
    await fenceDatabase(second.control, second.clock.now());
    expect(await status(fresh)).toBe(401);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});

describe("credentials that are none", () => {
  const nobody = `wdl_usr_${"x".repeat(30)}_000000`;

  test("are refused alike, whatever they are, and set no cookie", async () => {
    const { secret } = await web.key("reader");
    const wrong = `${secret.slice(0, -6)}000000`;
    for (const apiKey of [
      "x",
      wrong,
      nobody,
      "wdl_agt_x",
      "wdl_web_x",
      cookie.split("=")[1] ?? "",
      "\u0000",
      "ü".repeat(200),
    ]) {
      const { status, headers, text } = await web.post("/session", { apiKey });
      expect([apiKey, status, headers["set-cookie"]]).toEqual([apiKey, 401, undefined]);
      expect(JSON.parse(text)).toMatchObject({ code: "unauthenticated", message: expect.any(String) });
    }
  });

  test.each<readonly [what: string, body: unknown]>([
    ["nothing", undefined],
    ["no object", []],
    ["no key", {}],
    ["an empty key", { apiKey: "" }],
    ["no text", { apiKey: 1 }],
    ["another name", { api_key: "x" }],
  ])("%s is no sign-in", async (_what, body) => {
    const { status, text } = await web.post("/session", body ?? "");
    expect([status, JSON.parse(text).code]).toEqual([400, "invalid_argument"]);
  });

  test("a body is bounded, and other methods are not known", async () => {
    expect((await web.post("/session", { apiKey: "x".repeat(5_000) })).status).toBe(429);
    expect((await web.send("/session")).status).toBe(501);
  });

  test("count for their address, in the form of keys and of cookies", async () => {
    const rates = () => new CallRates({ callsPerSecond: 0, authFailuresPerMinute: 3 });
    await using limited = await openTestWeb({ rates: rates() });
    const keys = async () => (await limited.post("/session", { apiKey: nobody })).status;
    expect([await keys(), await keys(), await keys(), await keys()]).toEqual([401, 401, 401, 429]);
    await using other = await openTestWeb({ rates: rates() });
    const name = `windlass-${new URL(other.url).port}`;
    const cookies = async () => (await other.post(whoAmI, {}, { cookie: `${name}=wdl_web_x` })).status;
    expect([await cookies(), await cookies(), await cookies(), await cookies()]).toEqual([401, 401, 401, 429]);
  });
});

describe("cookies that are hostile", () => {
  const name = () => cookie.split("=")[0] ?? "";
  const value = () => cookie.split("=")[1] ?? "";

  test("do no harm, and help nobody", async () => {
    const cases: Readonly<Record<string, readonly [cookies: string, status: number]>> = {
      "beside others": [`a=b; ${cookie}; c="d"`, 200],
      "without spaces": [`a=b;${cookie};c=d`, 200],
      "twice the same": [`${cookie}; ${cookie}`, 200],
      "twice, and different": [`${cookie}; ${name()}=other`, 401],
      "twice, the good one last": [`${name()}=other; ${cookie}`, 401],
      "in quotes": [`${name()}="${value()}"`, 401],
      "with another case of the name": [cookie.toUpperCase(), 401],
      "with a name that ends like ours": [`x${cookie}`, 401],
      "with the name of a server with TLS": [`__Host-windlass=${value()}`, 401],
      "with the name of another port": [`windlass-1=${value()}`, 401],
      "without a value": [`${name()}=`, 401],
      "without anything": [";;; = ;", 401],
      "cut off": [cookie.slice(0, -1), 401],
      "with something behind": [`${cookie}x`, 401],
      "a key in its place": [`${name()}=${key.secret}`, 401],
      "very long": [`${name()}=${"x".repeat(8_000)}`, 401],
      "too long for any call": [`${name()}=${"x".repeat(20_000)}`, 429],
      "ten thousand of them": [";".repeat(10_000), 401],
    };
    const seen: [string, number][] = [];
    for (const [what, [cookies]] of Object.entries(cases)) seen.push([what, await statusOf(cookies)]);
    expect(seen).toEqual(Object.entries(cases).map(([what, [, status]]) => [what, status]));
  });

  test("are no bearer tokens", async () => {
    const answer = await web.post(whoAmI, {}, { authorization: `Bearer ${value()}` });
    expect([answer.status, JSON.parse(answer.text).message]).toEqual([401, expect.stringContaining("no bearer token")]);
  });

  test("do not keep anybody from signing in, or out", async () => {
    const hostile = `${name()}=a; ${name()}=b; ${name()}=${"x".repeat(4_000)}`;
    expect(await statusOf(await web.signIn(key.secret, { cookie: hostile }))).toBe(200);
    const out = await web.send("/session", { method: "DELETE", headers: { cookie: hostile, origin: web.url } });
    expect(out.status).toBe(204);
  });
});
