import type { RunListFilter } from "../../control/runs/list.ts";
import { countRuns, listToldRuns } from "../../control/runs/told-runs.ts";
import { found, listed, type TfeAnswer } from "../core/answers.ts";
import { idParam, param, route, type TfeCall } from "../core/call.ts";
import { offsetOf, pageOf } from "../core/pages.ts";
import { toRunResource } from "../mapping/run.ts";
import { fromRunQuery } from "../mapping/run-request.ts";
import { includedOf, runIncludes } from "./run-includes.ts";

async function listOf(call: TfeCall, filter: RunListFilter, isCounted: boolean): Promise<TfeAnswer> {
  const { control, who } = call;
  const includes = runIncludes(call);
  const page = pageOf(call);
  const rows = { offset: offsetOf(page), limit: page.size };
  const { rows: runs, total, hasMore } = await listToldRuns(control, who, { filter, rows, isCounted });
  const now = control.clock.now();
  const documents = runs.map((told) => toRunResource(told, who, now));
  return listed(documents, { ...page, total, hasMore }, { included: await includedOf(call, runs, includes) });
}

/** Plan-only runs are listed where they are asked for. */
const ofWorkspace = (call: TfeCall): Promise<TfeAnswer> => {
  const workspace = idParam(call, "workspace", "ws");
  const place = { organization: "", workspace, operations: ["plan_and_apply", "save_plan"] } as const;
  return listOf(call, fromRunQuery(call.query, place, call.control.clock.now()), true);
};

const ofOrganization = (call: TfeCall): Promise<TfeAnswer> => {
  const place = { organization: param(call, "organization"), workspace: "", operations: null };
  return listOf(call, fromRunQuery(call.query, place, call.control.clock.now()), false);
};

/** What waits or is at work in the organization. */
const queueOf = (call: TfeCall): Promise<TfeAnswer> =>
  listOf(
    call,
    {
      organization: param(call, "organization"),
      workspace: "",
      statuses: ["pending", "plan_queued", "planning", "apply_queued", "applying"],
      isActive: true,
    },
    true,
  );

async function capacityOf(call: TfeCall): Promise<TfeAnswer> {
  const { organization, pending, running } = await countRuns(call.control, call.who, param(call, "organization"));
  return found({ type: "organization-capacity", id: organization, attributes: { pending, running } });
}

export const runListRoutes = [
  route("GET /workspaces/:workspace/runs", ofWorkspace),
  route("GET /organizations/:organization/runs", ofOrganization),
  route("GET /organizations/:organization/runs/queue", queueOf),
  route("GET /organizations/:organization/capacity", capacityOf),
];
