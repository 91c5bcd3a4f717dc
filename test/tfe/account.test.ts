import { afterAll, beforeAll, expect, test } from "vitest";
import { openTestTfe, type TestTfe } from "../support/tfe.ts";

let tfe: TestTfe;
beforeAll(async () => {
  tfe = await openTestTfe();
});
afterAll(() => tfe[Symbol.asyncDispose]());

test("anybody may ping, and learns which version of the API is spoken", async () => {
  const { status, headers, bytes } = await tfe.call("GET", "/ping", undefined, { token: null });
  expect([status, bytes.length]).toStrictEqual([204, 0]);
  expect(Object.fromEntries(headers)).toMatchObject({ "tfp-api-version": "2.6", "tfp-appname": "Windlass" });
});

test("an API key is a user, whose name is the key's", async () => {
  const { status, document } = await tfe.call("GET", "/account/details");
  expect(status).toBe(200);
  expect(document.data).toMatchObject({ type: "users", attributes: { username: "a operator" } });
  expect(document.data.id).toMatch(/^key-/);
  const admin = await tfe.call("GET", "/account/details", undefined, { token: tfe.keys.site_admin });
  expect(admin.document.data.attributes.permissions["can-create-organizations"]).toBe(true);
});

test("what the server can do for an organization is told to whoever sees it", async () => {
  const { document } = await tfe.call("GET", "/organizations/acme/entitlement-set");
  expect(document.data).toMatchObject({ type: "entitlement-sets", attributes: { operations: true, agents: true } });
  const foreign = { token: tfe.keys.siblingOwner };
  expect((await tfe.call("GET", "/organizations/acme/entitlement-set", undefined, foreign)).status).toBe(404);
});

test.each([
  ["no key", null],
  ["a text that is no key", "bad"],
  ["a key that nobody knows", "wdl_usr_000000000000000000000000000000_000000"],
])("%s is 401 with an error document", async (_, token) => {
  const { status, document } = await tfe.call("GET", "/account/details", undefined, { token });
  expect(status).toBe(401);
  expect(document.errors[0]).toMatchObject({ status: "401", title: "unauthorized" });
});
