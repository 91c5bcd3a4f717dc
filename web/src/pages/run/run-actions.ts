import { type Run, RunState } from "../../../../src/gen/windlass/v1/run_pb.ts";
import { dateOf, durationText } from "../../ui/format.ts";
import { callerName } from "../../words/caller.ts";
import { hasEnded, runStateWords } from "../../words/run-states.ts";

export type RunAction = "confirm" | "discard" | "cancel" | "force-cancel" | "retry" | "force-execute" | "resolve";

/** What can be done with a run; `reason` says why it cannot be done now. */
export interface OfferedAction {
  readonly action: RunAction;
  readonly reason: string | undefined;
}

const waitsForPlan: ReadonlySet<RunState> = new Set([RunState.PENDING, RunState.PLAN_QUEUED, RunState.PLANNING]);

function confirmReason(run: Run): string | undefined {
  if (run.confirmable) return undefined;
  if (waitsForPlan.has(run.state)) return "There is no plan yet";
  if (run.state === RunState.PLANNED) return run.waiting?.detail || "The plan is out of date";
  return `It is ${runStateWords(run.state).text.toLowerCase()}`;
}

function forceReason(run: Run, now: Date): string | undefined {
  const at = dateOf(run.forceCancelTime);
  if (at === undefined) return "Cancel it first: terraform is asked to stop by itself";
  if (at > now) return `Terraform still has ${durationText(at.getTime() - now.getTime())} to stop by itself`;
  return undefined;
}

/** The buttons of a run in its state: those that make sense, and why one of them is off. */
export function offeredActions(run: Run, now: Date): readonly OfferedAction[] {
  if (hasEnded(run))
    return [
      ...(run.waiting === undefined ? [] : [{ action: "resolve", reason: undefined } as const]),
      { action: "retry", reason: undefined },
    ];
  if (run.state === RunState.PLANNED) {
    return [
      { action: "confirm", reason: confirmReason(run) },
      { action: "discard", reason: undefined },
    ];
  }
  const isCanceling = dateOf(run.cancelRequestTime) !== undefined;
  const cancel = { action: "cancel", reason: isCanceling ? "It was asked to stop already" : undefined } as const;
  const force = { action: "force-cancel", reason: forceReason(run, now) } as const;
  if (run.state === RunState.PENDING) return [{ action: "force-execute", reason: undefined }, cancel];
  return [
    ...(waitsForPlan.has(run.state) ? [{ action: "confirm", reason: confirmReason(run) } as const] : []),
    cancel,
    ...(isCanceling ? [force] : []),
  ];
}

/** Why an action cannot be taken any more, that was offered when somebody began to decide about it. */
export function meanwhileReason(run: Run, action: RunAction, now: Date): string | undefined {
  const offered = offeredActions(run, now).find((one) => one.action === action);
  if (offered !== undefined) return offered.reason;
  // A plan that is made meanwhile is canceled too.
  if ((action === "cancel" || action === "force-cancel") && !hasEnded(run)) return undefined;
  if (action === "resolve") return "It is decided by now, or its agent has come back: Details says which.";
  const { text } = runStateWords(run.state);
  const decision = run.state === RunState.DISCARDED ? "discarded" : "confirmed";
  const who = run.decidedBy === "" ? "" : `: ${callerName(run.decidedBy)} has ${decision} it`;
  return `The run is ${text.toLowerCase()} by now${who}.`;
}
