import { keysOf } from "../../lib/values/records.ts";
import type { JobPhase } from "./job.ts";
import type { RunOptions } from "./run.ts";

/** An option of jobs that agents from before it would leave out without a word. */
export type JobFeature = "excludes" | "suppress_forget_errors" | "generate_configuration" | "debug";

/** Each with what people call it. */
const featureFlags: Readonly<Record<JobFeature, string>> = {
  excludes: "--exclude",
  suppress_forget_errors: "--suppress-forget-errors",
  generate_configuration: "generated configuration",
  debug: "debug logs",
};

export const jobFeatures = keysOf(featureFlags);

type Asked = Pick<RunOptions, "excludes" | "suppressesForgetErrors" | "generatesConfiguration" | "isDebug">;

/** What an agent has to know to do a phase of a run as it was asked for. */
export function featuresOf(asked: Asked, phase: JobPhase): readonly JobFeature[] {
  const { excludes = [], suppressesForgetErrors = false, generatesConfiguration = false, isDebug = false } = asked;
  const needs: Readonly<Record<JobFeature, boolean>> = {
    excludes: phase === "plan" && excludes.length > 0,
    suppress_forget_errors: phase === "apply" && suppressesForgetErrors,
    generate_configuration: phase === "plan" && generatesConfiguration,
    debug: isDebug,
  };
  return jobFeatures.filter((feature) => needs[feature]);
}

/** Whether an agent knows everything that a job needs. */
export const knowsAll = (known: ReadonlySet<JobFeature>, needs: readonly JobFeature[]): boolean =>
  needs.every((feature) => known.has(feature));

/** `--exclude`. */
export const featuresText = (features: readonly JobFeature[]): string =>
  features.map((feature) => featureFlags[feature]).join(" and ");
