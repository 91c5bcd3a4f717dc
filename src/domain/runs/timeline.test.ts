import { expect, test } from "vitest";
import type { Run, RunEvent, RunStatus } from "./run.ts";
import { tellMove } from "./timeline.ts";

const counts = { add: 1, change: 0, destroy: 2, import: 0 };
const after = (status: RunStatus, isPlanOnly = false) => ({ status, options: { isPlanOnly } }) as unknown as Run;

test.each<readonly [RunEvent, Run, string]>([
  [{ kind: "workspace_acquired" }, after("plan_queued"), "got the workspace, queued for an agent"],
  [{ kind: "workspace_acquired" }, after("plan_queued", true), "queued for an agent"],
  [{ kind: "job_started", phase: "plan" }, after("planning"), "planning on vm-7 | vm-7"],
  [{ kind: "job_requeued", phase: "plan" }, after("plan_queued"), "agent vm-7 was lost: the plan is tried again"],
  [
    { kind: "plan_finished", hasChanges: true, counts: { ...counts, import: 3 } },
    after("planned"),
    "planned: 3 to import, 1 to add, 0 to change, 2 to destroy | vm-7",
  ],
  [
    { kind: "plan_finished", hasChanges: true, counts },
    after("apply_queued"),
    "planned: 1 to add, 0 to change, 2 to destroy; it is applied without being asked about | vm-7",
  ],
  [{ kind: "plan_finished", hasChanges: false, counts }, after("planned_and_finished"), "planned: no changes | vm-7"],
  [
    { kind: "plan_finished", hasChanges: false, counts },
    after("canceled"),
    "planned: no changes; it was asked to end | vm-7",
  ],
  [{ kind: "confirmed", by: "ana", comment: "ok" }, after("apply_queued"), "confirmed | ana | ok"],
  [{ kind: "discarded", by: "ana", comment: "" }, after("discarded"), "discarded | ana"],
  [{ kind: "apply_finished", counts }, after("applied"), "applied: 1 added, 0 changed, 2 destroyed | vm-7"],
  [
    { kind: "job_errored", phase: "apply", message: "exit code 1", counts, resourcesInFlight: [] },
    after("errored"),
    "the apply failed | vm-7 | exit code 1",
  ],
  [
    { kind: "apply_interrupted", message: "lost", resourcesInFlight: [] },
    after("errored"),
    "the apply was interrupted: its agent was lost |  | lost",
  ],
  [
    { kind: "cancel_requested", mode: "cancel", by: "ben", comment: "stop" },
    after("applying"),
    "asked to end it | ben | stop",
  ],
  [
    { kind: "cancel_requested", mode: "force", by: "ben", comment: "" },
    after("applying"),
    "asked to end it by force | ben",
  ],
  [{ kind: "queue_expired", message: "too long" }, after("canceled"), "waited too long |  | too long"],
  [
    { kind: "job_canceled", phase: "plan", isForced: false, counts: null, resourcesInFlight: [] },
    after("canceled"),
    "the plan was canceled | vm-7",
  ],
])("%j is told", (event, run, text) => {
  const { title, actor, comment } = tellMove(run, event, "vm-7");
  expect([title, actor, comment].join(" | ").replace(/( \| )+$/, "")).toBe(text);
});
