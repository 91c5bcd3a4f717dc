import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openTestControl, sha256, type TestControl } from "../../../test/support/control.ts";
import { stateRow } from "../../../test/support/rows.ts";
import { newWorkspace, ref } from "../../../test/support/wanted.ts";
import type { StateVersion } from "../../domain/workspaces/state-version.ts";
import type { Workspace } from "../../domain/workspaces/workspace.ts";
import { newId } from "../../lib/words/ids.ts";
import { setVariables } from "../workspaces/variables.ts";
import { createWorkspace } from "../workspaces/workspaces.ts";
import { downloadState, getOutputs, getState, getStateWithPrevious, listStates } from "./states.ts";
import { diffStates, listStateResources } from "./views.ts";

let fixture: TestControl;
let workspace: Workspace;
beforeEach(async () => {
  fixture = await openTestControl();
  ({ workspace } = await createWorkspace(fixture.control, fixture.as("operator"), newWorkspace("network")));
});
afterEach(() => fixture[Symbol.asyncDispose]());

/** Stores a state as an upload would. */
async function store(document: unknown, over: Partial<StateVersion> = {}): Promise<StateVersion> {
  const { control } = fixture;
  const plain = Buffer.from(typeof document === "string" ? document : JSON.stringify(document));
  const id = newId("sv", control.random);
  const blob = await control.blobs.put(
    (async function* () {
      yield control.vault.seal(plain, `state/${id}`);
    })(),
    { maxBytes: 1 << 24 },
  );
  const row = stateRow(workspace, { id, blobKey: blob.key, sha256: sha256(plain), bytes: plain.length, ...over });
  await control.store.write(async (tx) => {
    await tx.states.insert(row);
    if (row.status === "current") await tx.workspaces.save({ ...workspace, currentStateId: row.id });
  });
  return row;
}

const current = { id: "", workspace: ref("network") };
const all = { size: 0, token: "" };

describe("states", () => {
  test("the current one of a workspace, or one by its id", async () => {
    const { control, as } = fixture;
    await expect(getState(control, as("reader"), current)).rejects.toMatchObject({
      code: "not_found",
      message: 'workspace "network" has no state yet: the first apply makes one',
      metadata: { workspace: "network" },
    });
    const row = await store({});
    expect((await getState(control, as("reader"), current)).state).toEqual(row);
    expect(await getState(control, as("reader"), { ...current, id: row.id })).toEqual({
      state: row,
      workspaceName: "network",
    });
    const nothing = { id: "", workspace: ref("") };
    await expect(getState(control, as("reader"), nothing)).rejects.toMatchObject({ code: "validation" });
  });

  test("the one that the workspace had before it is named; what was kept aside was none", async () => {
    const { control, as, clock } = fixture;
    const earlier = (ms: number) => ({ createdAt: new Date(clock.now().getTime() - ms) });
    const first = await store({ n: 1 }, { status: "superseded", ...earlier(3_000) });
    await store({ n: 2 }, { status: "quarantined", ...earlier(2_000) });
    const last = await store({ n: 3 }, earlier(1_000));
    const previousOf = async (id: string) =>
      (await getStateWithPrevious(control, as("reader"), { ...current, id })).previousId;
    expect([await previousOf(""), await previousOf(last.id), await previousOf(first.id)]).toEqual([
      ...[first.id, first.id, null],
    ]);
  });

  test("it comes back as it was, in pieces", async () => {
    const { control, as } = fixture;
    const text = JSON.stringify({ filler: "x".repeat(600_000) });
    await store(text);
    const pieces = await Array.fromAsync(downloadState(control, as("planner"), current));
    expect(pieces.length).toBeGreaterThan(1);
    expect(Buffer.concat(pieces).toString()).toBe(text);
    await expect(downloadState(control, as("reader"), current).next()).rejects.toMatchObject({
      code: "permission_denied",
    });
  });

  test("who downloads it leaves a record, one an hour", async () => {
    const { control, as, clock } = fixture;
    const { id } = await store("{}");
    const planner = as("planner");
    const download = () => Array.fromAsync(downloadState(control, planner, current));
    const records = async () => {
      const filter = {
        organizationId: null,
        action: "state.download",
        actor: "",
        resource: "",
        since: null,
        until: null,
      };
      const rows = await control.store.read((q) => q.audit.list(filter, { before: null, limit: 9 }));
      return rows.map(({ resource }) => resource);
    };
    await download();
    await download();
    expect(await records()).toEqual([id]);
    await clock.advance(3_600_000);
    await download();
    expect(await records()).toEqual([id, id]);
  });

  test("outputs by name, the sensitive ones without a value", async () => {
    const { control, as } = fixture;
    await store({
      outputs: {
        zone: { value: ["a", 1], type: ["tuple", ["string", "number"]] },
        password: { value: "hunter2", type: "string", sensitive: true },
        empty: { value: null, type: "string", sensitive: false },
        odd: { value: "who knows", sensitive: "maybe" },
      },
    });
    expect((await getOutputs(control, as("reader"), { state: current, page: all })).rows).toMatchObject([
      { name: "empty", valueJson: "null", valueBytes: 4 },
      { name: "odd", valueJson: null, valueBytes: 0 },
      { name: "password", valueJson: null, valueBytes: 0 },
      { name: "zone", valueJson: '["a",1]', valueBytes: 7 },
    ]);
  });

  test("nothing that readers see of a state holds a secret that its workspace has or had", async () => {
    const { control, as } = fixture;
    const of = { organization: "acme", workspace: "network", variableSet: "" };
    const wanted = { key: "db", category: "terraform", isHcl: true, isSensitive: true, description: "" } as const;
    for (const password of ["former-hunter1", "hunter2-hunter2"]) {
      await setVariables(control, as("operator"), {
        of,
        variables: [{ ...wanted, value: `{ pass = "${password}" }` }],
      });
    }
    const instances = [
      { index_key: "hunter2-hunter2", attributes: { id: "id-former-hunter1", x: 1 } },
      { index_key: "b" },
    ];
    const resource = { mode: "managed", type: "t", name: "n", provider: "p", instances };
    const output = (value: unknown) => ({ value, type: "dynamic" });
    const before = await store({ version: 4, resources: [] });
    await store({
      version: 4,
      resources: [resource],
      outputs: {
        ...{ url: output("postgres://u:hunter2-hunter2@h"), old: output({ a: ["former-hunter1"] }) },
        ...{ encoded: output(Buffer.from("hunter2-hunter2").toString("base64")), fine: output("plain") },
      },
    });
    const shown = [
      await getOutputs(control, as("reader"), { state: current, page: all }),
      await listStateResources(control, as("reader"), { state: current, search: "", page: { size: 0, token: "" } }),
      await listStateResources(control, as("reader"), {
        state: current,
        search: "hunter2",
        page: { size: 0, token: "" },
      }),
      await diffStates(control, as("reader"), { fromId: before.id, toId: "", page: all }),
    ];
    expect(JSON.stringify(shown)).not.toMatch(/hunter/);
    expect(shown).toMatchObject([
      {
        rows: ["encoded", "fine", "old", "url"].map((name) => (name === "fine" ? { name } : { name, valueJson: null })),
      },
      { rows: [{ address: 't.n["(sensitive value)"]', resourceId: "id-(sensitive value)" }, { address: 't.n["b"]' }] },
      { rows: [] },
      { rows: [{ name: 't.n["b"]' }, { name: 't.n["(sensitive value)"]' }, {}, {}, {}, {}] },
    ]);
  });

  test("a state without outputs has none", async () => {
    await store({ version: 4 });
    const { rows } = await getOutputs(fixture.control, fixture.as("reader"), { state: current, page: all });
    expect(rows).toEqual([]);
  });

  test("quarantined ones are listed apart", async () => {
    const { control, as } = fixture;
    const row = await store({});
    const aside = await store({}, { status: "quarantined", quarantineReason: "its run no longer holds the workspace" });
    const list = async (isQuarantined: boolean) => {
      const wanted = { workspace: ref("network"), isQuarantined, page: { size: 0, token: "" } };
      return (await listStates(control, as("reader"), wanted)).rows.map(({ state }) => state.id);
    };
    expect([await list(false), await list(true)]).toEqual([[row.id], [aside.id]]);
  });

  test("another tenant's does not exist", async () => {
    const { control, as, sibling } = fixture;
    const row = await store({ outputs: {} });
    const stranger = as("owner", sibling);
    for (const reference of [current, { ...current, id: row.id }]) {
      await expect(getState(control, stranger, reference)).rejects.toMatchObject({ code: "not_found" });
      await expect(getOutputs(control, stranger, { state: reference, page: all })).rejects.toMatchObject({
        code: "not_found",
      });
      await expect(downloadState(control, stranger, reference).next()).rejects.toMatchObject({ code: "not_found" });
    }
  });
});
