import { type ChangeCounts, type Run, RunState } from "../../../src/gen/windlass/v1/run_pb.ts";
import type { Tone } from "../ui/status-badge.tsx";

export interface StateWords {
  readonly text: string;
  readonly tone: Tone;
  /** As the command line client writes it. */
  readonly flag: string;
}

const words: Readonly<Record<RunState, StateWords>> = {
  [RunState.UNSPECIFIED]: { text: "Unknown", tone: "quiet", flag: "" },
  [RunState.PENDING]: { text: "Pending", tone: "quiet", flag: "pending" },
  [RunState.PLAN_QUEUED]: { text: "Plan queued", tone: "quiet", flag: "plan-queued" },
  [RunState.PLANNING]: { text: "Planning", tone: "busy", flag: "planning" },
  [RunState.PLANNED]: { text: "Needs confirmation", tone: "wait", flag: "planned" },
  [RunState.PLANNED_AND_FINISHED]: { text: "Planned", tone: "good", flag: "planned-and-finished" },
  [RunState.CONFIRMED]: { text: "Confirmed", tone: "busy", flag: "" },
  [RunState.APPLY_QUEUED]: { text: "Apply queued", tone: "quiet", flag: "apply-queued" },
  [RunState.APPLYING]: { text: "Applying", tone: "busy", flag: "applying" },
  [RunState.APPLIED]: { text: "Applied", tone: "good", flag: "applied" },
  [RunState.DISCARDED]: { text: "Discarded", tone: "quiet", flag: "discarded" },
  [RunState.ERRORED]: { text: "Failed", tone: "bad", flag: "errored" },
  [RunState.CANCELED]: { text: "Canceled", tone: "quiet", flag: "canceled" },
  [RunState.FORCE_CANCELED]: { text: "Ended by force", tone: "bad", flag: "force-canceled" },
};

/** A state as people read it. */
export const runStateWords = (state: RunState): StateWords => words[state] ?? words[RunState.UNSPECIFIED];

/** Every state that a filter offers, in the order of a run's life. */
export const filterableStates: readonly RunState[] = Object.values(RunState).filter(
  (state) => runStateWords(state).flag !== "",
);

const finalStates: ReadonlySet<RunState> = new Set([
  RunState.PLANNED_AND_FINISHED,
  RunState.APPLIED,
  RunState.DISCARDED,
  RunState.ERRORED,
  RunState.CANCELED,
  RunState.FORCE_CANCELED,
]);

export const hasEnded = ({ state }: Pick<Run, "state">): boolean => finalStates.has(state);

/** `+2 ~1 −0`, and what else there is: `2 to import`. */
export function countsText(counts: ChangeCounts | undefined): string {
  if (counts === undefined) return "";
  const others = [
    [counts.imported, "import"],
    [counts.moved, "move"],
    [counts.forget, "forget"],
    [counts.drift, "drift"],
  ] as const;
  const more = others.filter(([count]) => count > 0).map(([count, word]) => `${count} ${word}`);
  return [`+${counts.add} ~${counts.change} −${counts.destroy}`, ...more].join(" ");
}
