import type { Act, Schedule, ScheduleStep } from "./schedule.ts";
import type { Save } from "./terraform.ts";

const calm = (act: Act): ScheduleStep => ({ act, fates: [], write: undefined, turns: undefined });

const story = (...acts: readonly Act[]): Schedule => ({
  ...{ seed: 1, concurrency: 1, begins: "applying", hasQuickPlans: true, manners: ["ignores"], lastSaves: ["next"] },
  steps: acts.map(calm),
});

const saves = (process: number): Act => ({ kind: "work", process, lines: 1, saves: "next" });
const writes = (saves: Save): Act => ({ kind: "work", process: 0, lines: 1, saves });
const moment: Act = { kind: "tick", ms: 2_500 };

/** An apply that takes no notice of its interrupt goes on when its agent is started again, and the cancel is told again. */
export const cancelToldTwice = story(
  { kind: "cancel", run: 0 },
  { kind: "agent dies", agent: 0, isNoticed: true, isMachine: false, isTorn: false },
  { kind: "agent starts", agent: 0 },
  { kind: "beat" },
  { kind: "beat" },
);

/**
 * An agent is cut off in an apply, a person unlocks the workspace, another run is applied there, and the first agent
 * comes back with a state of the same lineage that is older than the one there is.
 */
export const lateState = story(
  ...[saves(0), moment, { kind: "road closes", agent: 0 } as const, saves(0), { kind: "new run" } as const],
  ...[{ kind: "expire", ms: 601_000 } as const, { kind: "resolve", how: "unlock" } as const],
  ...[{ kind: "beat" } as const, { kind: "offer" } as const, { kind: "offer" } as const],
  ...[saves(1), moment, saves(1), moment, saves(1), moment, { kind: "road opens", agent: 0 } as const],
  ...[{ kind: "beat" } as const, { kind: "beat" } as const],
);

/** Terraform writes a state, and ends with another one of the same serial. */
export const serialStays: Schedule = {
  ...story(writes("next"), moment, { kind: "end", process: 0, how: "ok" }, moment),
  lastSaves: ["stays"],
};

/** A snapshot is held up on its way, and arrives when a later state of the same serial is stored already. */
export const lateSnapshot: Schedule = {
  ...story(),
  steps: [
    { ...calm(writes("next")), fates: Array.from({ length: 8 }, () => "late" as const) },
    ...[writes("stays"), moment, moment, { kind: "end", process: 0, how: "ok" } as const, moment].map(calm),
  ],
};

/** The second run makes something and ends, byte for byte, in the state that it was given. */
export const stateReturns: Schedule = {
  ...story(
    ...[
      { kind: "end", process: 0, how: "ok" } as const,
      moment,
      { kind: "new run" } as const,
      { kind: "offer" } as const,
    ],
    ...[{ kind: "offer" } as const, { kind: "end", process: 0, how: "ok" } as const, moment],
  ),
  lastSaves: ["next", "next", "next", "back", "back", "back"],
};

/** A saved plan is offered before another run's last state comes, its agent hears of it afterwards, and it is confirmed. */
export const movedBase = story(
  ...[{ kind: "road closes", agent: 1 } as const, { kind: "save plan" } as const, { kind: "offer" } as const],
  ...[{ kind: "end", process: 0, how: "ok" } as const, moment, moment, { kind: "road opens", agent: 1 } as const],
  ...[{ kind: "beat" } as const, { kind: "beat" } as const, { kind: "confirm", run: 0 } as const],
  ...[{ kind: "offer" } as const, { kind: "beat" } as const],
);
