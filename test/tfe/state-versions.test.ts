import { createHash } from "node:crypto";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { givenState } from "../../src/control/jobs/given-state.ts";
import { collectGarbage } from "../../src/control/upkeep/gc.ts";
import { createWorkspace } from "../../src/control/workspaces/workspaces.ts";
import type { Workspace } from "../../src/domain/workspaces/workspace.ts";
import { isId } from "../../src/lib/words/ids.ts";
import { fromTfeId, toTfeId } from "../../src/tfe/core/ids.ts";
import { keepAll } from "../support/control.ts";
import { type AnyDocument, openTestTfe, resourceBody, type TestTfe } from "../support/tfe.ts";
import { newWorkspace } from "../support/wanted.ts";

let tfe: TestTfe;
let workspace: Workspace;
let path: string;
beforeEach(async () => {
  tfe = await openTestTfe({ limits: { maxStateBytes: 100_000 } });
  ({ workspace } = await createWorkspace(tfe.control, tfe.as("owner"), newWorkspace("net")));
  path = `/workspaces/${toTfeId(workspace.id)}`;
  await lock();
});
afterEach(() => tfe[Symbol.asyncDispose]());

const lock = (token = tfe.keys.operator) => tfe.call("POST", `${path}/actions/lock`, resourceBody("", {}), { token });
const unlock = (token = tfe.keys.operator) => tfe.call("POST", `${path}/actions/unlock`, undefined, { token });

const lineage = "383ab4a3-288d-cf82-c0ce-211c8ef44354";
const stateText = (serial: number, more: object = {}, own = lineage) =>
  JSON.stringify({
    version: 4,
    terraform_version: "1.11.4",
    serial,
    lineage: own,
    outputs: {},
    resources: [],
    ...more,
  });
const md5 = (text: string) => createHash("md5").update(text).digest("hex");

const post = (attributes: Readonly<Record<string, unknown>>, token = tfe.keys.operator, relationships = {}) =>
  tfe.call("POST", `${path}/state-versions`, resourceBody("state-versions", attributes, relationships), { token });
const announce = (serial: number, text: string, more: object = {}, token = tfe.keys.operator) =>
  post({ serial, md5: md5(text), lineage, ...more }, token);
const put = (url: string, body: string) => tfe.call("PUT", url, body, { token: null });
const current = () => tfe.call("GET", `${path}/current-state-version`);

/** As the terraform program does it. */
async function push(serial: number, text = stateText(serial), more: object = {}, token = tfe.keys.operator) {
  const { status, document } = await announce(serial, text, more, token);
  if (status !== 201) return { status, id: "", document };
  const attributes = document.data.attributes;
  const [state, json] = await Promise.all([
    put(attributes["hosted-state-upload-url"], text),
    put(attributes["hosted-json-state-upload-url"], `{"of":${serial}}`),
  ]);
  expect(json.status).toBe(200);
  return { status: state.status, id: document.data.id as string, document: state.document };
}

describe("a state that is announced", () => {
  test("becomes the workspace's once its bytes have come, and is given back as it came", async () => {
    expect(await current()).toMatchObject({ status: 404 });
    expect((await current()).headers.get("x-terraform-snapshot-interval")).toBe("20");
    const text = stateText(3);
    const announced = await announce(3, text);
    expect(announced).toMatchObject({
      status: 201,
      document: { data: { attributes: { status: "pending", serial: 3, "resources-processed": false } } },
    });
    expect(announced.headers.get("x-terraform-snapshot-interval")).toBe("20");
    const { id, attributes } = announced.document.data;
    expect((await tfe.call("GET", `/state-versions/${id}`)).document.data.attributes.status).toBe("pending");
    expect((await current()).status).toBe(404);
    expect((await put(attributes["hosted-json-state-upload-url"], '{"json":1}')).status).toBe(200);
    expect((await put(attributes["hosted-state-upload-url"], text)).status).toBe(200);
    const read = await current();
    expect(read.document.data).toMatchObject({
      id,
      attributes: { status: "finalized", serial: 3, lineage, size: text.length, intermediate: false },
      relationships: { run: { data: null }, "created-by": { data: { type: "users" } }, outputs: { data: [] } },
    });
    for (const token of [null, tfe.keys.operator]) {
      const got = await tfe.call("GET", read.document.data.attributes["hosted-state-download-url"], undefined, {
        token,
      });
      expect(Buffer.from(got.bytes).toString()).toBe(text);
    }
    const json = await tfe.call("GET", read.document.data.attributes["hosted-json-state-download-url"]);
    expect(Buffer.from(json.bytes).toString()).toBe('{"json":1}');
    expect((await put(attributes["hosted-state-upload-url"], text)).status).toBe(200);
    expect((await put(attributes["hosted-state-upload-url"], stateText(4))).status).toBe(422);
  });

  test("is named by its client, whatever the file says; only the MD5 is compared with the bytes", async () => {
    const text = stateText(77, {}, "another-lineage");
    expect((await push(1, text)).status).toBe(200);
    expect((await current()).document.data.attributes).toMatchObject({ serial: 1, lineage });
    const wrong = await announce(2, stateText(2));
    expect(await put(wrong.document.data.attributes["hosted-state-upload-url"], stateText(3))).toMatchObject({
      status: 422,
      document: { errors: [{ detail: expect.stringContaining("MD5") }] },
    });
    expect((await push(2)).status).toBe(200);
  });

  test("goes to jobs under that name, byte for byte but for it", async () => {
    const more = { outputs: { n: { value: "DIGITS", type: "number" } } };
    const text = stateText(77, more, "another-lineage").replace('"DIGITS"', "12345678901234567890");
    const { id } = await push(1, text);
    const stored = fromTfeId(id);
    const state = await tfe.control.store.read(async (q) => (isId("sv", stored) ? q.states.get(stored) : undefined));
    if (state === undefined) throw new Error("the state is there");
    const given = await givenState(tfe.control, state);
    const expected = text.replace('"serial":77', '"serial":1').replace("another-lineage", lineage);
    const got = Buffer.concat(await Array.fromAsync(given.read(0))).toString();
    expect(got).toBe(expected);
    expect(given).toMatchObject({
      bytes: expected.length,
      sha256: createHash("sha256").update(expected).digest("hex"),
    });
    expect(Buffer.concat(await Array.fromAsync(given.read(40))).toString()).toBe(expected.slice(40));
    const other = await push(2);
    const plain = await tfe.control.store.read(async (q) => {
      const key = fromTfeId(other.id);
      return isId("sv", key) ? q.states.get(key) : undefined;
    });
    if (plain === undefined) throw new Error("the state is there");
    expect(await givenState(tfe.control, plain)).toMatchObject({ bytes: plain.bytes, sha256: plain.sha256 });
  });

  test("twice the same under one name is known; another content, a lower serial, another lineage are conflicts", async () => {
    const text = stateText(5);
    const first = await push(5, text);
    expect(await push(5, text)).toMatchObject({ status: 200, id: first.id });
    for (const [serial, more] of [
      [5, {}],
      [4, {}],
      [9, { lineage: "other" }],
    ] as const)
      expect((await announce(serial, stateText(serial, { x: 1 }), more)).status).toBe(409);
    expect((await current()).document.data.id).toBe(first.id);
    await unlock();
    await lock(tfe.keys.owner);
    expect((await push(1, stateText(1), { lineage: "other", force: true }, tfe.keys.owner)).status).toBe(200);
    expect((await current()).document.data.attributes).toMatchObject({ serial: 1, lineage: "other" });
  });

  test("is refused once another one became current, and so after its lock is gone", async () => {
    const old = await announce(7, stateText(7));
    const url = old.document.data.attributes["hosted-state-upload-url"];
    await tfe.clock.advance(5);
    const { id } = await push(5);
    expect((await put(url, stateText(7))).status).toBe(409);
    const late = await announce(8, stateText(8));
    expect((await unlock()).status).toBe(200);
    expect((await put(late.document.data.attributes["hosted-state-upload-url"], stateText(8))).status).toBe(409);
    expect((await current()).document.data.id).toBe(id);
    await lock(tfe.keys.owner);
    expect((await push(8, stateText(8), {}, tfe.keys.owner)).status).toBe(200);
  });

  test("that is no state, or too large, is refused, and nothing is kept of it", async () => {
    const before = await tfe.control.blobs.usage();
    for (const [text, status] of [
      ["terraform {}", 422],
      ['{"version":4}', 422],
      [`${"[".repeat(10_000)}${"]".repeat(10_000)}`, 422],
      [stateText(1, { padding: "x".repeat(200_000) }), 413],
    ] as const) {
      const { document } = await announce(1, text);
      expect((await put(document.data.attributes["hosted-state-upload-url"], text)).status).toBe(status);
    }
    expect((await current()).status).toBe(404);
    expect(await tfe.control.blobs.usage()).toEqual(before);
  });

  test("is collected when it never came, with its form for programs", async () => {
    const { document } = await announce(1, stateText(1));
    await put(document.data.attributes["hosted-json-state-upload-url"], "{}");
    await tfe.clock.advance(25 * 3_600_000);
    const counts = await collectGarbage(tfe.control, { retention: keepAll, isDryRun: false });
    expect(counts).toContainEqual({ kind: "unfinished uploads", count: 1, bytes: 0 });
    expect((await tfe.call("GET", `/state-versions/${document.data.id}`)).status).toBe(404);
  });
});

describe("a state in its document", () => {
  const inline = (serial: number, text: string, more: object = {}) =>
    post({ serial, md5: md5(text), state: Buffer.from(text).toString("base64"), ...more });

  test("is the workspace's at once; without a lineage it has its own", async () => {
    const json = Buffer.from('{"json":2}').toString("base64");
    const { status, document } = await inline(0, stateText(4), { "json-state": json });
    expect([status, document.data.attributes.status, document.data.attributes.lineage]).toEqual([
      201,
      "finalized",
      lineage,
    ]);
    const read = (await current()).document.data;
    expect(read.id).toBe(document.data.id);
    const got = await tfe.call("GET", read.attributes["hosted-json-state-download-url"]);
    expect(Buffer.from(got.bytes).toString()).toBe('{"json":2}');
    expect((await inline(0, stateText(4))).document.data.id).toBe(read.id);
    expect((await inline(0, stateText(5))).status).toBe(409);
    expect((await inline(1, "no state")).status).toBe(422);
    const left = await tfe.control.store.read((q) => q.stateAnnouncements.slice(workspace.id, { offset: 0, limit: 9 }));
    expect(left.total).toBe(0);
  });
});

describe("the states of a workspace", () => {
  test("are listed in pages with a total, those of one hold but for the last as intermediate", async () => {
    for (const serial of [1, 2, 3]) await push(serial);
    const filter = "filter[organization][name]=acme&filter[workspace][name]=net";
    const { document } = await tfe.call("GET", `/state-versions?${filter}&page[size]=2`);
    expect(document.data.map((one: AnyDocument) => one.attributes.serial)).toEqual([3, 2]);
    expect(document.data.map((one: AnyDocument) => one.attributes.intermediate)).toEqual([false, true]);
    expect(document.meta.pagination).toMatchObject({ "total-count": 3, "total-pages": 2 });
    expect((await tfe.call("GET", `/state-versions?${filter}&page[number]=999`)).document.data).toEqual([]);
    expect((await tfe.call("GET", "/state-versions?filter[organization][name]=acme")).status).toBe(422);
    expect((await tfe.call("GET", `/state-versions?${filter}x`)).status).toBe(404);
    expect((await tfe.call("GET", `/state-versions?${filter}&filter[status]=discarded`)).document.data).toEqual([]);
    const awaited = await announce(4, stateText(4));
    const pending = await tfe.call("GET", `/state-versions?${filter}&filter[status]=pending`);
    expect(pending.document.data.map(({ id }: AnyDocument) => id)).toEqual([awaited.document.data.id]);
    expect((await tfe.call("GET", `/state-versions?${filter}&filter[status]=odd`)).status).toBe(422);
  });

  test("go back to an earlier one, under the next serial", async () => {
    const { id } = await push(1, stateText(1, { outputs: { a: { value: "one", type: "string" } } }));
    await push(2);
    const back = (from: string) =>
      tfe.call("PATCH", `${path}/state-versions`, {
        data: {
          type: "state-versions",
          relationships: { "rollback-state-version": { data: { type: "state-versions", id: from } } },
        },
      });
    const { status, document } = await back(id);
    expect([status, document.data.attributes.serial]).toEqual([200, 3]);
    expect(document.data.relationships["rollback-state-version"].data.id).toBe(id);
    expect((await back("sv-nope")).status).toBe(404);
    const { workspace: other } = await createWorkspace(tfe.control, tfe.as("owner"), newWorkspace("other"));
    const foreign = await tfe.call("PATCH", `/workspaces/${toTfeId(other.id)}/state-versions`, {
      data: {
        type: "state-versions",
        relationships: { "rollback-state-version": { data: { type: "state-versions", id } } },
      },
    });
    expect(foreign.status).toBe(404);
  });

  test("say what they hold", async () => {
    const provider = 'provider["registry.terraform.io/hashicorp/null"]';
    const resource = { mode: "managed", type: "null_resource", name: "a", provider, instances: [{}, { index_key: 1 }] };
    const inModule = { ...resource, module: "module.m", name: "b", instances: [{ index_key: 0 }] };
    await push(1, stateText(1, { resources: [resource, inModule] }));
    const { attributes } = (await current()).document.data;
    expect(attributes).toMatchObject({
      resources: [
        { name: "b", type: "null_resource", count: 1, module: "m" },
        { name: "a", type: "null_resource", count: 2, module: "root" },
      ],
      modules: { root: { "null-resource": 2 }, m: { "null-resource": 1 } },
      providers: { 'provider["registry.terraform.io/hashicorp/null"]': { "null-resource": 3 } },
      "terraform-version": "1.11.4",
    });
  });
});

describe("outputs", () => {
  const huge = "12345678901234567890123.4500";
  beforeEach(async () => {
    const outputs = {
      big: { value: 1, type: "number" },
      list: { value: ["a"], type: ["list", "string"] },
      secret: { value: { a: true }, type: ["object", { a: "bool" }], sensitive: true },
    };
    await push(1, stateText(1, { outputs }).replace('"value":1', `"value":${huge}`));
  });

  const named = (data: readonly { attributes: { name: string } }[], name: string) =>
    data.find(({ attributes }) => attributes.name === name) as never;

  test("have types, values with all digits, and ids that lead to them", async () => {
    const all = await tfe.call("GET", `${path}/current-state-version-outputs`);
    expect(Buffer.from(all.bytes).toString()).toContain(`"value":${huge}`);
    expect(named(all.document.data, "list")).toMatchObject({
      attributes: { type: "array", "detailed-type": ["list", "string"], value: ["a"], sensitive: false },
    });
    const secret = named(all.document.data, "secret") as { id: string };
    expect(secret).toMatchObject({ attributes: { value: null, sensitive: true, type: "object" } });
    const read = await tfe.call("GET", `/state-version-outputs/${secret.id}`);
    expect(read.document.data).toMatchObject({ id: secret.id, attributes: { value: { a: true }, sensitive: true } });
    const asReader = await tfe.call("GET", `/state-version-outputs/${secret.id}`, undefined, {
      token: tfe.keys.reader,
    });
    expect(asReader.document.data.attributes.value).toBe(null);
    expect((await tfe.call("GET", "/state-version-outputs/wsout-J2zM24JPAAAAAAAA")).status).toBe(404);
  });

  test("of a version show what is sensitive to those who may read the state, and come beside it", async () => {
    const { id } = (await current()).document.data;
    const list = (token: string) =>
      tfe.call("GET", `/state-versions/${id}/outputs?page[size]=2&page[number]=2`, undefined, { token });
    const open = await list(tfe.keys.planner);
    expect(open.document).toMatchObject({
      data: [{ attributes: { name: "secret", value: { a: true } } }],
      meta: { pagination: { "total-count": 3 } },
    });
    expect((await list(tfe.keys.reader)).document.data[0].attributes.value).toBe(null);
    const { document } = await tfe.call("GET", `/state-versions/${id}?include=outputs,created_by`);
    expect(document.data.relationships.outputs.data).toHaveLength(3);
    expect(document.included.map((one: AnyDocument) => one.type).toSorted()).toEqual([
      "state-version-outputs",
      "state-version-outputs",
      "state-version-outputs",
      "users",
    ]);
    expect((await tfe.call("GET", `/state-versions/${id}?include=nonsense`)).document.errors[0]).toMatchObject({
      status: "400",
    });
  });
});

describe("is refused", () => {
  test("who has not locked the workspace, and whose run it is not", async () => {
    await unlock();
    expect(await announce(1, stateText(1))).toMatchObject({ status: 409 });
    await lock(tfe.keys.owner);
    expect(await announce(1, stateText(1))).toMatchObject({ status: 409 });
    const run = { run: { data: { type: "runs", id: "run-1234567890abcdef" } } };
    const { status, document } = await post({ serial: 1, md5: md5("x") }, tfe.keys.owner, run);
    expect([status, document.errors[0].source.pointer]).toEqual([422, "/data/relationships/run"]);
    expect((await announce(1, stateText(1), { force: true })).status).toBe(404);
  });

  test.each([
    ["no MD5", { serial: 1 }, "/data/attributes/md5"],
    ["no serial", { md5: "0".repeat(32) }, "/data/attributes/serial"],
    ["half a serial", { serial: 1.5, md5: "0".repeat(32) }, "/data/attributes/serial"],
    ["a negative serial", { serial: -1, md5: "0".repeat(32) }, "/data/attributes/serial"],
    ["a text for a serial", { serial: "1", md5: "0".repeat(32) }, "/data/attributes/serial"],
    ["a number for a lineage", { serial: 1, md5: "0".repeat(32), lineage: 1 }, "/data/attributes/lineage"],
  ])("%s", async (_what, attributes, pointer) => {
    const { status, document } = await post(attributes);
    expect([status, document.errors[0].source.pointer]).toEqual([422, pointer]);
  });
});
