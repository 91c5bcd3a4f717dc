import { afterAll, beforeAll, expect, test } from "vitest";
import { openTestTfe, resourceBody, type TestTfe } from "../support/tfe.ts";

let tfe: TestTfe;
beforeAll(async () => {
  tfe = await openTestTfe();
});
afterAll(() => tfe[Symbol.asyncDispose]());

const workspaces = "/organizations/acme/workspaces";
export const make = async (name: string, attributes = {}, relationships?: Readonly<Record<string, unknown>>) =>
  (await tfe.call("POST", workspaces, resourceBody("workspaces", { name, ...attributes }, relationships))).document
    .data;

test("a workspace is the same document when it is made, read by name, read by id, and listed", async () => {
  const made = await tfe.call(
    "POST",
    workspaces,
    resourceBody("workspaces", { name: "net", description: "of the plant" }),
  );
  expect(made).toMatchObject({ status: 201, document: { data: { type: "workspaces", attributes: { name: "net" } } } });
  const { data } = made.document;
  expect((await tfe.call("GET", `${workspaces}/net`)).document.data).toEqual(data);
  expect((await tfe.call("GET", `/workspaces/${data.id}`)).document.data).toEqual(data);
  const list = await tfe.call("GET", `${workspaces}?search[name]=ne`);
  expect(list.document).toMatchObject({ data: [data], meta: { pagination: { "total-count": 1 } } });
});
