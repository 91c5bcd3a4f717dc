import { describe, expect, test } from "vitest";
import { jobRow, runRow } from "../../../test/support/rows.ts";
import { workspace } from "../../../test/support/store/rows.ts";
import type { Job, JobStatus } from "../runs/job.ts";
import type { Run, RunStatus } from "../runs/run.ts";
import type { WorkspaceLock } from "../workspaces/workspace.ts";
import { before, isExpendable, isLogExpendable, type RunSurroundings } from "./retention.ts";

const endedAt = new Date("2026-05-01T00:00:00Z");
const justAfter = new Date(endedAt.getTime() + 1);
const run = (change: Partial<Run> = {}): Run =>
  runRow(workspace(), { id: "run_1", status: "applied", endedAt, ...change });
const lockOf = (runId: "run_1" | "run_2"): WorkspaceLock => ({ kind: "run", runId, at: endedAt });
const around: RunSurroundings = { workspace: { lock: null }, newestId: "run_2", hasQuarantined: false };

test("what is kept for ever is never too old", () => {
  expect(before(endedAt, null)).toBeNull();
  expect(before(justAfter, 1)).toEqual(endedAt);
  expect(before(endedAt, 0)).toEqual(endedAt);
});

describe("a run may be deleted", () => {
  test.each<RunStatus>(["applied", "planned_and_finished", "discarded", "canceled", "force_canceled", "errored"])(
    "one that is %s, once it ended long enough ago",
    (status) => {
      expect(isExpendable(run({ status }), around, justAfter)).toBe(true);
      expect(isExpendable(run({ status }), around, endedAt)).toBe(false);
      expect(isExpendable(run({ status }), around, null)).toBe(false);
    },
  );

  test.each<RunStatus>(["pending", "plan_queued", "planning", "planned", "apply_queued", "applying"])(
    "not one that is %s",
    (status) => {
      expect(isExpendable(run({ status }), around, justAfter)).toBe(false);
      expect(isExpendable(run({ status, endedAt: null }), around, justAfter)).toBe(false);
    },
  );

  test.each<readonly [string, Partial<RunSurroundings>, boolean]>([
    ["whose workspace is gone", { workspace: undefined }, true],
    ["whose workspace another run holds", { workspace: { lock: lockOf("run_2") } }, true],
    [
      "whose workspace a person holds",
      { workspace: { lock: { kind: "person", by: "ana", reason: "", at: endedAt } } },
      true,
    ],
    ["that still holds its workspace", { workspace: { lock: lockOf("run_1") } }, false],
    ["of which a state waits for a decision", { hasQuarantined: true }, false],
    ["that is the newest of its workspace", { newestId: "run_1" }, false],
    ["where no run is the newest", { newestId: undefined }, true],
  ])("one %s: %j", (_which, change, mayGo) => {
    expect(isExpendable(run(), { ...around, ...change }, justAfter)).toBe(mayGo);
  });

  test("not one of which nobody knows when it ended", () => {
    expect(isExpendable(run({ endedAt: null }), around, justAfter)).toBe(false);
  });
});

describe("a log may be emptied", () => {
  const job = (change: Partial<Job> = {}): Job => jobRow(run(), { status: "finished", isLogClosed: true, ...change });
  const parts = (of: { readonly run?: Run; readonly job?: Job; readonly lock?: WorkspaceLock | null }) => ({
    run: of.run ?? run(),
    job: of.job ?? job(),
    workspace: { lock: of.lock ?? null },
  });

  test("once its run ended long enough ago", () => {
    expect([justAfter, endedAt, null].map((ago) => isLogExpendable(parts({}), ago))).toEqual([true, false, false]);
  });

  test.each<JobStatus>(["finished", "errored", "canceled", "interrupted"])("of a job that is %s", (status) => {
    expect(isLogExpendable(parts({ job: job({ status }) }), justAfter)).toBe(true);
  });

  test.each<JobStatus>(["queued", "offered", "started"])("not of a job that is %s", (status) => {
    expect(isLogExpendable(parts({ job: job({ status }) }), justAfter)).toBe(false);
  });

  test.each([
    ["of which more can come", { job: job({ isLogClosed: false }) }],
    ["of a run that has not ended", { run: run({ status: "applying" }) }],
    ["of a run of which nobody knows when it ended", { run: run({ endedAt: null }) }],
    ["of a run that still holds its workspace", { lock: lockOf("run_1") }],
  ])("not one %s", (_which, of) => {
    expect(isLogExpendable(parts(of), justAfter)).toBe(false);
  });

  test("one whose workspace is gone, or is held by another run", () => {
    expect(isLogExpendable({ ...parts({}), workspace: undefined }, justAfter)).toBe(true);
    expect(isLogExpendable(parts({ lock: lockOf("run_2") }), justAfter)).toBe(true);
  });
});
