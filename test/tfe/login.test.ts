import { createHash } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createVault } from "../../src/control/core/vault.ts";
import { revokeApiKey } from "../../src/control/people/api-key-ends.ts";
import { createApiKey, listApiKeys } from "../../src/control/people/api-keys.ts";
import { redeemCode } from "../../src/control/people/logins.ts";
import { CallRates } from "../../src/http/callers/call-rates.ts";
import { type BrowsedPage, Browser, filledIn, readable } from "../support/browser.ts";
import { openTestTfe, type TestTfe } from "../support/tfe.ts";

const verifier = "0123456789abcdef0123456789abcdef0123456789.12345";
const challengeOf = (text: string) => createHash("sha256").update(text).digest("base64url");
const redirectUri = "http://localhost:10003/login";

const asked: Readonly<Record<string, string>> = {
  client_id: "terraform-cli",
  response_type: "code",
  redirect_uri: redirectUri,
  state: "a state",
  code_challenge: challengeOf(verifier),
  code_challenge_method: "S256",
};

let tfe: TestTfe;
const browser = new Browser();
beforeAll(async () => {
  tfe = await openTestTfe();
});
afterAll(() => tfe[Symbol.asyncDispose]());

const addressOf = (changes: Readonly<Record<string, string>> = {}): string =>
  `${tfe.url}/oauth/authorization?${new URLSearchParams({ ...asked, ...changes })}`;

const open = (changes?: Readonly<Record<string, string>>): Promise<BrowsedPage> => browser.send(addressOf(changes));

const signIn = async (key: string, changes?: Readonly<Record<string, string>>): Promise<BrowsedPage> =>
  browser.submit(await open(changes), { api_key: key });

const confirmed = (page: BrowsedPage, typed: Readonly<Record<string, string>> = {}): Promise<BrowsedPage> =>
  browser.submit(page, { decision: "yes", ...typed });

const answerOf = (page: BrowsedPage): URLSearchParams => new URL(page.headers.location ?? "").searchParams;

async function codeOf(key: string, typed: Readonly<Record<string, string>> = {}): Promise<string> {
  const page = await confirmed(await signIn(key), typed);
  expect(page.status, page.text).toBe(303);
  return answerOf(page).get("code") ?? "";
}

async function trade(code: string, changes: Readonly<Record<string, string | undefined>> = {}) {
  const all = {
    grant_type: "authorization_code",
    code,
    redirect_uri: redirectUri,
    client_id: "terraform-cli",
    code_verifier: verifier,
    ...changes,
  };
  const given = Object.entries(all).flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const]));
  const { status, headers, text } = await browser.post(`${tfe.url}/oauth/token`, Object.fromEntries(given));
  return { status, headers, answer: JSON.parse(text) };
}

const keys = async () =>
  (await listApiKeys(tfe.control, tfe.admin, { organization: "", page: { size: 200, token: "" } })).rows;

const keyNamed = async (name: string) => (await keys()).find(({ key }) => key.name === name)?.key;

const records = (action: string) =>
  tfe.control.store.read((q) =>
    q.audit.listForward(
      { organizationId: null, action, actor: "", resource: "", since: null, until: null },
      { after: null, limit: 1_000 },
    ),
  );

describe("the way of terraform login", () => {
  test("discovery names client, endpoints, grant and ports", async () => {
    const { document } = await tfe.call("GET", "//.well-known/terraform.json");
    expect(document["login.v1"]).toStrictEqual({
      client: "terraform-cli",
      grant_types: ["authz_code"],
      authz: `${tfe.url}/oauth/authorization`,
      token: `${tfe.url}/oauth/token`,
      ports: [10000, 10010],
    });
  });

  test("a key signs in, a person says what they give, and the code is worth a key of its own", async () => {
    const first = await open();
    expect(first.status).toBe(200);
    expect(readable(first.text)).toContain(redirectUri);
    const second = await browser.submit(first, { api_key: ` ${tfe.keys.operator}\n` });
    expect(second.status).toBe(200);
    expect(second.text).not.toContain(tfe.keys.operator);
    expect(filledIn(second.text)).toMatchObject({ role: "operator", days: "90", name: "terraform login on 127.0.0.1" });
    const third = await confirmed(second, { role: "planner", days: "7", name: "a laptop" });
    expect([third.status, third.text]).toStrictEqual([303, ""]);
    expect(third.headers.location?.startsWith(`${redirectUri}?`)).toBe(true);
    expect(answerOf(third).get("state")).toBe("a state");
    const { status, headers, answer } = await trade(answerOf(third).get("code") ?? "");
    expect([status, headers["cache-control"], headers.pragma]).toStrictEqual([200, "no-store", "no-cache"]);
    expect(answer).toStrictEqual({
      access_token: expect.stringMatching(/^wdl_usr_/),
      token_type: "bearer",
      expires_in: 7 * 86_400,
    });
    const made = await keyNamed("a laptop");
    expect(made).toMatchObject({
      role: "planner",
      organizationId: tfe.organization.id,
      createdBy: expect.stringMatching(/^a operator \(key_/),
      expiresAt: new Date(tfe.clock.now().getTime() + 7 * 86_400_000),
    });
    const account = await tfe.call("GET", "/account/details", undefined, { token: answer.access_token });
    expect(account.document.data.attributes.username).toBe("a laptop");
    const recorded = (await records("key.create")).find(({ resource }) => resource === made?.id);
    expect(recorded).toMatchObject({
      actor: made?.createdBy,
      detail: { name: "a laptop", role: "planner", by: "login" },
      address: "127.0.0.1",
    });
  });

  test("a site admin gives the site, or a role in an organization that they name", async () => {
    const page = await signIn(tfe.keys.site_admin);
    expect(page.text).toContain('value="site-admin" selected');
    const unknown = await confirmed(page, { role: "operator", organization: "nowhere" });
    expect([unknown.status, readable(unknown.text)]).toStrictEqual([404, expect.stringContaining('"nowhere"')]);
    expect(filledIn(unknown.text)).toMatchObject({ organization: "nowhere", role: "operator" });
    const given = await confirmed(unknown, { organization: tfe.sibling.name, name: "from the admin" });
    await trade(answerOf(given).get("code") ?? "");
    expect(await keyNamed("from the admin")).toMatchObject({ role: "operator", organizationId: tfe.sibling.id });
    await trade(await codeOf(tfe.keys.site_admin, { name: "the site" }));
    expect(await keyNamed("the site")).toMatchObject({ role: "site_admin", organizationId: null });
  });

  test("who does not give it is sent back with access_denied", async () => {
    const page = await browser.submit(await signIn(tfe.keys.reader), { decision: "no" });
    expect(page.status).toBe(303);
    expect(Object.fromEntries(answerOf(page))).toMatchObject({ error: "access_denied", state: "a state" });
  });

  test("the login of a key that ends, by one who may not make keys, ends with it", async () => {
    const endsAt = new Date(tfe.clock.now().getTime() + 3 * 86_400_000);
    const { key, secret } = await createApiKey(tfe.control, {
      name: "for three days",
      role: "operator",
      organizationId: tfe.organization.id,
    });
    await tfe.control.store.write((tx) => tx.apiKeys.save({ ...key, expiresAt: endsAt }));
    const page = await signIn(secret);
    expect(page.text).toContain(endsAt.toISOString());
    const { answer } = await trade(answerOf(await confirmed(page, { name: "of three days" })).get("code") ?? "");
    expect(answer.expires_in).toBe(3 * 86_400);
    expect((await keyNamed("of three days"))?.expiresAt).toStrictEqual(endsAt);
  });
});

describe("what the page refuses", () => {
  test("a redirect that leads anywhere but to terraform on this computer", async () => {
    const foreign = [
      "https://evil.example.com/login",
      "http://localhost:9999/login",
      "http://localhost:10011/login",
      "http://localhost:010003/login",
      "https://localhost:10003/login",
      "http://localhost:10003/login/",
      "http://localhost:10003/login?x=1",
      "http://localhost:10003/login#x",
      "http://localhost:10003/other",
      "http://localhost:10003@evil.example.com/login",
      "http://evil@localhost:10003/login",
      "http://localhost.evil.example.com:10003/login",
      "http://127.0.0.2:10003/login",
      "http://LOCALHOST:10003/login\n",
      "javascript:alert(1)",
      "//localhost:10003/login",
      "",
    ];
    for (const redirect_uri of foreign) {
      const page = await open({ redirect_uri });
      expect([redirect_uri, page.status, page.headers.location]).toStrictEqual([redirect_uri, 400, undefined]);
      expect(page.text).not.toContain("<form");
      const posted = await browser.post(addressOf({ redirect_uri }), { api_key: tfe.keys.owner });
      expect([posted.status, posted.headers.location]).toStrictEqual([400, undefined]);
    }
    for (const redirect_uri of ["http://127.0.0.1:10000/login", "http://[::1]:10010/login"])
      expect((await open({ redirect_uri })).status).toBe(200);
  });

  test("another client, and a state without end", async () => {
    expect((await open({ client_id: "another" })).status).toBe(400);
    expect((await open({ state: "s".repeat(1_025) })).status).toBe(400);
    expect((await browser.send(`${addressOf()}&state=twice`)).status).toBe(422);
  });

  test.each([
    ["response_type", "token", "unsupported_response_type"],
    ["code_challenge_method", "plain", "invalid_request"],
    ["code_challenge", "short", "invalid_request"],
    ["scope", "everything", "invalid_scope"],
  ])("a request whose %s is %s goes back to terraform as %s", async (name, value, error) => {
    const page = await open({ [name]: value });
    expect([page.status, page.headers.location?.startsWith(`${redirectUri}?`)]).toStrictEqual([303, true]);
    expect(Object.fromEntries(answerOf(page))).toMatchObject({ error, state: "a state" });
  });

  test.each([
    ["a text that is no key", "not a key", /no Windlass token/],
    ["a key with a typing error", "wdl_usr_000000000000000000000000000000_000000", /wrong checksum/],
    ["nothing", "", /needs a credential/],
  ])("%s signs nobody in, and is not shown again", async (_, key, words) => {
    const page = await signIn(key);
    expect(page.status).toBe(401);
    expect(readable(page.text)).toMatch(words);
    expect(page.text).toContain('name="api_key"');
    if (key !== "") expect(page.text).not.toContain(key);
  });

  test("a form that a page of somebody else sends", async () => {
    const page = await open();
    for (const headers of [
      { "sec-fetch-site": "cross-site" },
      { "sec-fetch-site": "same-site", origin: tfe.url },
      { "sec-fetch-site": "none" },
      { origin: "https://evil.example.com" },
      { origin: "null" },
    ]) {
      const answer = await browser.submit(page, { api_key: tfe.keys.owner }, headers);
      expect([headers, answer.status]).toStrictEqual([headers, 403]);
      expect(answer.text).not.toContain("ticket");
    }
    expect((await browser.submit(page, { api_key: tfe.keys.owner }, { origin: tfe.url })).status).toBe(200);
  });

  test("a role above one's own, a life that is not offered, a name of two lines", async () => {
    const page = await signIn(tfe.keys.planner);
    expect(page.text).not.toContain('value="operator"');
    for (const typed of [
      { role: "operator" },
      { role: "site-admin" },
      { days: "100000" },
      { days: "" },
      { name: "" },
      { name: "two\nlines" },
      { name: "n".repeat(129) },
    ]) {
      const answer = await confirmed(page, typed);
      expect([typed, answer.status, answer.headers.location]).toStrictEqual([typed, 422, undefined]);
      expect(answer.text).toContain('class="mistake"');
    }
  });

  test("a ticket that is too old, changed, of another page, or of a key that has ended", async () => {
    const page = await signIn(tfe.keys.reader);
    const { ticket = "" } = filledIn(page.text);
    const swapped = ticket.slice(0, -2) + (ticket.endsWith("AA") ? "BB" : "AA");
    expect((await confirmed(page, { ticket: swapped })).status).toBe(400);
    expect((await confirmed(page, { ticket: "" })).status).toBe(400);
    const elsewhere = await browser.post(`${tfe.url}/app/settings/tokens`, { ...filledIn(page.text), decision: "yes" });
    expect([elsewhere.status, elsewhere.text]).toStrictEqual([400, expect.not.stringContaining("wdl_usr_")]);
    const { key, secret } = await createApiKey(tfe.control, {
      ...{ name: "soon gone", role: "reader", organizationId: tfe.organization.id },
    });
    const soonGone = await signIn(secret);
    await revokeApiKey(tfe.control, tfe.admin, key.id);
    expect([(await confirmed(soonGone)).status]).toStrictEqual([401]);
    await tfe.clock.advance(10 * 60_000);
    expect((await confirmed(page)).status).toBe(400);
  });

  test("nothing that is written into it becomes a part of it", async () => {
    const evil = `"><script>alert(1)</script><a href='x'>&\``;
    const { secret } = await createApiKey(tfe.control, {
      ...{ name: evil, role: "owner", organizationId: tfe.organization.id },
    });
    const page = await signIn(secret, { state: evil });
    const again = await confirmed(page, { name: `${evil}\n`.repeat(2), organization: evil, role: evil, days: evil });
    const unknown = await open({ client_id: evil, redirect_uri: evil });
    for (const { text } of [page, again, unknown]) {
      expect(text).not.toContain("<script");
      expect(text).not.toContain("<a href");
    }
    expect(readable(page.text)).toContain(evil);
    const sent = await confirmed(page, { name: "an odd state" });
    expect(answerOf(sent).get("state")).toBe(evil);
    expect(sent.headers.location).not.toMatch(/[<>"' ]/);
  });

  test("a body that is too large, and one that is no form", async () => {
    const type = { "content-type": "application/x-www-form-urlencoded" };
    const body = `api_key=${"k".repeat(1024 * 1024)}`;
    const large = await browser.send(addressOf(), { method: "POST", body, headers: type });
    expect([large.status, large.text.length < 4_000]).toStrictEqual([413, true]);
    const chunked = { ...type, "transfer-encoding": "chunked" };
    expect((await browser.send(addressOf(), { method: "POST", body, headers: chunked })).status).toBe(413);
    const json = await browser.send(addressOf(), { method: "POST", body: "{}" });
    expect(json.status).toBe(422);
    expect(
      (await browser.send(addressOf(), { method: "POST", body: "api_key=a&api_key=b", headers: type })).status,
    ).toBe(422);
  });

  test("every page runs nothing, is framed by nobody, is not kept, and tells nobody where it was", async () => {
    const pages = [await open(), await signIn(tfe.keys.owner), await open({ client_id: "x" }), await signIn("bad")];
    for (const { headers } of pages) {
      expect(headers).toMatchObject({
        "content-type": "text/html; charset=utf-8",
        "cache-control": "no-store",
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
      });
      const policy = headers["content-security-policy"] ?? "";
      expect(policy).toMatch(/^default-src 'none'; style-src 'sha256-[^']+'; form-action 'self'/);
      expect(policy).toContain("frame-ancestors 'none'");
      expect(policy).not.toContain("unsafe");
    }
    expect(pages[0]?.headers["content-security-policy"]).toContain("form-action 'self' http://localhost:10003;");
  });
});

describe("what the token endpoint refuses", () => {
  test("a code that comes again; what the first one got ends", async () => {
    const code = await codeOf(tfe.keys.owner, { name: "taken twice" });
    const { answer } = await trade(code);
    expect((await tfe.call("GET", "/account/details", undefined, { token: answer.access_token })).status).toBe(200);
    const again = await trade(code);
    expect([again.status, again.answer]).toStrictEqual([
      400,
      { error: "invalid_grant", error_description: "the code was used before" },
    ]);
    expect((await tfe.call("GET", "/account/details", undefined, { token: answer.access_token })).status).toBe(401);
    const key = await keyNamed("taken twice");
    expect((await records("key.revoke")).find(({ resource }) => resource === key?.id)?.detail).toMatchObject({
      why: "its code was used twice",
    });
  });

  test("a code that comes twice at the same moment makes one key at most", async () => {
    const code = await codeOf(tfe.keys.owner, { name: "at once" });
    const answers = await Promise.all([trade(code), trade(code), trade(code)]);
    expect(answers.filter(({ status }) => status === 200).length).toBeLessThanOrEqual(1);
    expect((await keys()).filter(({ key }) => key.name === "at once")).toHaveLength(1);
  });

  test("a code that another server of the same place has taken", async () => {
    const control = { ...tfe.control, vault: createVault(new Uint8Array(32).fill(7), tfe.control.random) };
    const use = { clientId: "terraform-cli", redirectUri, verifier, address: "" };
    const code = await codeOf(tfe.keys.owner, { name: "taken elsewhere" });
    expect((await redeemCode(control, { ...use, code })).kind).toBe("issued");
    expect((await trade(code)).answer.error).toBe("invalid_grant");
    const foreign = { ...tfe.control, vault: createVault(new Uint8Array(32).fill(8), tfe.control.random) };
    expect(await redeemCode(foreign, { ...use, code })).toMatchObject({ kind: "refused", why: "the code is unknown" });
  });

  test.each([
    ["another verifier", { code_verifier: `${verifier}x` }, "invalid_grant"],
    ["another port", { redirect_uri: "http://localhost:10004/login" }, "invalid_grant"],
    ["another client", { client_id: "another" }, "invalid_client"],
    ["no verifier", { code_verifier: undefined }, "invalid_request"],
    ["a verifier that is none", { code_verifier: "short" }, "invalid_request"],
    ["a password", { grant_type: "password" }, "unsupported_grant_type"],
    ["no grant", { grant_type: undefined }, "invalid_request"],
    ["a code that is none", { code: "abc" }, "invalid_grant"],
    ["a code with other signs", { code: "../../x" }, "invalid_grant"],
    ["no code", { code: undefined }, "invalid_request"],
  ])("%s", async (_, changes, error) => {
    const code = await codeOf(tfe.keys.owner, { name: "still good" });
    const refused = await trade(code, changes);
    expect([refused.status, refused.answer.error]).toStrictEqual([400, error]);
    expect(refused.headers["cache-control"]).toBe("no-store");
    expect((await trade(code)).status).toBe(200);
  });

  test("a code that is older than a minute, and a ticket in its place", async () => {
    const page = await signIn(tfe.keys.owner);
    const code = answerOf(await confirmed(page)).get("code") ?? "";
    const { ticket = "" } = filledIn(page.text);
    expect((await trade(ticket)).answer.error).toBe("invalid_grant");
    await tfe.clock.advance(60_000);
    expect((await trade(code)).answer).toStrictEqual({
      error: "invalid_grant",
      error_description: "the code is too old",
    });
  });

  test("the code of a key that was revoked meanwhile", async () => {
    const { key, secret } = await createApiKey(tfe.control, {
      ...{ name: "revoked early", role: "owner", organizationId: tfe.organization.id },
    });
    const code = await codeOf(secret, { name: "never made" });
    await revokeApiKey(tfe.control, tfe.admin, key.id);
    expect((await trade(code)).answer.error).toBe("invalid_grant");
    expect(await keyNamed("never made")).toBeUndefined();
  });

  test("a body that is too large or no form, and every other method", async () => {
    const type = { "content-type": "application/x-www-form-urlencoded" };
    const body = `code=${"c".repeat(1024 * 1024)}`;
    const large = await browser.send(`${tfe.url}/oauth/token`, { method: "POST", body, headers: type });
    expect([large.status, JSON.parse(large.text).error]).toStrictEqual([413, "invalid_request"]);
    const json = await browser.send(`${tfe.url}/oauth/token`, { method: "POST", body: "{}" });
    expect([json.status, JSON.parse(json.text).error]).toStrictEqual([400, "invalid_request"]);
    expect((await browser.send(`${tfe.url}/oauth/token`)).status).toBe(404);
  });
});

describe("the page with a token to paste", () => {
  const address = () => `${tfe.url}/app/settings/tokens?source=terraform-login`;

  test("shows a new token once", async () => {
    const page = await browser.submit(await browser.send(address()), { api_key: tfe.keys.operator });
    expect(page.text).not.toContain(tfe.keys.operator);
    const shown = await confirmed(page, { name: "pasted", days: "30" });
    const token = /<output>(wdl_usr_[^<]+)<\/output>/.exec(shown.text)?.[1];
    expect([shown.status, shown.headers["cache-control"]]).toStrictEqual([200, "no-store"]);
    const account = await tfe.call("GET", "/account/details", undefined, { token });
    expect(account.document.data.attributes.username).toBe("pasted");
    const again = await confirmed(page, { name: "pasted again" });
    expect([again.status, /wdl_usr_[0-9A-Za-z]{30}/.test(again.text)]).toStrictEqual([409, false]);
    expect(await keyNamed("pasted again")).toBeUndefined();
  });

  test("begins again for who does not want one", async () => {
    const page = await browser.submit(await browser.send(address()), { api_key: tfe.keys.operator });
    expect((await browser.submit(page, { decision: "no" })).text).toContain('name="api_key"');
  });
});

test("rejected keys count for their address, on the pages as everywhere", async () => {
  await using counted = await openTestTfe({ rates: new CallRates({ callsPerSecond: 0, authFailuresPerMinute: 2 }) });
  const url = `${counted.url}/oauth/authorization?${new URLSearchParams(asked)}`;
  const attempt = () => browser.post(url, { api_key: "wdl_usr_000000000000000000000000000000_000000" });
  expect([(await attempt()).status, (await attempt()).status]).toStrictEqual([401, 401]);
  const late = await attempt();
  expect([late.status, readable(late.text)]).toStrictEqual([429, expect.stringContaining("rejected credentials")]);
  const { status } = await counted.call("GET", "/account/details", undefined, { token: "wdl_usr_x" });
  expect(status).toBe(429);
});
