import { afterEach, beforeEach, expect, test } from "vitest";
import { openTestControl, type TestControl } from "../../test/support/control.ts";
import { runRow, stateRow } from "../../test/support/rows.ts";
import { newWorkspace } from "../../test/support/wanted.ts";
import type { Run } from "../domain/run.ts";
import type { StateVersion } from "../domain/state-version.ts";
import { newId } from "../lib/ids.ts";
import { systemRandom } from "../lib/random.ts";
import { storeSealed } from "./artifacts.ts";
import { probeKey, sealedProbe, tryProbe } from "./key-probe.ts";
import { resealAll } from "./reseal.ts";
import { openState, stateSubject } from "./states.ts";
import { workspaceVariableSubject } from "./variable-holder.ts";
import { createVault } from "./vault.ts";
import { createWorkspace } from "./workspaces.ts";

const oldKey = new Uint8Array(32).fill(7); // of the fixture
const newKey = new Uint8Array(32).fill(8);
const rotating = createVault(newKey, systemRandom, [oldKey]);
const rotated = createVault(newKey, systemRandom);

let fixture: TestControl;
let run: Run;
let state: StateVersion;
const variableId = newId("var", systemRandom);

beforeEach(async () => {
  fixture = await openTestControl();
  const { control, as, clock } = fixture;
  const { workspace } = await createWorkspace(control, as("owner"), newWorkspace("net"));
  const id = newId("sv", systemRandom);
  state = stateRow(workspace, { id, blobKey: await storeSealed(control, Buffer.from("{}"), stateSubject(id)) });
  run = runRow(workspace, { status: "planned" });
  run = {
    ...run,
    planBlobKey: await storeSealed(control, Buffer.from("plan"), `plan/${run.id}`),
    summaryBlobKey: await storeSealed(control, Buffer.from("summary"), `plan-summary/${run.id}`),
  };
  await control.store.write(async (tx) => {
    await tx.meta.set(probeKey, sealedProbe(control.vault));
    await tx.states.insert(state);
    await tx.runs.insert(run);
    await tx.variables.insert({
      id: variableId,
      organizationId: workspace.organizationId,
      workspaceId: workspace.id,
      key: "secret",
      category: "env",
      value: "",
      sealedValue: control.vault.seal(Buffer.from("hunter2"), workspaceVariableSubject({ id: variableId })),
      isHcl: false,
      isSensitive: true,
      description: "",
      updatedAt: clock.now(),
    });
  });
});
afterEach(() => fixture[Symbol.asyncDispose]());

const read = async (key: string | null, subject: string) =>
  Buffer.from(
    rotated.open(Buffer.concat(await Array.fromAsync(fixture.control.blobs.get(key ?? ""))), subject),
  ).toString();

test("everything sealed opens with the new key alone, and the old ciphertexts are gone", async () => {
  const { store, blobs } = fixture.control;
  const control = { ...fixture.control, vault: rotating };
  expect(await resealAll(control)).toEqual({ resealed: 4, current: 0, missing: 0 });
  const after = await store.read(async (q) => ({
    run: await q.runs.get(run.id),
    state: await q.states.get(state.id),
    variable: (await q.variables.all(run.workspaceId))[0],
  }));
  expect(await read(after.run?.planBlobKey ?? null, `plan/${run.id}`)).toBe("plan");
  expect(await read(after.run?.summaryBlobKey ?? null, `plan-summary/${run.id}`)).toBe("summary");
  expect(Buffer.from(await openState({ ...control, vault: rotated }, after.state ?? state)).toString()).toBe("{}");
  const sealed = after.variable?.sealedValue ?? new Uint8Array();
  expect(Buffer.from(rotated.open(sealed, workspaceVariableSubject({ id: variableId }))).toString()).toBe("hunter2");
  for (const key of [state.blobKey, run.planBlobKey, run.summaryBlobKey])
    expect(await blobs.has(key ?? "")).toBe(false);
  expect(await tryProbe({ store, vault: rotated })).toEqual({ kind: "opens", isCurrent: true });
  expect(await tryProbe({ store, vault: fixture.control.vault })).toEqual({ kind: "wrong-key" });
});

test("cut off anywhere, it goes on where it was; until then both keys are needed and enough", async () => {
  const { control } = fixture;
  for (let puts = 0; puts < 4; puts += 1) {
    let left = puts;
    const failing = {
      ...control.blobs,
      get: (key: string) => control.blobs.get(key),
      delete: (key: string) => control.blobs.delete(key),
      put: (...given: Parameters<typeof control.blobs.put>) => {
        if (left-- <= 0) throw new Error("cut off");
        return control.blobs.put(...given);
      },
    };
    if (puts < 3) await expect(resealAll({ ...control, blobs: failing, vault: rotating })).rejects.toThrow("cut off");
    const row = await control.store.read((q) => q.states.get(state.id));
    expect(Buffer.from(await openState({ ...control, vault: rotating }, row ?? state)).toString()).toBe("{}");
  }
  expect(await resealAll({ ...control, vault: rotating })).toEqual({
    resealed: expect.any(Number),
    current: expect.any(Number),
    missing: 0,
  });
  expect(await resealAll({ ...control, vault: rotated })).toEqual({ resealed: 0, current: 4, missing: 0 });
});

test("an object that is missing is told and holds up nothing; bytes that no key opens stop it", async () => {
  const { control } = fixture;
  await control.blobs.delete(state.blobKey);
  expect(await resealAll({ ...control, vault: rotating })).toEqual({ resealed: 3, current: 0, missing: 1 });
  const stranger = createVault(new Uint8Array(32).fill(9), systemRandom);
  await expect(resealAll({ ...control, vault: stranger })).rejects.toThrow(/another master key/);
});

test("every column that holds sealed bytes or the key of an object is known to the rotation and the collection", async () => {
  const { defineTables } = await import("../store/tables.ts");
  const { postgresKit } = await import("../store/kit.ts");
  const { getTableColumns } = await import("drizzle-orm");
  const found = Object.entries(defineTables(postgresKit)).flatMap(([table, columns]) =>
    Object.keys(getTableColumns(columns))
      .filter((name) => /sealed|blobkey/i.test(name))
      .map((name) => `${table}.${name}`),
  );
  expect(found.toSorted()).toEqual([
    "configurations.blobKey",
    "runs.planBlobKey",
    "runs.summaryBlobKey",
    "setVariables.sealedValue",
    "states.blobKey",
    "variables.sealedValue",
  ]);
});
