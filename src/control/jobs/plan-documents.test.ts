import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openTestControl, type TestControl } from "../../../test/support/control.ts";
import { runRow } from "../../../test/support/rows.ts";
import { newWorkspace } from "../../../test/support/wanted.ts";
import type { Run } from "../../domain/runs/run.ts";
import { createWorkspace } from "../workspaces/workspaces.ts";
import { hasGeneratedConfiguration, readPlanJson, readRedactedPlan, storePlanDocuments } from "./plan-documents.ts";

let fixture: TestControl;
let run: Run;
/** More than one sealed piece, and secret. */
const json = JSON.stringify({ planned_values: Array.from({ length: 50_000 }, (_, index) => `s3cret ${index * 7919}`) });
const redacted = '{"resource_changes":[]}';

beforeEach(async () => {
  fixture = await openTestControl();
  const { control, as } = fixture;
  const { workspace } = await createWorkspace(control, as("owner"), newWorkspace("net"));
  run = runRow(workspace, { status: "planned" });
  await control.store.write((tx) => tx.runs.insert(run));
});
afterEach(() => fixture[Symbol.asyncDispose]());

async function store(planJson: Uint8Array, redactedJson: Uint8Array): Promise<void> {
  const { control } = fixture;
  const keys = await storePlanDocuments(control, run.id, { planJson, redactedJson });
  await control.store.write((tx) => tx.runs.save({ ...run, ...keys }));
}

const text = async (document: Promise<AsyncIterable<Uint8Array>>) =>
  Buffer.concat(await Array.fromAsync(await document)).toString();

test("the documents of a plan are read as they were before they were packed, and lie encrypted", async () => {
  const { control, as } = fixture;
  await store(gzipSync(json), gzipSync(redacted));
  expect(await text(readPlanJson(control, as("planner"), run.id))).toBe(json);
  expect(await text(readRedactedPlan(control, as("reader"), run.id))).toBe(redacted);
  for await (const { key } of control.blobs.list()) {
    const bytes = Buffer.concat(await Array.fromAsync(control.blobs.get(key)));
    expect(bytes.subarray(0, 2).equals(Buffer.from([0x1f, 0x8b]))).toBe(false);
  }
});

test("the one with secrets is for who may read states; other organizations have no such run", async () => {
  const { control, as, sibling } = fixture;
  await store(gzipSync(json), gzipSync(redacted));
  await expect(readPlanJson(control, as("reader"), run.id)).rejects.toMatchObject({ code: "permission_denied" });
  for (const read of [readPlanJson, readRedactedPlan])
    await expect(read(control, as("owner", sibling), run.id)).rejects.toMatchObject({ code: "not_found" });
});

test("a run without one says so", async () => {
  const { control, as } = fixture;
  const refusal = { code: "not_found", metadata: { resource: "plan document", name: run.id } };
  for (const read of [readPlanJson, readRedactedPlan])
    await expect(read(control, as("owner"), run.id)).rejects.toMatchObject(refusal);
});

test("one that was not packed as it should be ends its reading with an error, and nothing else", async () => {
  const { control, as } = fixture;
  await store(Buffer.from("no gzip"), gzipSync(redacted).subarray(0, 20));
  await expect(text(readPlanJson(control, as("owner"), run.id))).rejects.toThrow(/incorrect header/);
  await expect(text(readRedactedPlan(control, as("owner"), run.id))).rejects.toThrow(/unexpected end/);
});

test("who stops reading is let go", async () => {
  const { control, as } = fixture;
  await store(gzipSync(json, { level: 0 }), new Uint8Array());
  for await (const piece of await readPlanJson(control, as("owner"), run.id)) {
    expect(piece.length).toBeGreaterThan(0);
    break;
  }
});

test("configuration was generated if the run asked for it and its redacted plan is there", () => {
  const options = { ...run.options, generatesConfiguration: true };
  expect(hasGeneratedConfiguration({ ...run, options, redactedPlanBlobKey: "key" })).toBe(true);
  expect(hasGeneratedConfiguration({ ...run, options })).toBe(false);
  expect(hasGeneratedConfiguration({ ...run, redactedPlanBlobKey: "key" })).toBe(false);
});
