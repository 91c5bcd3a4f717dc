import { expect, test } from "vitest";
import { plainOptions } from "../../../test/support/rows.ts";
import { summaryMayFollow } from "./late-summary.ts";

test.each([
  ["a plan that waits for a person", {}, false],
  ["a plan that is applied at once", { isAutoApply: true }, true],
  ["a plan that is never applied", { isPlanOnly: true }, true],
  ["a plan that is kept for a person", { isAutoApply: true, isSavedPlan: true }, false],
  ["a plan whose generated configuration people take", { isPlanOnly: true, generatesConfiguration: true }, false],
] as const)("%s: its summary may follow: %#", (_what, options, expected) => {
  expect(summaryMayFollow({ options: { ...plainOptions, isAutoApply: false, ...options } })).toBe(expected);
});
