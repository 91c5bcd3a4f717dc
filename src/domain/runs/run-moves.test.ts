import { describe, expect, test } from "vitest";
import { plainOptions } from "../../../test/support/rows.ts";
import { run } from "../../../test/support/store/rows.ts";
import { withoutTexts } from "./listed-run.ts";
import type { KeptLost, Lost } from "./lost.ts";
import { isFinal, isQueued, moveRun, phaseOf, type Run, type RunEvent, type RunStatus, statusText } from "./run.ts";

const createdAt = new Date("2026-01-01T00:00:00Z");
const now = new Date("2026-01-01T01:00:00Z");
const counts = { add: 1, change: 0, destroy: 0, import: 0 };

const statuses: readonly RunStatus[] = [
  ...(["pending", "plan_queued", "planning", "planned", "planned_and_finished", "apply_queued", "applying"] as const),
  ...(["applied", "discarded", "errored", "canceled", "force_canceled"] as const),
];
const phases = ["plan", "apply"] as const;
const events: readonly RunEvent[] = [
  { kind: "workspace_acquired" },
  ...phases.map((phase) => ({ kind: "job_started", phase }) as const),
  ...phases.map((phase) => ({ kind: "job_requeued", phase }) as const),
  ...[true, false].map((hasChanges) => ({ kind: "plan_finished", hasChanges, counts }) as const),
  { kind: "confirmed", by: "ana", comment: "" },
  { kind: "discarded", by: "ana", comment: "" },
  { kind: "apply_finished", counts },
  ...phases.map((phase) => ({ kind: "job_errored", phase, message: "no", counts, resourcesInFlight: [] }) as const),
  ...phases.flatMap((phase) =>
    [true, false].map(
      (isForced) => ({ kind: "job_canceled", phase, isForced, counts, resourcesInFlight: [] }) as const,
    ),
  ),
  { kind: "apply_not_started", message: "no disk" },
  { kind: "apply_interrupted", message: "lost", resourcesInFlight: [] },
  ...(["cancel", "force"] as const).map(
    (mode) => ({ kind: "cancel_requested", mode, by: "ben", comment: "" }) as const,
  ),
  { kind: "queue_expired", message: "too long" },
];
const planFiles = { planFilesSha256: "f".repeat(64), planFilesBytes: 9, planFilesBlobKey: "f", planLockFile: "x" };

/** Every move that is possible, of runs of every kind. */
const moves = [{}, { isPlanOnly: true }, { isAutoApply: true }, { isRefreshOnly: true }].flatMap((options) =>
  [null, createdAt].flatMap((cancelRequestedAt) =>
    statuses.flatMap((status) =>
      events.flatMap((event) => {
        const before = run({
          ...{ status, statusAt: createdAt, version: 7, cancelRequestedAt, ...planFiles },
          ...{ options: { ...plainOptions, ...options }, endedAt: isFinal(status) ? createdAt : null },
        });
        const move = moveRun(before, event, now);
        return move.kind === "moved" ? [{ before, event, after: move.run, effects: move.effects }] : [];
      }),
    ),
  ),
);

describe("every move of a run", () => {
  test("makes its version one higher, so that readers and the timeline know the order", () => {
    expect(moves.length).toBeGreaterThan(100);
    for (const { after, event, before } of moves)
      expect([before.status, event, after.version]).toEqual([before.status, event, 8]);
  });

  test("that changes the status says when, and one that does not leaves that alone", () => {
    for (const { before, after, event } of moves) {
      // What asks a job to end changes nothing yet: its end does.
      const isMoved = before.status !== after.status;
      expect([event, after.statusAt]).toEqual([event, isMoved ? now : createdAt]);
    }
  });

  test("ends it exactly if its status is a final one, and takes with it what was kept for its apply", () => {
    for (const { after, event } of moves) {
      const hasEnded = isFinal(after.status);
      expect([event, after.endedAt]).toEqual([event, hasEnded ? now : null]);
      expect([event, after.planFilesBlobKey, after.planLockFile]).toEqual([
        event,
        ...(hasEnded ? [null, null] : ["f", "x"]),
      ]);
    }
  });

  test("that ends it frees its workspace once at most, and none that does not end it frees it", () => {
    for (const { before, after, event, effects } of moves) {
      const released = effects.filter(({ kind }) => kind === "release_workspace").length;
      expect([event, released]).toEqual([event, isFinal(after.status) ? Math.min(released, 1) : 0]);
      if (before.options.isPlanOnly || before.status === "pending") expect([event, released]).toEqual([event, 0]);
    }
  });

  test("queues a job of the phase that the run then waits for, and of no other", () => {
    for (const { after, event, effects } of moves)
      for (const effect of effects)
        if (effect.kind === "queue_job") expect([event, phaseOf(after.status)]).toEqual([event, effect.phase]);
  });

  test("keeps what the run is: its options, its workspace and who made it", () => {
    for (const { before, after } of moves) {
      for (const field of [
        "id",
        "organizationId",
        "workspaceId",
        "configurationId",
        "options",
        "createdBy",
        "createdAt",
      ] as const)
        expect(after[field]).toEqual(before[field]);
    }
  });
});

test("a run that has ended never moves again", () => {
  for (const status of statuses.filter(isFinal))
    for (const event of events)
      expect([status, event, moveRun(run({ status }), event, now).kind]).toEqual([status, event, "refused"]);
});

test("a second request to end keeps who asked first, and when", () => {
  const ask = (before: Run, by: string, at: Date) => {
    const move = moveRun(before, { kind: "cancel_requested", mode: "cancel", by, comment: "" }, at);
    if (move.kind !== "moved") throw new Error(move.why);
    return move.run;
  };
  const first = ask(run({ status: "planning" }), "ana", createdAt);
  expect(ask(first, "ben", now)).toMatchObject({
    canceledBy: "ana",
    cancelRequestedAt: createdAt,
    version: first.version + 1,
  });
});

test.each<readonly [RunStatus, "plan" | "apply" | null, boolean, string]>([
  ["pending", null, true, "pending"],
  ["plan_queued", "plan", true, "plan queued"],
  ["planning", "plan", false, "planning"],
  ["planned", null, false, "planned"],
  ["planned_and_finished", null, false, "planned and finished"],
  ["apply_queued", "apply", true, "apply queued"],
  ["applying", "apply", false, "applying"],
  ["applied", null, false, "applied"],
  ["force_canceled", null, false, "force-canceled"],
])("%s speaks of the phase %s, waits in a queue: %s, and is told as %j", (status, phase, waits, text) => {
  expect([phaseOf(status), isQueued(status), statusText(status)]).toEqual([phase, waits, text]);
});

describe("what a good apply has done", () => {
  const applied = (
    plannedChanges: Run["plannedChanges"],
    own: Partial<typeof counts & { forget: number; drift: number }>,
    isRefreshOnly = false,
  ) => {
    const before = run({ status: "applying", plannedChanges, options: { ...plainOptions, isRefreshOnly } });
    const move = moveRun(before, { kind: "apply_finished", counts: { ...counts, ...own } }, now);
    return move.kind === "moved" ? move.run.appliedChanges : undefined;
  };

  test("moves come from the plan, and what was forgotten from whoever counted more", () => {
    expect(applied({ ...counts, move: 3, forget: 2 }, {})).toMatchObject({ add: 1, move: 3, forget: 2 });
    expect(applied({ ...counts, forget: 2 }, { forget: 5 })).toMatchObject({ move: 0, forget: 5 });
    expect(applied(null, {})).toMatchObject({ move: 0, forget: 0 });
    expect(applied({ ...counts }, {})).toMatchObject({ move: 0, forget: 0 });
  });

  test("drift that a refresh-only run accepted comes from its plan", () => {
    expect(applied({ ...counts, drift: 4 }, {}, true)?.drift).toBe(4);
    expect(applied(null, { drift: 1 }, true)?.drift).toBe(0);
    expect(applied({ ...counts, drift: 4 }, { drift: 1 })?.drift).toBe(1);
  });
});

describe("a run in a list", () => {
  const one: KeptLost = {
    ...{ address: "t.a", action: "create", provider: "t", idKey: "id", id: "1", finishedAt: "" },
    ...{ held: "absent", isHidden: false },
  };
  const whole = run({
    resourcesInFlight: ["t.a", "t.b"],
    lost: { resources: [one, { ...one, address: "t.b" }], count: 2 } satisfies Lost,
    options: {
      ...plainOptions,
      ...{ targets: ["t.a", "t.b"], replacements: ["t.c"], excludes: ["t.d"] },
      variables: [{ key: "secret-name", value: "x".repeat(99), isHcl: true }],
    },
  });

  test("has the first of what can be many, and how many texts there are, without them", () => {
    const short = withoutTexts(whole);
    expect(short.resourcesInFlight).toEqual(["t.a"]);
    expect(short.lost).toEqual({ resources: [one], count: 2 });
    expect(short.options).toMatchObject({
      ...{ targets: ["", ""], replacements: [""], excludes: [""] },
      variables: [{ key: "", value: "", isHcl: true }],
    });
    expect(JSON.stringify(short)).not.toMatch(/t\.[bcd]|secret-name|xxx/);
  });

  test("of an older version, without excludes, has none", () => {
    const { excludes: _none, ...older } = whole.options;
    expect(withoutTexts({ ...whole, lost: null, options: older })).toMatchObject({
      lost: null,
      options: { excludes: [] },
    });
  });
});
