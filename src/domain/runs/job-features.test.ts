import { expect, test } from "vitest";
import { featuresOf, featuresText, type JobFeature } from "./job-features.ts";
import type { RunOptions } from "./run.ts";

test.each<[string, Partial<RunOptions>, readonly JobFeature[], readonly JobFeature[]]>([
  ["nothing of it", {}, [], []],
  ["--exclude", { excludes: ["a.b"] }, ["excludes"], []],
  ["--suppress-forget-errors", { suppressesForgetErrors: true }, [], ["suppress_forget_errors"]],
  ["generated configuration", { generatesConfiguration: true }, ["generate_configuration"], []],
  ["debug logs", { isDebug: true }, ["debug"], ["debug"]],
  ["a saved plan", { isSavedPlan: true }, [], []],
])("what a plan and an apply need for %s", (_what, options, plan, apply) => {
  expect(featuresOf(options, "plan")).toEqual(plan);
  expect(featuresOf(options, "apply")).toEqual(apply);
});

test("people are told of them by name", () => {
  expect(featuresText(["excludes", "debug"])).toBe("--exclude and debug logs");
});
