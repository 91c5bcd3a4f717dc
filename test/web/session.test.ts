import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openTestWeb, type TestWeb } from "../support/web.ts";

const whoAmI = "/windlass.v1.SystemService/WhoAmI";
const hourMs = 3_600_000;

describe.each([
  ["HTTP/1.1 in clear on this machine", { isSecure: false }],
  ["HTTP/2 over TLS", { isSecure: true }],
])("over %s", (_name, options) => {
  let web: TestWeb;
  beforeAll(async () => {
    web = await openTestWeb(options);
  });
  afterAll(() => web[Symbol.asyncDispose]());

  test("somebody who signs in with a key is known by the cookie alone, and after signing out is not", async () => {
    const { id, secret } = await web.key("operator");
    const signedIn = await web.post("/session", { apiKey: secret });
    expect(signedIn).toMatchObject({ status: 204, text: "", headers: { "cache-control": "no-store" } });
    const name = options.isSecure ? "__Host-windlass" : `windlass-${new URL(web.url).port}`;
    const secure = options.isSecure ? "; Secure" : "";
    expect(signedIn.headers["set-cookie"]).toMatch(
      new RegExp(`^${name}=wdl_web_\\w+; Path=/; HttpOnly; SameSite=Lax${secure}$`),
    );
    const cookie = await web.signIn(secret);
    const known = await web.post(whoAmI, {}, { cookie });
    expect([known.status, JSON.parse(known.text)]).toMatchObject([200, { id, role: "ROLE_OPERATOR" }]);
    const out = await web.send("/session", { method: "DELETE", headers: { cookie, origin: web.url } });
    expect([out.status, out.headers["set-cookie"]]).toEqual([204, expect.stringMatching(/^[^=]+=; .*Max-Age=0$/)]);
    const unknown = await web.post(whoAmI, {}, { cookie });
    expect([unknown.status, JSON.parse(unknown.text).code]).toEqual([401, "unauthenticated"]);
  });

  test("a session ends after twelve hours without use, and after thirty days with use", async () => {
    const cookie = await web.signIn((await web.key("reader")).secret);
    const status = async () => (await web.post(whoAmI, {}, { cookie })).status;
    await web.clock.advance(11 * hourMs);
    expect(await status()).toBe(200);
    await web.clock.advance(11 * hourMs);
    expect(await status()).toBe(200);
    await web.clock.advance(12 * hourMs);
    expect(await status()).toBe(401);
    const other = await web.signIn((await web.key("reader")).secret);
    const used = async () => (await web.post(whoAmI, {}, { cookie: other })).status;
    for (let hours = 10; hours < 720; hours += 10) {
      await web.clock.advance(10 * hourMs);
      expect(await used(), `after ${hours} h`).toBe(200);
    }
    await web.clock.advance(10 * hourMs);
    expect(await used()).toBe(401);
  });
});
