import { notFound } from "../../control/core/access.ts";
import { readPlanJson, readRedactedPlan } from "../../control/jobs/plan-documents.ts";
import { findErroredState, getToldRun } from "../../control/runs/told-runs.ts";
import type { RunView } from "../../control/runs/view.ts";
import { downloadState } from "../../control/states/states.ts";
import { isFinal } from "../../domain/runs/run.ts";
import { isWindlassError } from "../../lib/words/errors.ts";
import type { RunId } from "../../lib/words/ids.ts";
import { done, found, type TfeAnswer } from "../core/answers.ts";
import { idParam, param, route, sharerOf, type TfeCall } from "../core/call.ts";
import { seenApply } from "../core/holds.ts";
import { wholeOf } from "../core/ids.ts";
import { toApplyResource, toPlanResource } from "../mapping/run-phase.ts";
import { logUrlOf } from "./logs.ts";

/** The run whose plan or apply the path names. */
function partOf(call: TfeCall, part: "plan" | "apply"): RunId {
  const text = param(call, part);
  const id = wholeOf(part, "run", text);
  if (id === undefined) throw notFound(part, text.slice(0, 80));
  return id;
}

const viewOf = async ({ control, who }: TfeCall, id: RunId): Promise<RunView> =>
  (await getToldRun(control, who, id)).view;

const planOf = async (call: TfeCall, runId: RunId): Promise<TfeAnswer> =>
  found(toPlanResource(await viewOf(call, runId), logUrlOf(call, { runId, phase: "plan" })));

async function readApply(call: TfeCall): Promise<TfeAnswer> {
  const runId = partOf(call, "apply");
  const { holds, who } = call;
  holds.seenApplies.note(who.id, runId, seenApply);
  return found(toApplyResource(await viewOf(call, runId), logUrlOf(call, { runId, phase: "apply" })));
}

/** A document of a plan: what `terraform show` reads of a remote one. Nothing as long as the plan may still bring it. */
async function documentOf(call: TfeCall, id: RunId, read: typeof readPlanJson): Promise<TfeAnswer> {
  const { control, who } = call;
  try {
    return { kind: "bytes", status: 200, type: "application/json", bytes: await read(control, who, id) };
  } catch (error) {
    if (!isWindlassError(error, "not_found")) throw error;
    const { run } = await viewOf(call, id);
    if (run.planSha256 !== null || isFinal(run.status)) throw error;
    return done;
  }
}

/** The last state of an apply that is kept aside, as terraform wrote it. */
async function readErroredState(call: TfeCall): Promise<TfeAnswer> {
  const { control, who } = call;
  const id = await findErroredState(control, who, partOf(call, "apply"));
  if (id === undefined) throw notFound("errored state", param(call, "apply"));
  const reference = { id, workspace: { organization: "", name: "" } };
  const pieces = downloadState(control, who, reference);
  const bytes = await call.transfers.download(pieces, { of: sharerOf(call), signal: call.signal });
  return { kind: "bytes", status: 200, type: "application/json", bytes };
}

export const runPhaseRoutes = [
  route("GET /plans/:plan", (call) => planOf(call, partOf(call, "plan"))),
  route("GET /runs/:run/plan", (call) => planOf(call, idParam(call, "run", "run"))),
  route("GET /plans/:plan/json-output", (call) => documentOf(call, partOf(call, "plan"), readPlanJson)),
  route("GET /plans/:plan/json-output-redacted", (call) => documentOf(call, partOf(call, "plan"), readRedactedPlan)),
  route("GET /runs/:run/plan/json-output", (call) => documentOf(call, idParam(call, "run", "run"), readPlanJson)),
  route("GET /applies/:apply", readApply),
  route("GET /applies/:apply/errored-state", readErroredState),
];
