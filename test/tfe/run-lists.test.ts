import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createPool } from "../../src/control/agents/pools.ts";
import { openTestTfe, resourceBody, type TestTfe } from "../support/tfe.ts";
import { TfeRuns } from "../support/tfe-runs.ts";
import { newPool } from "../support/wanted.ts";

let tfe: TestTfe;
let runs: TfeRuns;
beforeEach(async () => {
  tfe = await openTestTfe();
  runs = await TfeRuns.open(tfe);
});
afterEach(() => tfe[Symbol.asyncDispose]());

async function listed(query: string, path = `/workspaces/${runs.workspaceId}/runs`): Promise<readonly string[]> {
  const { status, document } = await tfe.call("GET", `${path}?${query}`);
  expect(status).toBe(200);
  return document.data.map(({ id }: { readonly id: string }) => id);
}

describe("the runs of a workspace", () => {
  test("are narrowed by status, source, operation and who created them", async () => {
    const planned = await runs.planned({ message: "resize" });
    const { id: pending } = await runs.create({ "is-destroy": true });
    const saved = await runs.planned({ "save-plan": true });
    const { id: only } = await runs.create({ "plan-only": true });
    const found = {
      "": [saved, pending, planned],
      "filter[status]=pending": [pending],
      "filter[status]=planned": [planned],
      "filter[status]=planned_and_saved,cost_estimated": [saved],
      "filter[status]=no_such_status": [],
      "filter[status_group]=discardable": [saved, planned],
      "filter[status_group]=final": [],
      "filter[status_group]=non_final&filter[status]=pending": [pending],
      "filter[operation]=plan_only": [only],
      "filter[operation]=save_plan": [saved],
      "filter[operation]=destroy": [pending],
      "filter[operation]=plan_and_apply,plan_only": [only, pending, planned],
      "filter[source]=tfe-api": [saved, pending, planned],
      "filter[source]=tfe-ui": [],
      "search[user]=operator": [saved, pending, planned],
      "search[user]=nobody": [],
      "search[commit]=abc": [],
      "search[basic]=RESIZE": [planned],
      "search[basic]=resize&search[commit]=abc": [],
      "filter[timeframe]=1999": [],
      "filter[timeframe]=year": [saved, pending, planned],
    };
    for (const [query, expected] of Object.entries(found))
      expect([query, await listed(query)]).toEqual([query, expected]);
  });

  test("come in pages with their number, and past the end is nothing", async () => {
    const ids: string[] = [];
    for (let n = 0; n < 3; n++) ids.unshift((await runs.create()).id);
    const page = (number: number) =>
      tfe.call("GET", `/workspaces/${runs.workspaceId}/runs?page[number]=${number}&page[size]=2`);
    const second = (await page(2)).document;
    expect(second.data.map(({ id }: { readonly id: string }) => id)).toEqual(ids.slice(2));
    expect(second.meta.pagination).toMatchObject({ "total-count": 3, "total-pages": 2, "next-page": null });
    expect((await page(9)).document).toMatchObject({
      data: [],
      meta: { pagination: { "current-page": 9, "total-count": 3 } },
    });
  });
});

test("the runs of an organization are narrowed by workspace and pool, and are not counted", async () => {
  const pool = await createPool(tfe.control, tfe.as("owner"), newPool("prod"));
  const other = await TfeRuns.open(tfe, { executionMode: "agent", pool: pool.pool.name }, "other");
  const [mine, theirs] = [(await runs.create()).id, (await other.create()).id];
  const { document } = await tfe.call("GET", "/organizations/acme/runs?page[size]=1&include=workspace,created_by,plan");
  expect(document.meta.pagination).not.toHaveProperty("total-count");
  expect(document.meta.pagination["next-page"]).toBe(2);
  expect(document.included.map(({ type }: { readonly type: string }) => type)).toEqual([
    "plans",
    "users",
    "workspaces",
  ]);
  const path = "/organizations/acme/runs";
  expect(await listed("", path)).toEqual([theirs, mine]);
  expect(await listed("filter[workspace_names]=net,none", path)).toEqual([mine]);
  expect(await listed("filter[agent_pool_names]=prod", path)).toEqual([theirs]);
  expect((await tfe.call("GET", path, undefined, { token: tfe.keys.siblingOwner })).status).toBe(404);
  expect((await tfe.call("GET", `${path}?include=nothing`)).document.errors[0].detail).toContain("include parameter");
});

test("the queue and the capacity tell what waits and what is at work", async () => {
  const { id: planning } = await runs.create();
  await runs.start(planning, "plan");
  const { id: pending } = await runs.create();
  expect(await listed("", "/organizations/acme/runs/queue")).toEqual([pending, planning]);
  const { document } = await tfe.call("GET", "/organizations/acme/capacity");
  expect(document.data).toEqual({
    ...{ type: "organization-capacity", id: "acme" },
    attributes: { pending: 1, running: 1 },
  });
});

describe("events and comments", () => {
  test("a comment is an event, with its actor and its text where they are asked for", async () => {
    const { id } = await runs.create({ message: "no comment" });
    const made = (await tfe.call("POST", `/runs/${id}/comments`, resourceBody("comments", { body: "why?" }))).document;
    expect(made.data).toMatchObject({ type: "comments", attributes: { body: "why?" } });
    const plain = (await tfe.call("GET", `/runs/${id}/run-events`)).document;
    expect(plain.data.map(({ attributes }: { attributes: { action: string } }) => attributes.action)).toEqual([
      ...["created", "plan_queued", "commented"],
    ]);
    expect(plain.included).toBeUndefined();
    const event = plain.data[2];
    expect(event.relationships).toMatchObject({
      actor: { data: { type: "users" } },
      comment: { data: { type: "comments", id: made.data.id } },
    });
    const read = (await tfe.call("GET", `/run-events/${event.id}?include=actor,comment`)).document;
    expect(read.data).toEqual(event);
    expect(read.included).toMatchObject([{ attributes: { username: "a operator" } }, { attributes: { body: "why?" } }]);
    const comments = (await tfe.call("GET", `/runs/${id}/comments`)).document;
    expect(comments).toMatchObject({ data: [made.data], meta: { pagination: { "total-count": 1 } } });
    expect((await tfe.call("GET", `/comments/${made.data.id}`)).document.data).toEqual(made.data);
  });

  test("what is no event or no comment is not found, and an empty one is refused", async () => {
    const { id } = await runs.create({ message: "no comment" });
    const rest = id.slice("run-".length);
    for (const path of [
      ...["/run-events/nonexisting", `/run-events/re-${rest}-0`, `/run-events/re-${rest}-99`],
      ...[`/comments/wsc-${rest}-1`, "/comments/nonexisting", `/comments/re-${rest}-1`],
    ])
      expect([path, (await tfe.call("GET", path)).status]).toEqual([path, 404]);
    expect((await tfe.call("POST", `/runs/${id}/comments`, resourceBody("comments", { body: " " }))).status).toBe(422);
  });
});
