import type { Workspace } from "../workspaces/workspace.ts";
import { isSavedPlan, type Run } from "./run.ts";

/** How long somebody may take to decide about a saved plan: two weeks. */
export const maxSavedPlanMs = 14 * 24 * 3_600_000;

/** What keeps a saved plan from being confirmed: another state became current since, or somebody has the workspace. */
export type ConfirmationBar = "stale" | "held";

type Holder = Pick<Workspace, "lock" | "currentStateId">;

/** What keeps a planned run from being confirmed; undefined if nothing does. Others than saved plans hold the workspace. */
export function confirmationBar(
  run: Pick<Run, "options" | "baseStateId">,
  { lock, currentStateId }: Holder,
): ConfirmationBar | undefined {
  if (!isSavedPlan(run)) return undefined;
  if (run.baseStateId !== currentStateId) return "stale";
  return lock === null ? undefined : "held";
}

/** Why a saved plan that nobody has decided about is good for nothing any more; undefined if it still is. */
export function whyOutdated(
  run: Pick<Run, "options" | "baseStateId" | "statusAt">,
  workspace: Holder,
  now: Date,
): string | undefined {
  if (confirmationBar(run, workspace) === "stale") return staleText(run, workspace);
  if (!isSavedPlan(run) || now.getTime() - run.statusAt.getTime() <= maxSavedPlanMs) return undefined;
  return `nobody has confirmed or discarded the saved plan within ${maxSavedPlanMs / (24 * 3_600_000)} days`;
}

/** What happened to the state of a stale plan. */
export const staleText = (
  { baseStateId }: Pick<Run, "baseStateId">,
  { currentStateId }: Pick<Workspace, "currentStateId">,
): string =>
  `the plan was made from ${stateText(baseStateId)}, and the workspace has ${stateText(currentStateId)} by now: make a new plan`;

const stateText = (id: string | null): string => (id === null ? "no state" : `state ${id}`);
