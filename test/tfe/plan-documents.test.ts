import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, expect, test } from "vitest";
import { storePlanDocuments } from "../../src/control/jobs/plan-documents.ts";
import { createWorkspace } from "../../src/control/workspaces/workspaces.ts";
import type { Run } from "../../src/domain/runs/run.ts";
import { toPartId, toTfeId } from "../../src/tfe/core/ids.ts";
import { runRow } from "../support/rows.ts";
import { openTestTfe, type TestTfe } from "../support/tfe.ts";
import { newWorkspace } from "../support/wanted.ts";

let tfe: TestTfe;
let run: Run;
beforeEach(async () => {
  tfe = await openTestTfe();
  const { control, as } = tfe;
  const { workspace } = await createWorkspace(control, as("owner"), newWorkspace("net"));
  run = runRow(workspace, { status: "planning" });
  await control.store.write((tx) => tx.runs.insert(run));
});
afterEach(() => tfe[Symbol.asyncDispose]());

const planPath = (end: string) => `/plans/${toPartId("plan", run.id)}/${end}`;

async function planned(more: Partial<Run>): Promise<void> {
  const { control } = tfe;
  await control.store.write((tx) => tx.runs.save({ ...run, status: "planned", planSha256: "00", ...more }));
}

test("the documents of a plan are JSON, whole, and not of JSON:API; nothing comes while it is planned", async () => {
  for (const end of ["json-output", "json-output-redacted"])
    expect(await tfe.call("GET", planPath(end))).toMatchObject({ status: 204 });
  const json = JSON.stringify({ terraform_version: "1.11.4", text: "x".repeat(1_000_000) });
  const documents = { planJson: gzipSync(json), redactedJson: gzipSync('{"plan_format_version":"1.2"}') };
  await planned(await storePlanDocuments(tfe.control, run.id, documents));
  for (const path of [planPath("json-output"), `/runs/${toTfeId(run.id)}/plan/json-output`]) {
    const answer = await tfe.call("GET", path);
    expect(answer.headers.get("content-type")).toBe("application/json");
    expect(Buffer.from(answer.bytes).toString()).toBe(json);
  }
  const redacted = await tfe.call("GET", planPath("json-output-redacted"), undefined, { token: tfe.keys.reader });
  expect(Buffer.from(redacted.bytes).toString()).toBe('{"plan_format_version":"1.2"}');
});

test("a plan without documents has none, and what is no plan is not found", async () => {
  await planned({});
  const absent = { status: 404, document: { errors: [{ status: "404", title: expect.any(String) }] } };
  for (const end of ["json-output", "json-output-redacted"])
    expect(await tfe.call("GET", planPath(end))).toMatchObject(absent);
  for (const path of [
    "/plans/plan-gone/json-output",
    `/plans/${toTfeId(run.id)}/json-output`,
    "/runs/run-gone/plan/json-output",
  ])
    expect(await tfe.call("GET", path)).toMatchObject(absent);
  expect(await tfe.call("GET", planPath("json-output"), undefined, { token: null })).toMatchObject({ status: 401 });
  expect(await tfe.call("GET", planPath("json-output"), undefined, { token: tfe.keys.siblingOwner })).toMatchObject(
    absent,
  );
});
