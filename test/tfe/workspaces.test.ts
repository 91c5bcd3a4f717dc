import { afterAll, beforeAll, expect, test } from "vitest";
import { createPool } from "../../src/control/agents/pools.ts";
import { systemRandom } from "../../src/lib/random.ts";
import { newId } from "../../src/lib/words/ids.ts";
import { toTfeId } from "../../src/tfe/core/ids.ts";
import { jobRow, runRow, stateRow } from "../support/rows.ts";
import { openTestTfe, resourceBody, type TestTfe } from "../support/tfe.ts";
import { newPool } from "../support/wanted.ts";
import { byId, makeWorkspace, nameFor } from "./rows/made.ts";

let tfe: TestTfe;
beforeAll(async () => {
  tfe = await openTestTfe();
});
afterAll(() => tfe[Symbol.asyncDispose]());

const all = "/organizations/acme/workspaces";
const create = (attributes: Readonly<Record<string, unknown>>, relationships?: Readonly<Record<string, unknown>>) =>
  tfe.call("POST", all, resourceBody("workspaces", attributes, relationships));
const make = async (attributes: Readonly<Record<string, unknown>> = {}) =>
  (await create({ name: nameFor("ws"), ...attributes })).document.data;
const change = (id: string, attributes: Readonly<Record<string, unknown>>) =>
  tfe.call("PATCH", `/workspaces/${id}`, resourceBody("workspaces", attributes));
const as = (token: string) => ({ token });

test("a workspace is the same document when it is made, read by name, read by id, and listed", async () => {
  const made = await create({ name: "Net_1", description: "of the plant" });
  expect(made).toMatchObject({
    status: 201,
    document: { data: { type: "workspaces", attributes: { name: "Net_1" } } },
  });
  const { data } = made.document;
  expect((await tfe.call("GET", `${all}/Net_1`)).document.data).toEqual(data);
  expect((await tfe.call("GET", `/workspaces/${data.id}`)).document.data).toEqual(data);
  const list = await tfe.call("GET", `${all}?search[name]=net_`);
  expect(list.document).toMatchObject({ data: [data], meta: { pagination: { "total-count": 1 } } });
  expect(data.links).toEqual({
    self: "/api/v2/organizations/acme/workspaces/Net_1",
    "self-html": "/app/acme/workspaces/Net_1",
  });
});

test("what is said of a workspace comes back as it was said", async () => {
  const said = {
    ...{ "allow-destroy-plan": false, "auto-apply": true, "auto-destroy-at": "2020-01-01T00:00:00Z" },
    ...{ "assessments-enabled": true, "file-triggers-enabled": false, "queue-all-runs": true },
    ...{ "source-name": "app", "source-url": "http://app.example.com", "speculative-enabled": false },
    ...{ "structured-run-output-enabled": true, "terraform-version": "0.11.0", "trigger-prefixes": ["/a"] },
    ...{ "working-directory": "bar/", "global-remote-state": true, description: "x" },
  };
  const made = await make(said);
  expect(made.attributes).toMatchObject({ ...said, operations: true, "execution-mode": "remote", source: "tfe-api" });
  const after = await change(made.id, { "trigger-patterns": ["/b/**"], "working-directory": "baz" });
  expect(after.document.data.attributes).toMatchObject({
    ...{ ...said, "trigger-prefixes": [], "trigger-patterns": ["/b/**"], "working-directory": "baz" },
  });
});

test("a fresh workspace takes any version of the terraform program, until one is named", async () => {
  const { id, attributes } = await make();
  expect(attributes).toMatchObject({ "terraform-version": "latest", "working-directory": "", locked: false });
  for (const [said, seen] of [
    ["1.11.4", "1.11.4"],
    ["~> 1.11.0", "~> 1.11.0"],
    ["1.11", "~> 1.11.0"],
    ["latest", "latest"],
  ])
    expect((await change(id, { "terraform-version": said })).document.data.attributes["terraform-version"]).toBe(seen);
});

test.each([
  [{ name: "a b" }, "/data/attributes/name"],
  [{ name: undefined }, "/data/attributes/name"],
  [{ "terraform-version": "nonexisting" }, "/data/attributes/terraform-version"],
  [{ "working-directory": "../up" }, "/data/attributes/working-directory"],
  [{ "execution-mode": "cloud" }, "/data/attributes/execution-mode"],
  [{ "execution-mode": "remote", operations: true }, "/data/attributes/operations"],
  [{ "auto-apply": "yes" }, "/data/attributes/auto-apply"],
  [{ "vcs-repo": { identifier: "a/b" } }, "/data/attributes/vcs-repo"],
  [{ "auto-destroy-at": "2999-01-01T00:00:00Z" }, "/data/attributes/auto-destroy-at"],
  [{ "auto-destroy-at": "tomorrow" }, "/data/attributes/auto-destroy-at"],
  [{ "auto-destroy-activity-duration": "2d" }, "/data/attributes/auto-destroy-activity-duration"],
  [{ "project-remote-state": true }, "/data/attributes/project-remote-state"],
  [{ "trigger-prefixes": ["/a"], "trigger-patterns": ["/b"] }, "/data/attributes/trigger-patterns"],
])("%j is refused, for a new one and for one that is there", async (attributes, pointer) => {
  const refusal = await create({ name: nameFor("ws"), ...attributes });
  expect([refusal.status, refusal.document.errors[0].source.pointer]).toEqual([422, pointer]);
  const { id } = await make();
  const before = (await tfe.call("GET", `/workspaces/${id}`)).document;
  if (!("name" in attributes && attributes.name === undefined)) expect((await change(id, attributes)).status).toBe(422);
  expect((await tfe.call("GET", `/workspaces/${id}`)).document).toEqual(before);
});

test("what is no document, or no document of a workspace, is refused", async () => {
  const wrongType = resourceBody("runs", { name: nameFor("ws") });
  for (const body of ["{", "[]", "null", `${"[".repeat(10_000)}`, JSON.stringify(wrongType)])
    expect((await tfe.call("POST", all, body)).status).toBe(422);
  expect((await tfe.call("POST", all, `"${"x".repeat(1024 * 1024)}"`)).status).toBe(413);
});

test("lists are in the wanted order, by their filters, and counted", async () => {
  const prefix = nameFor("list");
  const names = ["c", "a", "b"].map((end) => `${prefix}-${end}`);
  const made = [];
  for (const name of names) {
    made.push(await make({ name }));
    await tfe.clock.advance(1_000);
  }
  const list = async (query: string) => {
    const { document } = await tfe.call("GET", `${all}?search[name]=${prefix}&${query}`);
    return [
      document.data.map(({ attributes }: { attributes: { name: string } }) => attributes.name.at(-1)).join(""),
      document.meta.pagination["total-count"],
    ];
  };
  expect(await list("")).toEqual(["cab", 3]);
  expect(await list("sort=name")).toEqual(["abc", 3]);
  expect(await list("sort=-name")).toEqual(["cba", 3]);
  expect(await list("page[size]=2&page[number]=2")).toEqual(["b", 3]);
  expect(await list("page[number]=9")).toEqual(["", 3]);
  expect(await list(`search[wildcard-name]=*-A`)).toEqual(["a", 1]);
  expect(await list("search[wildcard-name]=*%25-a")).toEqual(["", 0]);
  const [c, a] = made;
  await tfe.call("POST", `/workspaces/${c.id}/relationships/tags`, {
    data: [{ type: "tags", attributes: { name: "x" } }],
  });
  await tfe.call("PATCH", `/workspaces/${a.id}/tag-bindings`, {
    data: [{ type: "tag-bindings", attributes: { key: "x", value: "1" } }],
  });
  expect(await list("search[tags]=x")).toEqual(["ca", 2]);
  expect(await list("search[exclude-tags]=x")).toEqual(["b", 1]);
  expect(await list("search[tags]=x&filter[tagged][0][key]=x&filter[tagged][0][value]=1")).toEqual(["a", 1]);
  expect(await list("filter[tagged][0][key]=x&filter[tagged][0][value]=")).toEqual(["ca", 2]);
  expect(await list("filter[tagged][0][key]=x&filter[tagged][0][value]=1")).toEqual(["a", 1]);
  expect(await list("filter[project][id]=prj-other")).toEqual(["", 0]);
  const unknown = await tfe.call("GET", `${all}?sort=size`);
  expect(unknown).toMatchObject({ status: 400, document: { errors: [{ source: { parameter: "sort" } }] } });
});

test("lists know the run that a workspace is at", async () => {
  const prefix = nameFor("runs");
  const named = (end: string) => makeWorkspace(tfe, tfe.organization, { name: `${prefix}-${end}` });
  const old = await named("1");
  await tfe.clock.advance(10);
  const [young, none] = [await named("2"), await named("3")];
  const at = tfe.clock.now().getTime();
  await tfe.control.store.write(async (tx) => {
    await tx.runs.insert(runRow(young, { status: "applied", createdAt: new Date(at - 1_000) }));
    await tx.runs.insert(runRow(old, { status: "errored", createdAt: new Date(at - 3_000) }));
    await tx.runs.insert(runRow(old, { status: "applied", createdAt: new Date(at - 2_000) }));
  });
  const names = async (query: string) =>
    (await tfe.call("GET", `${all}?search[name]=${prefix}&${query}`)).document.data.map(
      ({ attributes }: { attributes: { name: string } }) => attributes.name,
    );
  expect(await names("sort=current-run.created-at")).toEqual([old.name, young.name, none.name]);
  expect(await names("sort=-current-run.created-at")).toEqual([young.name, old.name, none.name]);
  expect(await names("filter[current-run][status]=applied")).toEqual([old.name, young.name]);
  expect(await names("filter[current-run][status]=errored")).toEqual([]);
  expect(await names("filter[current-run][status]=policy_checked")).toEqual([]);
});

test("a lock is somebody's: it refuses in the words that clients look for", async () => {
  const { id } = await make();
  const act = (action: string, token = tfe.keys.operator, body?: unknown) =>
    tfe.call("POST", `/workspaces/${id}/actions/${action}`, body, as(token));
  expect(await act("unlock")).toMatchObject({ status: 409, document: { errors: [{ title: "conflict" }] } });
  const locked = await act("lock", tfe.keys.operator, { data: { type: "", attributes: { reason: "mine" } } });
  expect(locked.document.data).toMatchObject({
    attributes: { locked: true, "locked-reason": "mine" },
    relationships: { "locked-by": { data: { type: "users" } } },
  });
  expect((await act("lock")).status).toBe(409);
  const refusal = await act("unlock", tfe.keys.owner);
  expect([refusal.status, refusal.document.errors[0].detail]).toEqual([
    409,
    expect.stringContaining("is locked by User"),
  ]);
  const unsafe = await act("safe-delete");
  expect([unsafe.status, unsafe.document.errors[0].detail]).toEqual([409, expect.stringContaining("locked")]);
  expect((await act("force-unlock", tfe.keys.owner)).document.data.attributes.locked).toBe(false);
  expect((await act("force-unlock", tfe.keys.owner)).status).toBe(409);
  const workspace = await makeWorkspace(tfe, tfe.organization);
  const run = runRow(workspace, { status: "planned" });
  await tfe.control.store.write(async (tx) => {
    await tx.runs.insert(run);
    await tx.workspaces.save({ ...workspace, lock: { kind: "run", runId: run.id, at: tfe.clock.now() } });
  });
  const byRun = await tfe.call("POST", `/workspaces/${byId(workspace).params.workspace}/actions/unlock`);
  expect([byRun.status, byRun.document.errors[0].detail]).toEqual([
    409,
    expect.stringContaining("is locked by Run run-"),
  ]);
});

test("one with resources is not safe to delete; by force its organization may leave it to owners", async () => {
  const [full, empty] = [await makeWorkspace(tfe, tfe.organization), await makeWorkspace(tfe, tfe.organization)];
  await tfe.control.store.write(async (tx) => {
    for (const [workspace, resourceCount] of [
      [full, 2],
      [empty, 0],
    ] as const) {
      const state = stateRow(workspace, { resourceCount });
      await tx.states.insert(state);
      await tx.workspaces.save({ ...workspace, currentStateId: state.id });
    }
    const row = await tx.organizations.get(tfe.organization.id);
    if (row !== undefined) await tx.organizations.save({ ...row, allowsForceDelete: false });
  });
  const path = (workspace: typeof full) => `/workspaces/${byId(workspace).params.workspace}`;
  const unsafe = await tfe.call("POST", `${path(full)}/actions/safe-delete`);
  expect(unsafe.status).toBe(409);
  expect(unsafe.document.errors[0].detail).not.toMatch(/locked|being processed/);
  expect((await tfe.call("POST", `${path(empty)}/actions/safe-delete`)).status).toBe(204);
  const shown = async (token: string) =>
    (await tfe.call("GET", path(full), undefined, as(token))).document.data.attributes.permissions["can-force-delete"];
  expect([await shown(tfe.keys.operator), await shown(tfe.keys.owner)]).toEqual([false, true]);
  expect((await tfe.call("DELETE", path(full))).status).toBe(404);
  expect((await tfe.call("DELETE", path(full), undefined, as(tfe.keys.owner))).status).toBe(204);
  await tfe.control.store.write(async (tx) => {
    const row = await tx.organizations.get(tfe.organization.id);
    if (row !== undefined) await tx.organizations.save({ ...row, allowsForceDelete: true });
  });
});

test("one that plans is deleted with its run: its agent and whoever watches are woken, and it is recorded", async () => {
  const workspace = await makeWorkspace(tfe, tfe.organization);
  const run = runRow(workspace, { status: "planning" });
  const agentId = newId("agent", systemRandom);
  const job = jobRow(run, { status: "started", agentId });
  await tfe.control.store.write(async (tx) => {
    await tx.runs.insert(run);
    await tx.jobs.insert(job);
    await tx.workspaces.save({ ...workspace, lock: { kind: "run", runId: run.id, at: tfe.clock.now() } });
  });
  const topics = [`run/${run.id}`, `agent/${agentId}`, `log/${job.id}`];
  const before = topics.map((topic) => tfe.control.wake.version(topic));
  expect((await tfe.call("DELETE", `/workspaces/${byId(workspace).params.workspace}`)).status).toBe(204);
  expect(topics.map((topic) => tfe.control.wake.version(topic))).not.toEqual(before);
  for (const [index, topic] of topics.entries()) expect(tfe.control.wake.version(topic)).not.toBe(before[index]);
  expect(await tfe.control.store.read((q) => q.jobs.get(job.id))).toBeUndefined();
  const filter = { organizationId: tfe.organization.id, action: "workspace.delete", actor: "", resource: workspace.id };
  const records = await tfe.control.store.read((q) =>
    q.audit.list({ ...filter, since: null, until: null }, { before: null, limit: 5 }),
  );
  expect(records).toMatchObject([{ detail: { name: workspace.name, ended_runs: run.id } }]);
});

test("who may read its outputs is added, taken and replaced", async () => {
  const [own, one, two] = [await make(), await make(), await make()];
  const path = `/workspaces/${own.id}/relationships/remote-state-consumers`;
  const names = (...some: readonly { id: string }[]) => ({ data: some.map(({ id }) => ({ type: "workspaces", id })) });
  const ids = async () => (await tfe.call("GET", path)).document.data.map(({ id }: { id: string }) => id);
  expect((await tfe.call("POST", path, names(one, two))).status).toBe(204);
  expect((await tfe.call("GET", path)).document.data).toContainEqual(
    (await tfe.call("GET", `/workspaces/${one.id}`)).document.data,
  );
  await tfe.call("DELETE", path, names(one));
  expect(await ids()).toEqual([two.id]);
  await tfe.call("PATCH", path, names(one));
  expect(await ids()).toEqual([one.id]);
  const foreign = await tfe.call(
    ...(["POST", "/organizations/rival/workspaces", resourceBody("workspaces", { name: nameFor("ws") })] as const),
    as(tfe.keys.siblingOwner),
  );
  expect((await tfe.call("POST", path, names(foreign.document.data))).status).toBe(404);
  expect((await tfe.call("POST", path, { data: [{ type: "workspaces" }] })).status).toBe(422);
  expect(await ids()).toEqual([one.id]);
});

test("what is asked for is included, and what nobody knows is refused", async () => {
  const { id } = await make();
  const read = await tfe.call("GET", `/workspaces/${id}?include=organization,project,readme`);
  expect(read.document.included.map(({ type }: { type: string }) => type)).toEqual(["organizations", "projects"]);
  expect((await tfe.call("GET", `/workspaces/${id}?include=`)).status).toBe(200);
  const refusal = await tfe.call("GET", `/workspaces/${id}?include=weather`);
  expect([refusal.status, refusal.document.errors[0].detail]).toEqual([
    400,
    expect.stringContaining("nclude parameter"),
  ]);
});

test("without a state there are no resources", async () => {
  const { id } = await make();
  expect((await tfe.call("GET", `/workspaces/${id}/resources`)).document).toMatchObject({
    data: [],
    meta: { pagination: { "total-count": 0 } },
  });
});

test("a workspace that is to follow its organization does so, whatever mode is said beside", async () => {
  const { pool } = await createPool(tfe.control, tfe.admin, { ...newPool(nameFor("pool")), organization: "acme" });
  const { id } = await make({ "execution-mode": "agent", "agent-pool-id": toTfeId(pool.id) });
  const overwrites = { "execution-mode": false, "agent-pool": false };
  const { document } = await change(id, { "execution-mode": "remote", "setting-overwrites": overwrites });
  expect(document.data).toMatchObject({
    attributes: { "execution-mode": "remote", "setting-overwrites": overwrites },
    relationships: { "agent-pool": { data: null } },
  });
  const made = await make({ "execution-mode": "local", "setting-overwrites": overwrites });
  expect(made.attributes).toMatchObject({ "execution-mode": "remote", "setting-overwrites": overwrites });
});
