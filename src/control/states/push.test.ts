import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openTestControl, sha256, type TestControl } from "../../../test/support/control.ts";
import { newWorkspace, ref } from "../../../test/support/wanted.ts";
import type { Person } from "../../domain/people/principal.ts";
import type { Workspace } from "../../domain/workspaces/workspace.ts";
import { newId } from "../../lib/words/ids.ts";
import { storeSealed } from "../core/sealed-blobs.ts";
import { lockWorkspace } from "../runs/workspace-locks.ts";
import { createWorkspace } from "../workspaces/workspaces.ts";
import { admitPush, pushState, rollbackState } from "./push.ts";
import { downloadState, getOutputs, stateSubject } from "./states.ts";
import { diffStates, listStateResources } from "./views.ts";

let fixture: TestControl;
let workspace: Workspace;
let operator: Person;
beforeEach(async () => {
  fixture = await openTestControl();
  operator = fixture.as("operator");
  ({ workspace } = await createWorkspace(fixture.control, operator, newWorkspace("net")));
});
afterEach(() => fixture[Symbol.asyncDispose]());

const lineage = "11111111-2222-3333-4444-555555555555";
const instance = (attributes: object, more: object = {}) => ({ schema_version: 0, attributes, ...more });
const resource = (name: string, instances: readonly object[], more: object = {}) => ({
  ...{ mode: "managed", type: "t", name, provider: 'provider["registry.terraform.io/hashicorp/null"]', instances },
  ...more,
});

/** A state as terraform writes it. */
const state = (serial: number, more: object = {}): string =>
  JSON.stringify({ version: 4, terraform_version: "1.9.0", serial, lineage, outputs: {}, resources: [], ...more });

async function push(text: string, { isForced = false, who = operator } = {}) {
  const bytes = Buffer.from(text);
  await fixture.clock.advance(1_000);
  return (await pushState(fixture.control, who, { workspace: ref("net"), bytes, sha256: sha256(bytes), isForced }))
    .state;
}

const content = async (id: string): Promise<string> => {
  const pieces = downloadState(fixture.control, operator, { id, workspace: ref("") });
  return Buffer.concat(await Array.fromAsync(pieces)).toString();
};
const currentId = async () =>
  (await fixture.control.store.read((q) => q.workspaces.get(workspace.id)))?.currentStateId ?? null;

describe("a pushed state", () => {
  test("becomes the workspace's, byte for byte, and says who pushed it", async () => {
    const text = state(4, { resources: [resource("a", [instance({ id: "1" }), instance({ id: "2" })])] });
    const pushed = await push(text);
    expect(pushed).toMatchObject({ serial: 4, lineage, status: "current", resourceCount: 2, runId: null });
    expect(pushed.createdBy).toContain("an operator");
    expect(await currentId()).toBe(pushed.id);
    expect(await content(pushed.id)).toBe(text);
    const next = await push(state(5));
    expect((await fixture.control.store.read((q) => q.states.get(pushed.id)))?.status).toBe("superseded");
    expect(await currentId()).toBe(next.id);
  });

  test("that is there already changes nothing", async () => {
    const first = await push(state(4));
    expect((await push(state(4))).id).toBe(first.id);
  });

  test.each([
    ["another lineage", state(9, { lineage: "other" }), "state_lineage_conflict"],
    ["the same serial", state(4, { outputs: { a: { value: 1 } } }), "state_serial_conflict"],
    ["a lower serial", state(3), "state_serial_conflict"],
    ["a serial without room after it", state(Number.MAX_SAFE_INTEGER), "validation"],
    ["no lineage", JSON.stringify({ serial: 9 }), "validation"],
    ["no JSON", "terraform {}", "validation"],
  ])("of %s is refused", async (_what, text, code) => {
    const { id } = await push(state(4));
    await expect(push(text)).rejects.toMatchObject({ code });
    expect(await currentId()).toBe(id);
  });

  test.each([
    ["an exponent in the serial", state(9).replace(":9", ":9e0"), "plain digits"],
    ["a fraction in the serial", state(9).replace(":9", ":9.0"), "plain digits"],
    ["two serials", state(9).replace('"serial"', '"serial":3,"serial"'), "key serial more than once"],
    ["two lineages", state(9).replace('"lineage"', '"lineage":"x","lineage"'), "key lineage more than once"],
    ["a hidden serial", state(9).replace("{", '{"s\\u0065rial":3,'), "write the key serial plainly"],
    [
      "a serial that only terraform takes for one",
      state(9).replace("{", '{"Serial":3,'),
      "write the key serial plainly",
    ],
    ["a resource without type", state(9, { resources: [{ mode: "managed" }] }), "resources.0.type"],
    ["resources that are no list", state(9, { resources: {} }), "resources"],
    [
      "instances that are no list",
      state(9, { resources: [resource("a", [], { instances: 1 })] }),
      "resources.0.instances",
    ],
    [
      "a format that terraform cannot read",
      state(9, { version: 5 }),
      "its format version is 5, and terraform and tofu read 4",
    ],
    ["no format version", state(9, { version: undefined }), "its format version is missing"],
    ["outputs that are a list", state(9, { outputs: [] }), "outputs"],
    ["an output without value", state(9, { outputs: { a: {} } }), "outputs.a.value"],
    ["deep nesting", state(9).replace("{", `{"x":${"[".repeat(100)}${"]".repeat(100)},`), "nested 101 levels"],
  ])("with %s is refused", async (_what, text, message) => {
    await expect(push(text)).rejects.toMatchObject({ code: "validation", message: expect.stringContaining(message) });
    expect(await currentId()).toBeNull();
  });

  test("may have null for no resources and outputs, and a key again inside of others", async () => {
    const more = { outputs: null, resources: null, x: { serial: 1, lineage: "y" }, y: "serial", z: "serial" };
    const { id, resourceCount } = await push(state(9, more).replace("{", `{"w":${"[".repeat(99)}${"]".repeat(99)},`));
    expect(resourceCount).toBe(0);
    const wanted = { state: { id, workspace: ref("") }, search: "", page: { size: 0, token: "" } };
    expect((await getOutputs(fixture.control, operator, wanted)).rows).toEqual([]);
    expect((await listStateResources(fixture.control, operator, wanted)).rows).toEqual([]);
  });

  test("of another lineage or a lower serial is taken by force, from owners only", async () => {
    await push(state(4));
    await expect(push(state(1), { isForced: true })).rejects.toMatchObject({ code: "permission_denied" });
    const owner = fixture.as("owner");
    expect(await push(state(1), { isForced: true, who: owner })).toMatchObject({ serial: 1 });
    expect(await push(state(0, { lineage: "new" }), { isForced: true, who: owner })).toMatchObject({ lineage: "new" });
  });

  test("with other bytes than announced is refused", async () => {
    const bytes = Buffer.from(state(4));
    const wrong = { workspace: ref("net"), bytes, sha256: "0".repeat(64), isForced: false };
    await expect(pushState(fixture.control, operator, wrong)).rejects.toMatchObject({ code: "checksum_mismatch" });
  });

  test("is refused while a run or another person holds the workspace, before any byte is taken", async () => {
    const { control, as, clock } = fixture;
    const { id: stateId } = await push(state(4));
    const admit = (who = operator) => admitPush(control, who, { workspace: ref("net"), isForced: false });
    await lockWorkspace(control, operator, { reference: ref("net"), reason: "import" });
    await push(state(5));
    const another = { ...operator, name: "another" };
    for (const refused of [() => admit(another), () => push(state(6), { who: another })])
      await expect(refused()).rejects.toMatchObject({ code: "workspace_locked" });
    const held = await control.store.read((q) => q.workspaces.get(workspace.id));
    const lock = { kind: "run", runId: "run_1", at: clock.now() } as const;
    await control.store.write(async (tx) => held && tx.workspaces.save({ ...held, lock }));
    for (const refused of [
      () => admit(),
      () => push(state(6)),
      () => push(state(6), { isForced: true, who: as("owner") }),
      () => rollbackState(control, operator, { id: stateId, expectedCurrentId: "" }),
    ])
      await expect(refused()).rejects.toMatchObject({ code: "workspace_locked", metadata: { run_id: "run_1" } });
  });

  test("needs the role operator, and a workspace that one can see", async () => {
    const { as, sibling } = fixture;
    await expect(push(state(1), { who: as("planner") })).rejects.toMatchObject({ code: "permission_denied" });
    await expect(push(state(1), { who: as("owner", sibling) })).rejects.toMatchObject({ code: "not_found" });
  });
});

describe("a rollback", () => {
  const rollback = (id: string, expectedCurrentId = "", who = operator) =>
    rollbackState(fixture.control, who, { id, expectedCurrentId }).then((view) => view.state);

  test("makes the earlier content the state again under the next serial; nothing else of it changes", async () => {
    const text = state(4, { check: 0.1 }).replace("0.1", "12345678901234567890.10");
    const [old, current] = [await push(text), await push(state(7))];
    const back = await rollback(old.id, current.id);
    expect(back).toMatchObject({ serial: 8, lineage, rollbackOf: old.id, status: "current", runId: null });
    expect(await content(back.id)).toBe(text.replace('"serial":4', '"serial":8'));
    expect(await currentId()).toBe(back.id);
    expect((await push(state(9))).serial).toBe(9);
  });

  test("is refused when the state has moved on since it was read", async () => {
    const [old, seen] = [await push(state(4)), await push(state(5))];
    await push(state(6));
    await expect(rollback(old.id, seen.id)).rejects.toMatchObject({ code: "state_serial_conflict" });
  });

  test("goes neither to the current state, nor to another history, nor to what is quarantined", async () => {
    const { control, as } = fixture;
    const [stranger, aside] = [await push(state(4, { lineage: "other" })), await push(state(5, { lineage: "other" }))];
    const current = await push(state(6), { isForced: true, who: as("owner") });
    await control.store.write((tx) => tx.states.save({ ...aside, status: "quarantined" }));
    await expect(rollback(current.id)).rejects.toMatchObject({ code: "validation" });
    await expect(rollback(aside.id)).rejects.toMatchObject({ code: "validation" });
    await expect(rollback(stranger.id)).rejects.toMatchObject({ code: "state_lineage_conflict" });
    await expect(rollback(stranger.id, "", as("owner", fixture.sibling))).rejects.toMatchObject({ code: "not_found" });
  });
});

describe("what a state holds", () => {
  const list = async (text: string, search = "", size = 0, token = "") => {
    const { id } = await push(text);
    const wanted = { state: { id, workspace: ref("") }, search, page: { size, token } };
    return listStateResources(fixture.control, fixture.as("reader"), wanted);
  };
  const resources = [
    resource("b", [
      instance({ id: 7 }, { index_key: "x" }),
      instance({ id: "8" }, { index_key: "y", deposed: "ab12" }),
    ]),
    resource("c", [instance({ id: "s3cret" }, { sensitive_attributes: [[{ type: "get_attr", value: "id" }]] })]),
    resource("a", [instance({}, { index_key: 0, status: "tainted" })], {
      module: "module.m",
      provider: 'module.m.provider["registry.opentofu.org/acme/x"].east',
    }),
    resource("d", [instance({ id: "i" })], { mode: "data" }),
  ];

  test("is listed by address, without attributes, and without an id that is sensitive", async () => {
    const { rows } = await list(state(4, { resources }));
    expect(rows.map(({ address, resourceId }) => [address, resourceId])).toEqual([
      ["data.t.d", "i"],
      ["module.m.t.a[0]", ""],
      ['t.b["x"]', "7"],
      ['t.b["y"] (deposed ab12)', "8"],
      ["t.c", ""],
    ]);
    expect(rows[1]).toMatchObject({ module: "module.m", provider: "registry.opentofu.org/acme/x", isTainted: true });
  });

  test("can be searched and paged", async () => {
    expect((await list(state(4, { resources }), "t.b")).rows).toHaveLength(2);
    const first = await list(state(4, { resources }), "", 4);
    expect(first.rows).toHaveLength(4);
    expect((await list(state(4, { resources }), "", 4, first.nextToken)).rows.map((row) => row.address)).toEqual([
      "t.c",
    ]);
  });

  test("of a state that tofu encrypted cannot be read here", async () => {
    await expect(list(state(4, { encrypted_data: "x" }))).rejects.toMatchObject({ code: "validation" });
  });

  test.each([
    ["resources of another shape", state(5, { resources: [{ mode: "managed" }] })],
    ["outputs of another shape", state(5, { outputs: 1 })],
    [
      "deep nesting",
      state(5, { outputs: {} }).replace(
        '"outputs":{}',
        `"outputs":{"a":{"value":${"[".repeat(50_000)}${"]".repeat(50_000)}}}`,
      ),
    ],
    ["no JSON", "{"],
  ])("is never an internal error, though an apply has left it with %s", async (_what, text) => {
    const { control } = fixture;
    const from = await push(state(4));
    const id = newId("sv", control.random);
    const blobKey = await storeSealed(control, Buffer.from(text), stateSubject(id));
    const bytes = Buffer.byteLength(text);
    await control.store.write((tx) =>
      tx.states.insert({ ...from, id, blobKey, bytes, serial: 5, status: "superseded" }),
    );
    const reference = { id, workspace: ref("") };
    const page = { size: 0, token: "" };
    const refused = {
      code: "validation",
      message: expect.stringMatching(`what state version .*${id} holds cannot be shown`),
    };
    const reader = fixture.as("reader");
    await expect(listStateResources(control, reader, { state: reference, search: "", page })).rejects.toMatchObject(
      refused,
    );
    await expect(diffStates(control, reader, { fromId: from.id, toId: id, page })).rejects.toMatchObject(refused);
    const outputs = await getOutputs(control, reader, { state: reference, page }).catch((error: unknown) => error);
    expect(outputs instanceof Error ? outputs : true).toSatisfy(
      (found) => found === true || (found as { code?: string }).code === "validation",
    );
  });

  test("is compared with another one of the workspace, else with the current one", async () => {
    const { control, as } = fixture;
    const old = await push(state(4, { resources: resources.slice(0, 1), outputs: { o: { value: 1 } } }));
    const next = await push(state(5, { resources: [resource("b", [instance({ id: 9 }, { index_key: "x" })])] }));
    await push(state(6));
    const diff = async (toId: string, size = 0) => {
      const found: object[] = [];
      for (let token = ""; ; ) {
        const page = await diffStates(control, as("reader"), { fromId: old.id, toId, page: { size, token } });
        found.push(...page.rows);
        token = page.nextToken;
        if (token === "") return found;
      }
    };
    const differences = [
      { kind: "removed", name: 't.b["y"] (deposed ab12)', place: 0 },
      { kind: "changed", name: 't.b["x"]', attributes: ["id"], attributesLeftOut: 0, place: 1 },
      { kind: "output", name: "o", place: 2 },
    ];
    expect(await diff(next.id)).toEqual(differences);
    expect(await diff(next.id, 1)).toEqual(differences);
    expect(await diff("")).toMatchObject([{ kind: "removed" }, { kind: "removed" }, { kind: "output" }]);
    await createWorkspace(control, operator, newWorkspace("other"));
    const bytes = Buffer.from(state(1));
    const other = { workspace: ref("other"), bytes, sha256: sha256(bytes), isForced: false };
    const { id } = (await pushState(control, operator, other)).state;
    await expect(diff(id)).rejects.toMatchObject({ code: "validation" });
  });
});
