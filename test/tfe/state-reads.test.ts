import { afterAll, beforeAll, expect, test } from "vitest";
import { openTestTfe, resourceBody, type TestTfe } from "../support/tfe.ts";

let tfe: TestTfe;
let workspace: string;
beforeAll(async () => {
  tfe = await openTestTfe();
  const made = await tfe.call(
    "POST",
    "/organizations/acme/workspaces",
    resourceBody("workspaces", { name: "without-states" }),
  );
  workspace = `/workspaces/${made.document.data.id}`;
});
afterAll(() => tfe[Symbol.asyncDispose]());

const nobodys = "sv-00000000000000000000000000";

test.each([
  `/state-versions/${nobodys}`,
  `/state-versions/${nobodys}/download`,
  `/state-versions/${nobodys}/outputs`,
  `/state-version-outputs/wsout-${nobodys}`,
  "WORKSPACE/current-state-version",
  "WORKSPACE/current-state-version-outputs",
])("where there is no state, %s is 404, and 401 without a key", async (path) => {
  const whole = path.replace("WORKSPACE", workspace);
  const { status, document } = await tfe.call("GET", whole);
  expect([status, document.errors[0].title]).toStrictEqual([404, "not found"]);
  expect((await tfe.call("GET", whole, undefined, { token: null })).status).toBe(401);
});

test("a workspace without states has an empty list of them, and others do not see it", async () => {
  const list = "/state-versions?filter[workspace][name]=without-states&filter[organization][name]=acme";
  const { status, document } = await tfe.call("GET", list);
  expect([status, document.data]).toStrictEqual([200, []]);
  expect((await tfe.call("GET", list, undefined, { token: tfe.keys.siblingOwner })).status).toBe(404);
});

test("a state without a serial is refused, and one that is not there is not brought back", async () => {
  const states = `${workspace}/state-versions`;
  const nothing = resourceBody("state-versions", {});
  expect((await tfe.call("POST", states, nothing)).status).toBe(422);
  const back = resourceBody(
    "state-versions",
    {},
    { "rollback-state-version": { data: { type: "state-versions", id: nobodys } } },
  );
  expect((await tfe.call("PATCH", states, back)).status).toBe(404);
});
