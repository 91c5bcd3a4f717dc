import type { Run, RunStatus } from "./run.ts";

/** What a run is for, as filters name it: a run may be several of them. */
export type RunOperation = "plan_only" | "plan_and_apply" | "save_plan" | "refresh_only" | "destroy" | "empty_apply";

/** A status, of saved plans only or of others only; null is both. */
export interface StatusFilter {
  readonly status: RunStatus;
  readonly isSavedPlan: boolean | null;
}

/** A run without the texts that can be large, for lists: how many there are of each stays. */
export const withoutTexts = (run: Run): Run => ({
  ...run,
  resourcesInFlight: run.resourcesInFlight.slice(0, 1),
  lost: run.lost === null ? null : { ...run.lost, resources: run.lost.resources.slice(0, 1) },
  hooks: null,
  options: {
    ...run.options,
    targets: run.options.targets.map(() => ""),
    replacements: run.options.replacements.map(() => ""),
    excludes: (run.options.excludes ?? []).map(() => ""),
    variables: run.options.variables.map((variable) => ({ ...variable, key: "", value: "" })),
  },
});
