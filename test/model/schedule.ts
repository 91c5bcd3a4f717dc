import fc from "fast-check";
import type { WriteFault } from "./power.ts";
import type { Fate } from "./road.ts";
import type { Manner, Save } from "./terraform.ts";

/** One event of a schedule. Agents, runs and processes are named by a number, modulo how many there are. */
export type Act =
  | { readonly kind: "new run" }
  /** A new run that only saves its plan: it takes no workspace before it is confirmed. */
  | { readonly kind: "save plan" }
  | { readonly kind: "confirm"; readonly run: number }
  | { readonly kind: "discard"; readonly run: number }
  | { readonly kind: "offer" }
  | { readonly kind: "work"; readonly process: number; readonly lines: number; readonly saves: Save | "nothing" }
  | { readonly kind: "end"; readonly process: number; readonly how: "ok" | "fails" | "killed" }
  | { readonly kind: "tick"; readonly ms: number }
  | { readonly kind: "beat" }
  | { readonly kind: "cancel"; readonly run: number }
  | { readonly kind: "force"; readonly run: number }
  | { readonly kind: "resolve"; readonly how: "unlock" | "accept_snapshot" }
  | { readonly kind: "revoke"; readonly stopsJobs: boolean }
  | { readonly kind: "expire"; readonly ms: number }
  | {
      readonly kind: "agent dies";
      readonly agent: number;
      readonly isNoticed: boolean;
      readonly isMachine: boolean;
      readonly isTorn: boolean;
    }
  | { readonly kind: "agent starts"; readonly agent: number }
  | {
      readonly kind: "disk wiped";
      readonly agent: number;
      readonly keepsIncarnation: boolean;
      readonly endsPrograms: boolean;
    }
  | { readonly kind: "clone"; readonly of: number }
  | { readonly kind: "road closes"; readonly agent: number }
  | { readonly kind: "road opens"; readonly agent: number }
  | { readonly kind: "stream cut"; readonly agent: number }
  /** Somebody removes the agent's terraform, or puts it back: the agent notices when it looks, or when a job needs it. */
  | { readonly kind: "engine"; readonly agent: number; readonly isThere: boolean }
  | { readonly kind: "server dies" }
  | { readonly kind: "server starts" };

export interface ScheduleStep {
  readonly act: Act;
  /** What becomes of the messages and calls that follow, in their order; the rest is delivered. */
  readonly fates: readonly Fate[];
  /** Strikes a write of the control plane during this step. */
  readonly write: { readonly fault: WriteFault; readonly later: number } | undefined;
  /** The next step begins after so many turns of the event loop, or, undefined, once everything rests. */
  readonly turns: number | undefined;
}

export interface Schedule {
  /** For ids, jitter and back-off. */
  readonly seed: number;
  readonly concurrency: number;
  /**
   * Where it begins: with a run that waits for an agent, with its plan or its apply at work, or with an apply whose
   * agent is lost.
   */
  readonly begins: "queued" | "planning" | "applying" | "lost";
  /** A plan ends as soon as it is started. */
  readonly hasQuickPlans: boolean;
  /** Of terraform's processes, in turn. */
  readonly manners: readonly Manner[];
  /** How they write their state when they end by themselves, in turn. */
  readonly lastSaves: readonly Save[];
  readonly steps: readonly ScheduleStep[];
}

const few = fc.nat({ max: 3 });
const flag = fc.boolean();
const rarely = fc.oneof({ weight: 4, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) });
const weighted = <T>(rows: readonly (readonly [number, fc.Arbitrary<T>])[]): fc.Arbitrary<T> =>
  fc.oneof(...rows.map(([weight, arbitrary]) => ({ weight, arbitrary })));
const kind = <K extends string>(name: K): fc.Arbitrary<{ readonly kind: K }> => fc.constant({ kind: name });

const act: fc.Arbitrary<Act> = weighted<Act>([
  [3, kind("new run")],
  [2, kind("save plan")],
  [4, fc.record({ kind: fc.constant("confirm" as const), run: few })],
  [1, fc.record({ kind: fc.constant("discard" as const), run: few })],
  [12, kind("offer")],
  [
    8,
    fc.record({
      kind: fc.constant("work" as const),
      process: few,
      lines: weighted([
        [5, fc.integer({ min: 1, max: 3 })],
        [1, fc.constant(1200)],
      ]),
      saves: fc.constantFrom<Save | "nothing">("nothing", "nothing", "next", "next", "back", "stays"),
    }),
  ],
  [
    4,
    fc.record({ kind: fc.constant("end" as const), process: few, how: fc.constantFrom("ok", "ok", "fails", "killed") }),
  ],
  [5, fc.record({ kind: fc.constant("tick" as const), ms: fc.constantFrom(50, 500, 2_500, 6_000) })],
  [6, kind("beat")],
  [4, fc.record({ kind: fc.constant("cancel" as const), run: few })],
  [2, fc.record({ kind: fc.constant("force" as const), run: few })],
  [4, fc.record({ kind: fc.constant("resolve" as const), how: fc.constantFrom("unlock", "accept_snapshot") })],
  [1, fc.record({ kind: fc.constant("revoke" as const), stopsJobs: flag })],
  [
    6,
    fc.record({ kind: fc.constant("expire" as const), ms: fc.constantFrom(20_000, 61_000, 121_000, 601_000, 601_000) }),
  ],
  [
    6,
    fc.record({
      kind: fc.constant("agent dies" as const),
      agent: few,
      isNoticed: flag,
      isMachine: rarely,
      isTorn: rarely,
    }),
  ],
  [7, fc.record({ kind: fc.constant("agent starts" as const), agent: few })],
  [2, fc.record({ kind: fc.constant("disk wiped" as const), agent: few, keepsIncarnation: flag, endsPrograms: flag })],
  [1, fc.record({ kind: fc.constant("clone" as const), of: few })],
  [3, fc.record({ kind: fc.constant("road closes" as const), agent: few })],
  [3, fc.record({ kind: fc.constant("road opens" as const), agent: few })],
  [3, fc.record({ kind: fc.constant("stream cut" as const), agent: few })],
  [3, fc.record({ kind: fc.constant("engine" as const), agent: few, isThere: flag })],
  [3, kind("server dies")],
  [5, kind("server starts")],
]);

const fate: fc.Arbitrary<Fate> = weighted<Fate>([
  [24, fc.constant("deliver" as const)],
  [3, fc.constant("lose" as const)],
  [3, fc.constant("twice" as const)],
  [2, fc.constant("swap" as const)],
  [2, fc.constant("late" as const)],
  [1, fc.constant("cut" as const)],
  [1, fc.constantFrom("agent dies", "agent dies after", "server dies", "server dies after")],
]);

const step: fc.Arbitrary<ScheduleStep> = fc.record({
  act,
  fates: weighted<readonly Fate[]>([
    [2, fc.constant([])],
    [1, fc.array(fate, { minLength: 1, maxLength: 12 })],
  ]),
  write: weighted([
    [14, fc.constant(undefined)],
    [
      1,
      fc.record({
        fault: fc.constantFrom<WriteFault>("dies-before", "dies-after", "refused"),
        later: fc.nat({ max: 6 }),
      }),
    ],
  ]),
  turns: weighted([
    [3, fc.constant(undefined)],
    [1, fc.nat({ max: 12 })],
  ]),
});

/** Every schedule up to a length. Shrinks towards fewer events and fewer faults. */
export const schedules = (maxSteps: number): fc.Arbitrary<Schedule> =>
  fc.record({
    seed: fc.nat({ max: 0xffff }),
    concurrency: fc.integer({ min: 1, max: 2 }),
    begins: fc.constantFrom("queued", "planning", "applying", "applying", "lost"),
    hasQuickPlans: weighted([
      [3, fc.constant(true)],
      [1, fc.constant(false)],
    ]),
    manners: fc.array(fc.constantFrom<Manner>("obeys", "obeys", "ignores"), { minLength: 1, maxLength: 3 }),
    lastSaves: fc.array(fc.constantFrom<Save>("next", "next", "back", "stays"), { minLength: 1, maxLength: 5 }),
    steps: fc.array(step, { minLength: 1, maxLength: maxSteps, size: "max" }),
  });
