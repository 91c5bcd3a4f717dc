import { notFound } from "../../control/core/access.ts";
import { readPlanJson, readRedactedPlan } from "../../control/runs/plan-documents.ts";
import { getToldRun } from "../../control/runs/told-runs.ts";
import { isFinal } from "../../domain/runs/run.ts";
import { isWindlassError } from "../../lib/words/errors.ts";
import type { RunId } from "../../lib/words/ids.ts";
import { done, type TfeAnswer } from "../core/answers.ts";
import { idParam, param, route, type TfeCall } from "../core/call.ts";
import { wholeOf } from "../core/ids.ts";

function runOf(call: TfeCall): RunId {
  const text = param(call, "plan");
  const id = wholeOf("plan", "run", text);
  if (id === undefined) throw notFound("plan", text.slice(0, 80));
  return id;
}

/** A document of a plan; nothing as long as the plan may still bring it. */
async function answered(call: TfeCall, id: RunId, read: typeof readPlanJson): Promise<TfeAnswer> {
  const { control, who } = call;
  try {
    return { kind: "bytes", status: 200, type: "application/json", bytes: await read(control, who, id) };
  } catch (error) {
    if (!isWindlassError(error, "not_found")) throw error;
    const { run } = (await getToldRun(control, who, id)).view;
    if (run.planSha256 !== null || isFinal(run.status)) throw error;
    return done;
  }
}

/** The documents of plans: what `terraform show` reads of a remote plan. */
export const planDocumentRoutes = [
  route("GET /plans/:plan/json-output", (call) => answered(call, runOf(call), readPlanJson)),
  route("GET /plans/:plan/json-output-redacted", (call) => answered(call, runOf(call), readRedactedPlan)),
  route("GET /runs/:run/plan/json-output", (call) => answered(call, idParam(call, "run", "run"), readPlanJson)),
];
