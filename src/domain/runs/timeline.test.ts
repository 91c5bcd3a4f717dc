import { describe, expect, test } from "vitest";
import { runRow } from "../../../test/support/rows.ts";
import { workspace } from "../../../test/support/store/rows.ts";
import type { Run, RunEvent, RunStatus } from "./run.ts";
import { tellCreation, tellMove, tellUrgency } from "./timeline.ts";

const counts = { add: 1, change: 0, destroy: 2, import: 0 };
const inStatus = (status: RunStatus, isPlanOnly = false) => ({ status, options: { isPlanOnly } }) as unknown as Run;

test.each<readonly [RunEvent, Run, string]>([
  [{ kind: "workspace_acquired" }, inStatus("plan_queued"), "got the workspace, queued for an agent"],
  [{ kind: "workspace_acquired" }, inStatus("plan_queued", true), "queued for an agent"],
  [{ kind: "job_started", phase: "plan" }, inStatus("planning"), "planning on vm-7 | vm-7"],
  [{ kind: "job_requeued", phase: "plan" }, inStatus("plan_queued"), "agent vm-7 was lost: the plan is tried again"],
  [
    { kind: "plan_finished", hasChanges: true, counts: { ...counts, import: 3 } },
    inStatus("planned"),
    "planned: 3 to import, 1 to add, 0 to change, 2 to destroy | vm-7",
  ],
  [
    { kind: "plan_finished", hasChanges: true, counts },
    inStatus("apply_queued"),
    "planned: 1 to add, 0 to change, 2 to destroy; it is applied without being asked about | vm-7",
  ],
  [
    { kind: "plan_finished", hasChanges: false, counts },
    inStatus("planned_and_finished"),
    "planned: no changes | vm-7",
  ],
  [
    { kind: "plan_finished", hasChanges: false, counts },
    inStatus("canceled"),
    "planned: no changes; it was asked to end | vm-7",
  ],
  [{ kind: "confirmed", by: "ana", comment: "ok" }, inStatus("apply_queued"), "confirmed | ana | ok"],
  [{ kind: "discarded", by: "ana", comment: "" }, inStatus("discarded"), "discarded | ana"],
  [{ kind: "apply_finished", counts }, inStatus("applied"), "applied: 1 added, 0 changed, 2 destroyed | vm-7"],
  [
    { kind: "job_errored", phase: "apply", message: "exit code 1", counts, resourcesInFlight: [] },
    inStatus("errored"),
    "the apply failed | vm-7 | exit code 1",
  ],
  [
    { kind: "apply_interrupted", message: "lost", resourcesInFlight: [] },
    inStatus("errored"),
    "the apply was interrupted: its agent was lost |  | lost",
  ],
  [
    { kind: "cancel_requested", mode: "cancel", by: "ben", comment: "stop" },
    inStatus("applying"),
    "asked to end it | ben | stop",
  ],
  [
    { kind: "cancel_requested", mode: "force", by: "ben", comment: "" },
    inStatus("applying"),
    "asked to end it by force | ben",
  ],
  [{ kind: "queue_expired", message: "too long" }, inStatus("canceled"), "waited too long |  | too long"],
  [
    { kind: "job_canceled", phase: "plan", isForced: false, counts: null, resourcesInFlight: [] },
    inStatus("canceled"),
    "the plan was canceled | vm-7",
  ],
])("%j is told", (event, run, text) => {
  const { title, actor, comment } = tellMove(run, event, "vm-7");
  expect([title, actor, comment].join(" | ").replace(/( \| )+$/, "")).toBe(text);
});

describe("a move of a job that has no agent any more", () => {
  test("is told without its name", () => {
    expect(tellMove(inStatus("applying"), { kind: "job_started", phase: "apply" }, "")).toEqual({
      ...{ actor: "", title: "applying", comment: "" },
    });
    expect(tellMove(inStatus("plan_queued"), { kind: "job_requeued", phase: "plan" }, "").title).toBe(
      "agent unknown was lost: the plan is tried again",
    );
  });
});

describe("an apply that did not start", () => {
  const event: RunEvent = { kind: "apply_not_started", message: "no disk" };
  test.each([
    ["planned", "the apply did not start: nothing was changed; the plan waits to be confirmed again"],
    ["errored", "the apply did not start: nothing was changed"],
  ] as const)("of a run that is %s after it", (status, title) => {
    expect(tellMove(inStatus(status), event, "vm-7")).toEqual({ actor: "vm-7", title, comment: "no disk" });
  });
});

test("a job that was ended by force is told so", () => {
  const event: RunEvent = { kind: "job_canceled", phase: "apply", isForced: true, counts: null, resourcesInFlight: [] };
  expect(tellMove(inStatus("canceled"), event, "vm-7").title).toBe("the apply was ended by force");
});

test("a creation says what it repeats, and what was said", () => {
  const run = runRow(workspace(), { createdBy: "ana", message: "again" });
  expect(tellCreation(run)).toEqual({ actor: "ana", title: "created", comment: "again" });
  expect(tellCreation({ ...run, retryOf: "run_7" }).title).toBe("created to repeat run_7");
});

test("a priority is told by its name", () => {
  expect(([0, 1, 2] as const).map((urgency) => tellUrgency("ana", urgency).title)).toEqual([
    "gave it the priority high",
    "gave it the priority normal",
    "gave it the priority low",
  ]);
});
