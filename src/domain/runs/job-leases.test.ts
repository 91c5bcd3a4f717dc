import { describe, expect, test } from "vitest";
import { jobRow, runRow } from "../../../test/support/rows.ts";
import { at, workspace } from "../../../test/support/store/rows.ts";
import { isEnded, type Job, type JobPhase, type JobStatus, leaseMs, newestOf } from "./job.ts";

const leases = { offerMs: 1, planMs: 10, applyMs: 100 };

test.each<readonly [JobStatus, boolean]>([
  ["queued", false],
  ["offered", false],
  ["started", false],
  ["finished", true],
  ["errored", true],
  ["canceled", true],
  ["interrupted", true],
])("a job that is %s has ended: %s", (status, hasEnded) => {
  expect(isEnded(status)).toBe(hasEnded);
});

test.each<readonly [JobPhase, JobStatus, number]>([
  ["plan", "offered", 1],
  ["apply", "offered", 1],
  ["plan", "started", 10],
  ["apply", "started", 100],
])("a %s that is %s is leased for %d ms", (phase, status, ms) => {
  expect(leaseMs({ phase, status }, leases)).toBe(ms);
});

describe("the newest job of a phase", () => {
  const run = runRow(workspace());
  const job = (change: Partial<Job>): Job =>
    jobRow(run, { phase: "apply", status: "errored", endedAt: at(9), ...change });

  test("is that which has not ended, wherever it stands", () => {
    const open = job({ status: "queued", endedAt: null, queuedAt: at(1) });
    const later = job({ queuedAt: at(5) });
    expect([newestOf([open, later], "apply"), newestOf([later, open], "apply")]).toEqual([open, open]);
  });

  test("is the last one that was queued, where all have ended", () => {
    const [first, last] = [job({ queuedAt: at(1), endedAt: at(9) }), job({ queuedAt: at(2), endedAt: at(3) })];
    expect([newestOf([first, last], "apply"), newestOf([last, first], "apply")]).toEqual([last, last]);
  });

  test("is the last one that ended, where they were queued in the same moment", () => {
    const [first, last] = [job({ queuedAt: at(1), endedAt: at(3) }), job({ queuedAt: at(1), endedAt: at(4) })];
    expect([newestOf([first, last], "apply"), newestOf([last, first], "apply")]).toEqual([last, last]);
  });

  test("is of that phase", () => {
    const plan = job({ phase: "plan", queuedAt: at(8) });
    const apply = job({ queuedAt: at(1) });
    expect(newestOf([plan, apply], "apply")).toBe(apply);
    expect(newestOf([plan], "apply")).toBeUndefined();
  });
});
