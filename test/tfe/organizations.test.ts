import { afterAll, beforeAll, expect, test } from "vitest";
import { openTestTfe, type TestTfe } from "../support/tfe.ts";

let tfe: TestTfe;
beforeAll(async () => {
  tfe = await openTestTfe();
});
afterAll(() => tfe[Symbol.asyncDispose]());

test("an organization is read under its name; to others it does not exist", async () => {
  const read = await tfe.call("GET", "/organizations/acme");
  expect(read).toMatchObject({ status: 200, document: { data: { type: "organizations", id: "acme" } } });
  const foreign = await tfe.call("GET", "/organizations/acme", undefined, { token: tfe.keys.siblingOwner });
  expect(foreign).toMatchObject({ status: 404, document: { errors: [{ status: "404", title: "not found" }] } });
  expect((await tfe.call("GET", "/organizations/acme", undefined, { token: null })).status).toBe(401);
});
