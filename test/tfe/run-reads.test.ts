import { afterAll, beforeAll, expect, test } from "vitest";
import { openTestTfe, type TestTfe } from "../support/tfe.ts";
import { TfeRuns } from "../support/tfe-runs.ts";

let tfe: TestTfe;
let runs: TfeRuns;
beforeAll(async () => {
  tfe = await openTestTfe();
  runs = await TfeRuns.open(tfe);
});
afterAll(() => tfe[Symbol.asyncDispose]());

test("an apply is a part of its run, with the URL of its log, and nobody's for others", async () => {
  const { id } = await runs.create();
  const apply = `/applies/${id.replace("run-", "apply-")}`;
  const { status, document } = await tfe.call("GET", apply);
  expect(status).toBe(200);
  expect(document.data).toMatchObject({
    type: "applies",
    id: id.replace("run-", "apply-"),
    attributes: { status: "pending", "log-read-url": expect.stringContaining("/_objects/v1/") },
  });
  expect((await tfe.call("GET", apply, undefined, { token: tfe.keys.siblingOwner })).status).toBe(404);
  expect((await tfe.call("GET", apply, undefined, { token: null })).status).toBe(401);
  expect((await tfe.call("GET", `/applies/${id}`)).status).toBe(404);
});

test("how many runs an organization has under way and waiting is told to its own", async () => {
  const { status, document } = await tfe.call("GET", "/organizations/acme/capacity");
  expect(status).toBe(200);
  expect(document.data).toMatchObject({
    type: "organization-capacity",
    id: "acme",
    attributes: { pending: expect.any(Number), running: expect.any(Number) },
  });
  const foreign = { token: tfe.keys.siblingOwner };
  expect((await tfe.call("GET", "/organizations/acme/capacity", undefined, foreign)).status).toBe(404);
});

test.each(["task-stages", "policy-checks"])("a run has no %s, and says so to those who see it", async (what) => {
  const { id } = await runs.create();
  const { status, document } = await tfe.call("GET", `/runs/${id}/${what}`);
  expect([status, document.data, document.meta.pagination["total-count"]]).toEqual([200, [], 0]);
  expect((await tfe.call("GET", `/runs/${id}/${what}`, undefined, { token: tfe.keys.siblingOwner })).status).toBe(404);
});
