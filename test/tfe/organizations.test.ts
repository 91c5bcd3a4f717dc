import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { createPool } from "../../src/control/agents/pools.ts";
import { toTfeId } from "../../src/tfe/core/ids.ts";
import { openTestTfe, resourceBody, type TestTfe } from "../support/tfe.ts";
import { newPool } from "../support/wanted.ts";
import { nameFor } from "./rows/made.ts";

let tfe: TestTfe;
beforeAll(async () => {
  tfe = await openTestTfe();
});
afterAll(() => tfe[Symbol.asyncDispose]());

let name: string;
const admin = (method: string, path: string, body?: unknown) =>
  tfe.call(method, path, body, { token: tfe.keys.site_admin });
const make = (attributes = {}) =>
  admin("POST", "/organizations", resourceBody("organizations", { name, ...attributes }));
const change = (attributes: Readonly<Record<string, unknown>>, pool?: string | null) => {
  const data = pool === null ? null : { type: "agent-pools", id: toTfeId(pool ?? "") };
  const relationships = pool === undefined ? undefined : { "default-agent-pool": { data } };
  return admin("PATCH", `/organizations/${name}`, resourceBody("organizations", attributes, relationships));
};
const workspace = (path: string) => admin("GET", `/organizations/${name}/workspaces/${path}`);
const poolOf = async () => (await createPool(tfe.control, tfe.admin, newPool("prod", { organization: name }))).pool.id;

beforeEach(() => {
  name = nameFor("made");
});

test("an organization is read under its name; to others it does not exist", async () => {
  const read = await tfe.call("GET", "/organizations/acme");
  expect(read).toMatchObject({ status: 200, document: { data: { type: "organizations", id: "acme" } } });
  const foreign = await tfe.call("GET", "/organizations/acme", undefined, { token: tfe.keys.siblingOwner });
  expect(foreign).toMatchObject({ status: 404, document: { errors: [{ status: "404", title: "not found" }] } });
});

test("a new one is the same when it is read and listed, and protects its state", async () => {
  const made = await make({ email: "ops@example.com", "session-timeout": 60 });
  expect(made).toMatchObject({
    status: 201,
    document: {
      data: {
        id: name,
        attributes: {
          ...{ email: "ops@example.com", "session-timeout": 60, "allow-force-delete-workspaces": false },
          ...{ "default-execution-mode": "remote", permissions: { "can-destroy": true } },
        },
        relationships: { "default-agent-pool": { data: null } },
      },
    },
  });
  const { data } = made.document;
  const read = await admin("GET", `/organizations/${name}?include=default-project`);
  expect(read.document.data).toEqual(data);
  expect(read.document.included).toMatchObject([{ ...data.relationships["default-project"].data, type: "projects" }]);
  for (const q of [name, "OPS@example"]) {
    const list = await admin("GET", `/organizations?q=${q}`);
    expect(list.document.data).toContainEqual(data);
  }
  const past = await admin("GET", "/organizations?page[number]=999");
  expect(past.document).toMatchObject({ data: [], meta: { pagination: { "current-page": 999 } } });
  expect(past.document.meta.pagination["total-count"]).toBeGreaterThan(1);
});

test("people of one organization list that one", async () => {
  const list = await tfe.call("GET", "/organizations", undefined, { token: tfe.keys.reader });
  expect(list.document).toMatchObject({ data: [{ id: "acme" }], meta: { pagination: { "total-count": 1 } } });
});

test("it takes another name, and keeps what was not said", async () => {
  await make({ email: "a@example.com" });
  await change({ "session-remember": 5 });
  const [before, next] = [name, nameFor("renamed")];
  expect(await change({ name: next })).toMatchObject({
    status: 200,
    document: { data: { id: next, attributes: { email: "a@example.com", "session-remember": 5 } } },
  });
  expect((await admin("GET", `/organizations/${before}`)).status).toBe(404);
});

test.each([
  [{ name: "a b" }, "/data/attributes/name"],
  [{ name: "acme" }, "/data/attributes/name"],
  [{ name: 7 }, "/data/attributes/name"],
  [{ email: "a b" }, "/data/attributes/email"],
  [{ "default-execution-mode": "cloud" }, "/data/attributes/default-execution-mode"],
  [{ "default-execution-mode": "agent" }, "/data/attributes/default-execution-mode"],
  [{ "user-tokens-enabled": false }, "/data/attributes/user-tokens-enabled"],
  [{ "session-timeout": "soon" }, "/data/attributes/session-timeout"],
])("a new one with %j is refused", async (attributes, pointer) => {
  const refusal = await make(attributes);
  expect(refusal.status).toBe(422);
  expect(refusal.document.errors[0].source?.pointer).toBe(pointer);
  expect((await admin("GET", `/organizations/${name}`)).status).toBe(404);
});

test("workspaces that follow it have its mode and its pool, also when these change", async () => {
  await make();
  const create = (attributes: Readonly<Record<string, unknown>>) =>
    admin("POST", `/organizations/${name}/workspaces`, resourceBody("workspaces", attributes));
  await create({ name: "follows" });
  await create({ name: "stays", "execution-mode": "remote" });
  expect((await change({}, await poolOf())).document.errors[0].detail).toContain(
    "must not be specified unless using 'agent' execution mode",
  );
  const pool = await tfe.control.store.read(async (q) => {
    const found = await q.organizations.byName(name);
    return found && q.pools.byName(found.id, "prod");
  });
  const id = pool?.id ?? "";
  expect((await change({ "default-execution-mode": "agent" }, id)).status).toBe(200);
  const data = { type: "agent-pools", id: toTfeId(id) };
  expect((await workspace("follows")).document.data).toMatchObject({
    attributes: { "execution-mode": "agent", "setting-overwrites": { "execution-mode": false, "agent-pool": false } },
    relationships: { "agent-pool": { data } },
  });
  expect((await workspace("stays")).document.data.attributes).toMatchObject({
    "execution-mode": "remote",
    "setting-overwrites": { "execution-mode": true },
  });
  const left = await change({ "default-execution-mode": "local" });
  expect(left.document.data.relationships["default-agent-pool"]).toEqual({ data: null });
  expect((await workspace("follows")).document.data.attributes).toMatchObject({
    ...{ "execution-mode": "local", operations: false },
  });
});

test("it goes with all that it has", async () => {
  await make();
  await poolOf();
  const made = await admin("POST", `/organizations/${name}/workspaces`, resourceBody("workspaces", { name: "net" }));
  expect(await admin("DELETE", `/organizations/${name}`)).toMatchObject({ status: 204 });
  for (const path of [`/organizations/${name}`, `/workspaces/${made.document.data.id}`])
    expect((await admin("GET", path)).status).toBe(404);
  expect((await admin("DELETE", `/organizations/${name}`)).status).toBe(404);
});

test("it has one project, which holds its workspaces, and no other can be made", async () => {
  const projects = await tfe.call("GET", "/organizations/acme/projects?filter[names]=Default%20Project");
  const [project] = projects.document.data;
  expect(project).toMatchObject({ type: "projects", attributes: { name: "Default Project" } });
  expect((await tfe.call("GET", `/projects/${project.id}`)).document.data).toEqual(project);
  expect((await tfe.call("GET", "/organizations/acme/projects?filter[names]=other")).document.data).toEqual([]);
  const { id } = project;
  const inIt = resourceBody("workspaces", { name: nameFor("ws") }, { project: { data: { type: "projects", id } } });
  expect((await tfe.call("POST", "/organizations/acme/workspaces", inIt)).document.data.relationships.project).toEqual({
    data: { type: "projects", id },
  });
  const elsewhere = { project: { data: { type: "projects", id: "prj-other" } } };
  const refused = resourceBody("workspaces", { name: nameFor("ws") }, elsewhere);
  expect((await tfe.call("POST", "/organizations/acme/workspaces", refused)).status).toBe(422);
});
