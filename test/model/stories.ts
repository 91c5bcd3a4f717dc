import type { Act, Schedule, ScheduleStep } from "./schedule.ts";

const calm = (act: Act): ScheduleStep => ({ act, fates: [], write: undefined, turns: undefined });

const story = (...acts: readonly Act[]): Schedule => ({
  ...{ seed: 1, concurrency: 1, begins: "applying", hasQuickPlans: true, manners: ["ignores"] },
  steps: acts.map(calm),
});

const saves = (process: number): Act => ({ kind: "work", process, lines: 1, saves: true });
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
 * An agent is cut off in an apply, a person unlocks the workspace, another run is applied there, and the first agent comes back
 * with a state of the same lineage that is older than the one there is.
 */
export const lateState = story(
  ...[saves(0), moment, { kind: "road closes", agent: 0 } as const, saves(0), { kind: "new run" } as const],
  ...[{ kind: "expire", ms: 601_000 } as const, { kind: "resolve", how: "unlock" } as const],
  ...[{ kind: "beat" } as const, { kind: "offer" } as const, { kind: "offer" } as const],
  ...[saves(1), moment, saves(1), moment, saves(1), moment, { kind: "road opens", agent: 0 } as const],
  ...[{ kind: "beat" } as const, { kind: "beat" } as const],
);
