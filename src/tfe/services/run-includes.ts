import { getToldRun, listNumberedEvents, type ToldRun } from "../../control/runs/told-runs.ts";
import { getConfiguration } from "../../control/workspaces/configurations.ts";
import { detailWorkspaces } from "../../control/workspaces/search.ts";
import type { WorkspaceView } from "../../control/workspaces/view.ts";
import { getWorkspace } from "../../control/workspaces/workspaces.ts";
import { isWindlassError } from "../../lib/words/errors.ts";
import type { RunId } from "../../lib/words/ids.ts";
import { type Resource, uniqueResources } from "../core/answers.ts";
import type { TfeCall } from "../core/call.ts";
import { includesOf } from "../core/pages.ts";
import { toConfigurationVersion } from "../mapping/configuration-version.ts";
import { confirmedBy, toRunResource } from "../mapping/run.ts";
import { isRemark, toCommentResource, toEventResource } from "../mapping/run-event.ts";
import { toApplyResource, toPlanResource } from "../mapping/run-phase.ts";
import { toWorkspace } from "../mapping/workspace.ts";
import { logUrlOf } from "./logs.ts";
import { usersOf } from "./users.ts";

const known = [
  ...["plan", "apply", "workspace", "configuration_version", "configuration_version.ingress_attributes"],
  ...["created_by", "confirmed_by", "comments", "run_events", "task_stages", "cost_estimate", "policy_checks"],
  "tf_policy_evaluations",
] as const;
export type RunInclude = (typeof known)[number];

/** What is wanted beside a run. Of those that no run here has, nothing is there. */
export const runIncludes = (call: TfeCall): ReadonlySet<RunInclude> => includesOf(call, known);

/** A run, to stand beside what names it, with what is wanted beside it; nothing once it was deleted. */
export async function runBeside(
  call: TfeCall,
  id: RunId,
  wanted: ReadonlySet<RunInclude>,
): Promise<readonly Resource[]> {
  const { control, who } = call;
  try {
    const told = await getToldRun(control, who, id);
    return [toRunResource(told, who, control.clock.now()), ...((await includedOf(call, [told], wanted)) ?? [])];
  } catch (error) {
    if (isWindlassError(error, "not_found")) return [];
    throw error;
  }
}

/** What stands beside runs, each once; undefined if nothing was asked for. */
export async function includedOf(
  call: TfeCall,
  runs: readonly ToldRun[],
  wanted: ReadonlySet<RunInclude>,
): Promise<readonly Resource[] | undefined> {
  if (wanted.size === 0) return undefined;
  const included: Resource[] = [];
  const workspaces = new Set<string>();
  const has = (name: RunInclude) => wanted.has(name);
  for (const { view, marks } of runs) {
    const { run } = view;
    if (has("plan")) included.push(toPlanResource(view, logUrlOf(call, { runId: run.id, phase: "plan" })));
    if (has("apply")) included.push(toApplyResource(view, logUrlOf(call, { runId: run.id, phase: "apply" })));
    if (has("created_by")) included.push(...usersOf([run.createdBy]));
    if (has("confirmed_by")) included.push(...usersOf([confirmedBy(marks)]));
    if (has("configuration_version") || has("configuration_version.ingress_attributes"))
      included.push(...(await configurationOf(call, run.configurationId)));
    if (has("workspace")) workspaces.add(run.workspaceId);
    if (has("comments") || has("run_events")) included.push(...(await eventsOf(call, run.id, wanted)));
  }
  included.push(...(await workspacesOf(call, workspaces)));
  return uniqueResources(included);
}

async function workspacesOf({ control, who }: TfeCall, ids: ReadonlySet<string>): Promise<readonly Resource[]> {
  const views: WorkspaceView[] = [];
  for (const name of ids) views.push(await getWorkspace(control, who, { organization: "", name }));
  return (await detailWorkspaces(control, views)).map((row) => toWorkspace(row, who));
}

/** A configuration, to stand beside what names it. */
export async function configurationOf({ control, who }: TfeCall, id: string): Promise<readonly Resource[]> {
  return [toConfigurationVersion((await getConfiguration(control, who, id)).configuration)];
}

async function eventsOf(
  { control, who }: TfeCall,
  id: string,
  wanted: ReadonlySet<RunInclude>,
): Promise<readonly Resource[]> {
  const rows = { offset: 0, limit: 100 };
  const { rows: events } = await listNumberedEvents(control, who, { id, rows, isComment: !wanted.has("run_events") });
  return events.flatMap((event) => [
    ...(wanted.has("run_events") ? [toEventResource(event)] : []),
    ...(wanted.has("comments") && isRemark(event) ? [toCommentResource(event)] : []),
  ]);
}
