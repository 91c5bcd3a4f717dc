import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openTestControl, sha256, type TestControl } from "../../test/support/control.ts";
import { stateRow } from "../../test/support/rows.ts";
import { newWorkspace, ref } from "../../test/support/wanted.ts";
import type { StateVersion } from "../domain/state-version.ts";
import type { Workspace } from "../domain/workspace.ts";
import { newId } from "../lib/ids.ts";
import { downloadState, getOutputs, getState, listStates } from "./states.ts";
import { createWorkspace } from "./workspaces.ts";

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

describe("states", () => {
  test("the current one of a workspace, or one by its id", async () => {
    const { control, as } = fixture;
    await expect(getState(control, as("reader"), current)).rejects.toMatchObject({
      code: "not_found",
      message: 'workspace "network" has no state yet: the first apply makes one',
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
    expect(await getOutputs(control, as("reader"), current)).toEqual([
      { name: "empty", valueJson: "null" },
      { name: "odd", valueJson: null },
      { name: "password", valueJson: null },
      { name: "zone", valueJson: '["a",1]' },
    ]);
  });

  test("a state without outputs has none", async () => {
    await store({ version: 4 });
    expect(await getOutputs(fixture.control, fixture.as("reader"), current)).toEqual([]);
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
      await expect(getOutputs(control, stranger, reference)).rejects.toMatchObject({ code: "not_found" });
      await expect(downloadState(control, stranger, reference).next()).rejects.toMatchObject({ code: "not_found" });
    }
  });
});
