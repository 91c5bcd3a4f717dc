import { gzipSync } from "node:zlib";
import { storePlanDocuments } from "../../../src/control/jobs/plan-documents.ts";
import { toPartId, toTfeId } from "../../../src/tfe/core/ids.ts";
import { runRow } from "../../support/rows.ts";
import { makeWorkspace } from "./made.ts";
import type { TfeRow } from "./row.ts";

/** A request about the plan of a new run that has both documents. */
const request: NonNullable<TfeRow["request"]> = async (tfe, organization) => {
  const { control } = tfe;
  const run = runRow(await makeWorkspace(tfe, organization), { status: "planned" });
  const packed = gzipSync("{}");
  const keys = await storePlanDocuments(control, run.id, { planJson: packed, redactedJson: packed });
  await control.store.write((tx) => tx.runs.insert({ ...run, ...keys }));
  return { params: { plan: toPartId("plan", run.id), run: toTfeId(run.id) } };
};

export const planDocumentRows: readonly TfeRow[] = [
  { pattern: "GET /plans/:plan/json-output", needs: "plan", status: 200, request },
  { pattern: "GET /plans/:plan/json-output-redacted", needs: "read", status: 200, request },
  { pattern: "GET /runs/:run/plan/json-output", needs: "plan", status: 200, request },
];
