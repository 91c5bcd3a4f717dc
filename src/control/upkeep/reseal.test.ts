import { afterEach, beforeEach, expect, test } from "vitest";
import { openTestControl, type TestControl } from "../../../test/support/control.ts";
import { uploadedFiles } from "../../../test/support/plan-files.ts";
import { runRow, stateRow } from "../../../test/support/rows.ts";
import { providerSettings } from "../../../test/support/store/rows.ts";
import { newWorkspace } from "../../../test/support/wanted.ts";
import type { Run } from "../../domain/runs/run.ts";
import type { StateAnnouncement, StateVersion } from "../../domain/workspaces/state-version.ts";
import { systemRandom } from "../../lib/random.ts";
import { newId } from "../../lib/words/ids.ts";
import { storeSealed } from "../core/sealed-blobs.ts";
import { createVault } from "../core/vault.ts";
import { planJsonSubject, redactedPlanSubject } from "../jobs/plan-documents.ts";
import { openPlanFiles, storePlanFiles } from "../jobs/plan-files.ts";
import { jsonStateSubject } from "../states/json-states.ts";
import { takePersonPart } from "../states/person-uploads.ts";
import { openState, stateSubject } from "../states/states.ts";
import { keepFormer, readSecrets } from "../workspaces/former-secrets.ts";
import { openTokens, sealTokens } from "../workspaces/provider-tokens.ts";
import { workspaceVariableSubject } from "../workspaces/variable-holder.ts";
import { createWorkspace } from "../workspaces/workspaces.ts";
import { probeKey, sealedProbe, tryProbe } from "./key-probe.ts";
import { resealAll } from "./reseal.ts";

const oldKey = new Uint8Array(32).fill(7); // of the fixture
const newKey = new Uint8Array(32).fill(8);
const rotating = createVault(newKey, systemRandom, [oldKey]);
const rotated = createVault(newKey, systemRandom);

/** More than one piece. */
const made = Buffer.alloc(600_000, "made ");

let fixture: TestControl;
let run: Run;
let state: StateVersion;
let announcement: StateAnnouncement;
const variableId = newId("var", systemRandom);
const tokens = new Map([["registry.example.com", "hunter3"]]);

beforeEach(async () => {
  fixture = await openTestControl({ hasLogs: true });
  const { control, as, clock } = fixture;
  const { workspace } = await createWorkspace(control, as("owner"), newWorkspace("net"));
  const id = newId("sv", systemRandom);
  const json = (of: StateVersion["id"]) => storeSealed(control, made, jsonStateSubject(of));
  const blobKey = await storeSealed(control, Buffer.from("{}"), stateSubject(id));
  state = stateRow(workspace, { id, blobKey, jsonBlobKey: await json(id) });
  const awaited = newId("sv", systemRandom);
  announcement = {
    ...{ id: awaited, organizationId: workspace.organizationId, workspaceId: workspace.id, runId: null },
    ...{ lineage: "", serial: 1, md5: "", isForced: false, isIntermediate: false, jsonBlobKey: await json(awaited) },
    ...{ createdBy: "", createdAt: clock.now() },
  };
  run = runRow(workspace, { status: "planned" });
  run = {
    ...run,
    planBlobKey: await storeSealed(control, Buffer.from("plan"), `plan/${run.id}`),
    summaryBlobKey: await storeSealed(control, Buffer.from("summary"), `plan-summary/${run.id}`),
    planJsonBlobKey: await storeSealed(control, Buffer.from("json"), planJsonSubject(run.id)),
    redactedPlanBlobKey: await storeSealed(control, Buffer.from("redacted"), redactedPlanSubject(run.id)),
    ...(await storePlanFiles(control, run.id, uploadedFiles(made))),
  };
  await control.store.write(async (tx) => {
    await tx.meta.set(probeKey, sealedProbe(control.vault));
    await tx.states.insert(state);
    await tx.stateAnnouncements.insert(announcement);
    await tx.runs.insert(run);
    const { organizationId, workspaceId } = run;
    await tx.providerSettings.insert(
      providerSettings({
        ...{ id: organizationId, organizationId, poolId: null, hosts: ["registry.example.com"] },
        sealedValue: sealTokens(control, { id: organizationId }, tokens),
      }),
    );
    await tx.variables.insert({
      id: variableId,
      organizationId,
      workspaceId,
      key: "secret",
      category: "env",
      value: "",
      sealedValue: control.vault.seal(Buffer.from("hunter2"), workspaceVariableSubject({ id: variableId })),
      isHcl: false,
      isSensitive: true,
      description: "",
      revision: 1,
      updatedAt: clock.now(),
    });
    const { workspaceId: holder } = run;
    const secrets = [{ value: "hunter1", isHcl: false }];
    await keepFormer(control, tx, { holder: { kind: "workspace", id: holder }, secrets, at: clock.now() });
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
  expect(await resealAll(control)).toEqual({ resealed: 11, current: 0, missing: 0 });
  const after = await store.read(async (q) => ({
    run: await q.runs.get(run.id),
    state: await q.states.get(state.id),
    variable: (await q.variables.all(run.workspaceId))[0],
    settings: await q.providerSettings.get(run.organizationId),
    announcement: await q.stateAnnouncements.get(announcement.id),
  }));
  for (const row of [after.state, after.announcement])
    expect(await read(row?.jsonBlobKey ?? null, jsonStateSubject(row?.id ?? state.id))).toBe(made.toString());
  expect(await read(after.run?.planBlobKey ?? null, `plan/${run.id}`)).toBe("plan");
  expect(await read(after.run?.summaryBlobKey ?? null, `plan-summary/${run.id}`)).toBe("summary");
  expect(await read(after.run?.planJsonBlobKey ?? null, planJsonSubject(run.id))).toBe("json");
  expect(await read(after.run?.redactedPlanBlobKey ?? null, redactedPlanSubject(run.id))).toBe("redacted");
  const files = openPlanFiles(
    { ...control, vault: rotated },
    { runId: run.id, key: after.run?.planFilesBlobKey ?? "" },
  );
  expect(Buffer.concat(await Array.fromAsync(files)).equals(made)).toBe(true);
  expect(Buffer.from(await openState({ ...control, vault: rotated }, after.state ?? state)).toString()).toBe("{}");
  const sealed = after.variable?.sealedValue ?? new Uint8Array();
  expect(Buffer.from(rotated.open(sealed, workspaceVariableSubject({ id: variableId }))).toString()).toBe("hunter2");
  expect(openTokens({ vault: rotated }, after.settings)).toEqual(tokens);
  const known = await store.read((q) =>
    readSecrets({ vault: rotated }, q, { id: run.workspaceId, organizationId: run.organizationId }),
  );
  expect(known.map(({ value }) => value)).toEqual(["hunter2", "hunter1"]);
  const { planBlobKey, summaryBlobKey, planFilesBlobKey, planJsonBlobKey, redactedPlanBlobKey } = run;
  for (const key of [
    state.blobKey,
    planBlobKey,
    summaryBlobKey,
    planFilesBlobKey,
    planJsonBlobKey,
    redactedPlanBlobKey,
  ])
    expect(await blobs.has(key ?? "")).toBe(false);
  expect(await tryProbe({ store, vault: rotated })).toEqual({ kind: "opens", isCurrent: true });
  expect(await tryProbe({ store, vault: fixture.control.vault })).toEqual({ kind: "wrong-key" });
});

test("cut off anywhere, it goes on where it was; until then both keys are needed and enough", async () => {
  const { control } = fixture;
  for (let puts = 0; puts < 7; puts += 1) {
    let left = puts;
    const failing = {
      ...control.blobs,
      get: (key: string) => control.blobs.get(key),
      has: (key: string) => control.blobs.has(key),
      delete: (key: string) => control.blobs.delete(key),
      put: (...given: Parameters<typeof control.blobs.put>) => {
        if (left-- <= 0) throw new Error("cut off");
        return control.blobs.put(...given);
      },
    };
    if (puts < 6) await expect(resealAll({ ...control, blobs: failing, vault: rotating })).rejects.toThrow("cut off");
    const row = await control.store.read((q) => q.states.get(state.id));
    expect(Buffer.from(await openState({ ...control, vault: rotating }, row ?? state)).toString()).toBe("{}");
  }
  expect(await resealAll({ ...control, vault: rotating })).toEqual({
    resealed: expect.any(Number),
    current: expect.any(Number),
    missing: 0,
  });
  expect(await resealAll({ ...control, vault: rotated })).toEqual({ resealed: 0, current: 11, missing: 0 });
});

test("what has come in parts and was not used is forgotten: who sends it begins again", async () => {
  const { control, as } = fixture;
  const chunk = Buffer.alloc(40_000, "x");
  const part = {
    ...{ workspace: { organization: "", name: run.workspaceId }, purpose: "configuration" as const, offset: 0 },
    ...{ sha256: "0".repeat(64), bytes: chunk.length + 1, chunk },
  };
  const ana = as("operator");
  expect(await takePersonPart(control, ana, part)).toBe(chunk.length);
  await resealAll({ ...control, vault: rotating });
  expect(await takePersonPart(control, ana, { ...part, chunk: new Uint8Array() })).toBe(0);
});

test("an object that is missing is told and holds up nothing; bytes that no key opens stop it", async () => {
  const { control } = fixture;
  await control.blobs.delete(state.blobKey);
  expect(await resealAll({ ...control, vault: rotating })).toEqual({ resealed: 10, current: 0, missing: 1 });
  const stranger = createVault(new Uint8Array(32).fill(9), systemRandom);
  await expect(resealAll({ ...control, vault: stranger })).rejects.toThrow(/another master key/);
});

test("every column that holds sealed bytes or the key of an object is known to the rotation and the collection", async () => {
  const { defineTables } = await import("../../store/tables/tables.ts");
  const { postgresKit } = await import("../../store/engine/kit.ts");
  const { getTableColumns } = await import("drizzle-orm");
  const found = Object.entries(defineTables(postgresKit)).flatMap(([table, columns]) =>
    Object.keys(getTableColumns(columns))
      .filter((name) => /sealed|blobkey/i.test(name))
      .map((name) => `${table}.${name}`),
  );
  expect(found.toSorted()).toEqual([
    "configurations.blobKey",
    "formerSecrets.sealedValue",
    "providerSettings.sealedValue",
    "runs.planBlobKey",
    "runs.planFilesBlobKey",
    "runs.planJsonBlobKey",
    "runs.redactedPlanBlobKey",
    "runs.summaryBlobKey",
    "setVariables.sealedValue",
    "stateAnnouncements.jsonBlobKey",
    "states.blobKey",
    "states.jsonBlobKey",
    "uploadParts.blobKey",
    "variables.sealedValue",
  ]);
});
