import { expect, test } from "vitest";
import { plainOptions } from "../../../test/support/rows.ts";
import { job } from "../../../test/support/store/rows.ts";
import type { Job } from "../../domain/runs/job.ts";
import { fromSource, fromStatus, fromStatusGroup, toPhaseStatus, toStamp, toStatus } from "./run-status.ts";

const options = plainOptions;
const saved = { ...plainOptions, isSavedPlan: true };
const saidOf = (filters: readonly { readonly status: string }[]): readonly string[] =>
  filters.map(({ status }) => status);

test("a planned run is planned, and a saved plan has a status of its own", () => {
  expect(toStatus({ status: "planned", options })).toBe("planned");
  expect(toStatus({ status: "planned", options: saved })).toBe("planned_and_saved");
  expect(toStatus({ status: "planning", options: saved })).toBe("planning");
  expect(toStamp("planned", { options: saved })).toBe("planned-and-saved-at");
  expect(toStamp("planned_and_finished", { options })).toBe("planned-and-finished-at");
});

test("filters name statuses as clients do; what no run comes into finds nothing", () => {
  expect(fromStatus("planned")).toEqual([{ status: "planned", isSavedPlan: false }]);
  expect(fromStatus("planned_and_saved")).toEqual([{ status: "planned", isSavedPlan: true }]);
  expect(saidOf(fromStatus("confirmed"))).toEqual(["apply_queued"]);
  expect(saidOf(fromStatus("applied"))).toEqual(["applied"]);
  for (const other of ["cost_estimated", "policy_checked", "", "x"]) expect(fromStatus(other)).toEqual([]);
  expect(saidOf(fromStatusGroup("discardable"))).toEqual(["planned"]);
  expect(saidOf(fromStatusGroup("final"))).toEqual([
    ...["planned_and_finished", "applied", "discarded", "errored", "canceled", "force_canceled"],
  ]);
  expect(saidOf(fromStatusGroup("non_final"))).toEqual([
    ...["pending", "plan_queued", "planning", "planned", "apply_queued", "applying"],
  ]);
  expect(fromStatusGroup("x")).toEqual([]);
  expect(fromSource("tfe-api")).toEqual(["api", "cli", "tfe-api"]);
  expect(fromSource("tfe-ui")).toEqual(["browser"]);
  expect(fromSource("terraform+cloud")).toEqual(["terraform"]);
});

test.each([
  [null, "pending", "pending"],
  [null, "planned_and_finished", "unreachable"],
  ["queued", "plan_queued", "queued"],
  ["offered", "plan_queued", "queued"],
  ["started", "planning", "running"],
  ["finished", "planned", "finished"],
  ["errored", "errored", "errored"],
  ["canceled", "canceled", "canceled"],
  ["interrupted", "errored", "errored"],
] as const)("a phase whose job is %s, of a run that is %s: %s", (status, ofRun, expected) => {
  const of: Job | null = status === null ? null : job({ status });
  expect(toPhaseStatus({ status: ofRun }, of)).toBe(expected);
});
