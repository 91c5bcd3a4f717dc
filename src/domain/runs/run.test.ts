import { describe, expect, test } from "vitest";
import { plainOptions } from "../../../test/support/rows.ts";
import { run } from "../../../test/support/store/rows.ts";
import { isFinal, mayReprioritize, moveRun, type Run, type RunEvent, type RunStatus } from "./run.ts";

const now = new Date("2026-01-01T00:00:00Z");
const none = { add: 0, change: 0, destroy: 0, import: 0 };
const one = { ...none, add: 1 };

const options = plainOptions;

const runIn = (status: RunStatus, change: Partial<Run> = {}): Run =>
  run({ status, options, createdBy: "ana", createdAt: now, statusAt: now, ...change });

const statuses: readonly RunStatus[] = [
  "pending",
  "plan_queued",
  "planning",
  "planned",
  "planned_and_finished",
  "apply_queued",
  "applying",
  "applied",
  "discarded",
  "errored",
  "canceled",
  "force_canceled",
];

const events: Readonly<Record<string, RunEvent>> = {
  "workspace acquired": { kind: "workspace_acquired" },
  "plan started": { kind: "job_started", phase: "plan" },
  "plan requeued": { kind: "job_requeued", phase: "plan" },
  "plan found changes": { kind: "plan_finished", hasChanges: true, counts: one },
  "plan denied": { kind: "plan_finished", hasChanges: true, counts: one, deniedBy: "post-plan.d/cost" },
  "plan found nothing": { kind: "plan_finished", hasChanges: false, counts: none },
  "plan errored": { kind: "job_errored", phase: "plan", message: "no", counts: null, resourcesInFlight: [] },
  "plan canceled": { kind: "job_canceled", phase: "plan", isForced: false, counts: null, resourcesInFlight: [] },
  "plan forced": { kind: "job_canceled", phase: "plan", isForced: true, counts: null, resourcesInFlight: [] },
  confirmed: { kind: "confirmed", by: "ana", comment: "" },
  discarded: { kind: "discarded", by: "ana", comment: "" },
  "plan outdated": { kind: "plan_outdated", message: "stale" },
  "apply started": { kind: "job_started", phase: "apply" },
  "apply requeued": { kind: "job_requeued", phase: "apply" },
  "apply finished": { kind: "apply_finished", counts: one },
  "apply errored": { kind: "job_errored", phase: "apply", message: "no", counts: one, resourcesInFlight: [] },
  "apply canceled": { kind: "job_canceled", phase: "apply", isForced: false, counts: none, resourcesInFlight: [] },
  "apply forced": { kind: "job_canceled", phase: "apply", isForced: true, counts: none, resourcesInFlight: ["a.b"] },
  "apply not started": { kind: "apply_not_started", message: "terraform init failed" },
  "apply interrupted": { kind: "apply_interrupted", message: "lost", resourcesInFlight: ["a.b"] },
  "cancel requested": { kind: "cancel_requested", mode: "cancel", by: "ben", comment: "" },
  "force requested": { kind: "cancel_requested", mode: "force", by: "cid", comment: "" },
  "queue expired": { kind: "queue_expired", message: "too long" },
};

function diagram(change: Partial<Run>): string {
  const lines = statuses.flatMap((status) =>
    Object.entries(events).flatMap(([name, event]) => {
      const move = moveRun(runIn(status, change), event, now);
      if (move.kind === "refused") return [];
      const effects = move.effects.map((effect) =>
        effect.kind === "queue_job" || effect.kind === "cancel_job"
          ? `${effect.kind} ${effect.phase}`
          : effect.kind.replace("_workspace", ""),
      );
      return [`${status} + ${name} -> ${[move.run.status, ...effects].join(", ")}`];
    }),
  );
  return `\n${lines.join("\n")}\n`;
}

describe("every legal move of a run; what is not listed is refused", () => {
  test("a run that waits for a person", () => {
    expect(diagram({ decidedBy: "ana" })).toMatchInlineSnapshot(`
      "
      pending + workspace acquired -> plan_queued, queue_job plan
      pending + cancel requested -> canceled
      pending + force requested -> canceled
      pending + queue expired -> canceled
      plan_queued + plan started -> planning
      plan_queued + plan errored -> errored, release
      plan_queued + plan canceled -> canceled, release
      plan_queued + plan forced -> force_canceled, release
      plan_queued + cancel requested -> plan_queued, cancel_job plan
      plan_queued + force requested -> plan_queued, cancel_job plan
      plan_queued + queue expired -> plan_queued, cancel_job plan
      planning + plan requeued -> plan_queued
      planning + plan found changes -> planned
      planning + plan denied -> planned
      planning + plan found nothing -> planned_and_finished, release
      planning + plan errored -> errored, release
      planning + plan canceled -> canceled, release
      planning + plan forced -> force_canceled, release
      planning + cancel requested -> planning, cancel_job plan
      planning + force requested -> planning, cancel_job plan
      planned + confirmed -> apply_queued, queue_job apply
      planned + discarded -> discarded, release
      planned + cancel requested -> canceled, release
      planned + force requested -> canceled, release
      apply_queued + apply started -> applying
      apply_queued + apply errored -> errored, release
      apply_queued + apply canceled -> canceled, release
      apply_queued + apply forced -> force_canceled, release
      apply_queued + apply not started -> planned
      apply_queued + cancel requested -> apply_queued, cancel_job apply
      apply_queued + force requested -> apply_queued, cancel_job apply
      apply_queued + queue expired -> apply_queued, cancel_job apply
      applying + apply finished -> applied, release
      applying + apply errored -> errored, release
      applying + apply canceled -> canceled, release
      applying + apply forced -> force_canceled, release
      applying + apply not started -> planned
      applying + apply interrupted -> errored
      applying + cancel requested -> applying, cancel_job apply
      applying + force requested -> applying, cancel_job apply
      "
    `);
  });

  test("a saved plan: takes the workspace when it is confirmed", () => {
    expect(
      diagram({ decidedBy: "ana", options: { ...options, isSavedPlan: true, isAutoApply: true } }),
    ).toMatchInlineSnapshot(`
      "
      pending + workspace acquired -> plan_queued, queue_job plan
      pending + cancel requested -> canceled
      pending + force requested -> canceled
      pending + queue expired -> canceled
      plan_queued + plan started -> planning
      plan_queued + plan errored -> errored
      plan_queued + plan canceled -> canceled
      plan_queued + plan forced -> force_canceled
      plan_queued + cancel requested -> plan_queued, cancel_job plan
      plan_queued + force requested -> plan_queued, cancel_job plan
      plan_queued + queue expired -> plan_queued, cancel_job plan
      planning + plan requeued -> plan_queued
      planning + plan found changes -> planned
      planning + plan denied -> planned
      planning + plan found nothing -> planned_and_finished
      planning + plan errored -> errored
      planning + plan canceled -> canceled
      planning + plan forced -> force_canceled
      planning + cancel requested -> planning, cancel_job plan
      planning + force requested -> planning, cancel_job plan
      planned + confirmed -> apply_queued, take, queue_job apply
      planned + discarded -> discarded
      planned + plan outdated -> discarded
      planned + cancel requested -> canceled
      planned + force requested -> canceled
      apply_queued + apply started -> applying
      apply_queued + apply errored -> errored, release
      apply_queued + apply canceled -> canceled, release
      apply_queued + apply forced -> force_canceled, release
      apply_queued + apply not started -> planned, release
      apply_queued + cancel requested -> apply_queued, cancel_job apply
      apply_queued + force requested -> apply_queued, cancel_job apply
      apply_queued + queue expired -> apply_queued, cancel_job apply
      applying + apply finished -> applied, release
      applying + apply errored -> errored, release
      applying + apply canceled -> canceled, release
      applying + apply forced -> force_canceled, release
      applying + apply not started -> planned, release
      applying + apply interrupted -> errored
      applying + cancel requested -> applying, cancel_job apply
      applying + force requested -> applying, cancel_job apply
      "
    `);
  });

  test("plan-only: never takes or releases the workspace", () => {
    expect(diagram({ options: { ...options, isPlanOnly: true } })).toMatchInlineSnapshot(`
      "
      pending + workspace acquired -> plan_queued, queue_job plan
      pending + cancel requested -> canceled
      pending + force requested -> canceled
      pending + queue expired -> canceled
      plan_queued + plan started -> planning
      plan_queued + plan errored -> errored
      plan_queued + plan canceled -> canceled
      plan_queued + plan forced -> force_canceled
      plan_queued + cancel requested -> plan_queued, cancel_job plan
      plan_queued + force requested -> plan_queued, cancel_job plan
      plan_queued + queue expired -> plan_queued, cancel_job plan
      planning + plan requeued -> plan_queued
      planning + plan found changes -> planned_and_finished
      planning + plan denied -> planned_and_finished
      planning + plan found nothing -> planned_and_finished
      planning + plan errored -> errored
      planning + plan canceled -> canceled
      planning + plan forced -> force_canceled
      planning + cancel requested -> planning, cancel_job plan
      planning + force requested -> planning, cancel_job plan
      planned + confirmed -> apply_queued, queue_job apply
      planned + discarded -> discarded
      planned + cancel requested -> canceled
      planned + force requested -> canceled
      apply_queued + apply started -> applying
      apply_queued + apply errored -> errored
      apply_queued + apply canceled -> canceled
      apply_queued + apply forced -> force_canceled
      apply_queued + apply not started -> errored
      apply_queued + cancel requested -> apply_queued, cancel_job apply
      apply_queued + force requested -> apply_queued, cancel_job apply
      apply_queued + queue expired -> apply_queued, cancel_job apply
      applying + apply finished -> applied
      applying + apply errored -> errored
      applying + apply canceled -> canceled
      applying + apply forced -> force_canceled
      applying + apply not started -> errored
      applying + apply interrupted -> errored
      applying + cancel requested -> applying, cancel_job apply
      applying + force requested -> applying, cancel_job apply
      "
    `);
  });

  test("auto-apply: changes go on to the apply", () => {
    const move = moveRun(
      runIn("planning", { options: { ...options, isAutoApply: true } }),
      events["plan found changes"] as RunEvent,
      now,
    );
    expect(move).toMatchObject({
      kind: "moved",
      run: { status: "apply_queued" },
      effects: [{ kind: "queue_job", phase: "apply" }],
    });
  });

  test("allow-empty-apply: a plan without changes waits for a person too", () => {
    const move = moveRun(
      runIn("planning", { options: { ...options, allowsEmptyApply: true } }),
      events["plan found nothing"] as RunEvent,
      now,
    );
    expect(move).toMatchObject({ kind: "moved", run: { status: "planned" } });
  });

  test("a plan that ends after a cancel was asked for is not offered for confirmation", () => {
    const move = moveRun(runIn("planning", { cancelRequestedAt: now }), events["plan found changes"] as RunEvent, now);
    expect(move).toMatchObject({
      kind: "moved",
      run: { status: "canceled" },
      effects: [{ kind: "release_workspace" }],
    });
  });
});

test("a final run never moves again", () => {
  for (const status of statuses.filter(isFinal)) {
    for (const event of Object.values(events)) expect(moveRun(runIn(status), event, now).kind).toBe("refused");
  }
});

describe("an apply that was not started", () => {
  const fail = (change: Partial<Run>) =>
    moveRun(runIn("applying", change), events["apply not started"] as RunEvent, now);

  test("waits to be confirmed again when somebody has confirmed it, with its plan and its workspace", () => {
    const confirmed = { decidedBy: "ana", decidedAt: now, decisionComment: "ok", planSha256: "ab" };
    expect(fail(confirmed)).toMatchObject({
      run: {
        status: "planned",
        planSha256: "ab",
        ...{ decidedBy: "", decidedAt: null, decisionComment: "" },
        errorMessage: "the apply did not start, and nothing was changed: terraform init failed",
      },
      effects: [],
    });
  });

  test("ends in error when nobody has looked at its plan, and the workspace is free", () => {
    expect(fail({ options: { ...options, isAutoApply: true } })).toMatchObject({
      run: { status: "errored", errorMessage: expect.stringContaining("the apply did not start") },
      effects: [{ kind: "release_workspace" }],
    });
  });

  test("ends canceled when it was asked to end", () => {
    expect(fail({ decidedBy: "ana", cancelRequestedAt: now })).toMatchObject({
      run: { status: "canceled" },
      effects: [{ kind: "release_workspace" }],
    });
  });

  test("is applied once it is confirmed again, and its error is forgotten", () => {
    const again = moveRun(
      runIn("planned", { errorMessage: "the apply did not start" }),
      events.confirmed as RunEvent,
      now,
    );
    expect(again).toMatchObject({
      run: { status: "apply_queued", errorMessage: "", decidedBy: "ana" },
      effects: [{ kind: "queue_job", phase: "apply" }],
    });
  });
});

test.each(["apply errored", "apply canceled", "apply forced"])(
  "%s: the workspace is kept if something that was made is in no state",
  (name) => {
    const one = {
      address: "t.a",
      action: "create",
      provider: "t",
      idKey: "id",
      id: "1",
      finishedAt: "",
      isHidden: false,
    };
    const held = { resources: [{ ...one, held: "absent" as const }], count: 1 };
    const gone = { resources: [{ ...one, action: "delete", held: "present" as const }], count: 1 };
    const moved = [null, gone, held].map((lost) => {
      const move = moveRun(runIn("applying"), { ...events[name], lost } as RunEvent, now);
      if (move.kind !== "moved") throw new Error(move.why);
      const { run, effects } = move;
      return {
        lost: run.lost,
        effects: effects.map(({ kind }) => kind),
        isTold: run.errorMessage.includes(`windlass run lost ${run.id}`),
      };
    });
    expect(moved).toEqual([
      { lost: null, effects: ["release_workspace"], isTold: false },
      { lost: gone, effects: ["release_workspace"], isTold: false },
      { lost: held, effects: [], isTold: true },
    ]);
  },
);

test("an interrupted apply keeps the workspace: its outcome is unknown", () => {
  const move = moveRun(runIn("applying"), events["apply interrupted"] as RunEvent, now);
  expect(move).toMatchObject({ kind: "moved", run: { status: "errored", resourcesInFlight: ["a.b"] }, effects: [] });
});

test("who asked first to end a run is kept, also when somebody forces it", () => {
  const asked = moveRun(runIn("applying"), events["cancel requested"] as RunEvent, now);
  if (asked.kind !== "moved") throw new Error(asked.why);
  const forced = moveRun(asked.run, events["force requested"] as RunEvent, now);
  expect(forced).toMatchObject({ kind: "moved", run: { canceledBy: "ben" } });
});

test("what waits can be made more or less urgent, and nothing else", () => {
  expect(statuses.filter(mayReprioritize)).toEqual(["pending", "plan_queued", "planned", "apply_queued"]);
});

test("after a good apply moves, what was forgotten and accepted drift are those of the plan", () => {
  const planned = { ...one, forget: 2, move: 3, drift: 4 };
  const applied = (isRefreshOnly: boolean) => {
    const run = runIn("applying", { plannedChanges: planned });
    const asked = { ...run, options: { ...run.options, isRefreshOnly } };
    const move = moveRun(asked, { kind: "apply_finished", counts: { ...none, forget: 1, drift: 0 } }, now);
    return move.kind === "refused" ? undefined : move.run.appliedChanges;
  };
  expect(applied(false)).toEqual({ ...none, forget: 2, move: 3, drift: 0 });
  expect(applied(true)).toEqual({ ...none, forget: 2, move: 3, drift: 4 });
  const failed = moveRun(
    runIn("applying", { plannedChanges: planned }),
    { kind: "job_errored", phase: "apply", message: "no", counts: none, resourcesInFlight: [] },
    now,
  );
  expect(failed.kind === "refused" ? undefined : failed.run.appliedChanges).toEqual(none);
});
