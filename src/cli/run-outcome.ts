import { type Run, RunState } from "../gen/windlass/v1/run_pb.ts";
import type { Context } from "./context.ts";
import { type ExitCode, exitCodes } from "./exit.ts";
import { CliError, type Hint } from "./problem.ts";
import { factsOf } from "./run-states.ts";
import { changesText, waitingText } from "./run-view.ts";

/** The exit code of a run that has ended; a bad end is thrown, with what to do. `isDetailed` is `--detailed-exitcode`. */
export function outcome(context: Context, run: Run, isDetailed: boolean): ExitCode {
  const { kind, text } = factsOf(run.state);
  if (kind === "well") return isDetailed && run.hasChanges ? exitCodes.usage : exitCodes.done;
  const { errorMessage, resourcesInFlight } = run;
  const why = errorMessage === "" ? "" : `: ${errorMessage}`;
  const inFlight = resourcesInFlight.length === 0 ? "" : `; in flight were ${resourcesInFlight.join(", ")}`;
  const exit = isDetailed ? "failed" : "runFailed";
  const resolve = { label: "Decide", command: context.command(`run resolve ${run.id} accept-snapshot`) };
  throw new CliError(exit, `run ${run.id} ended ${text}${why}${inFlight}`, {
    code: "RUN_FAILED",
    metadata: { run_id: run.id, state: stateName(run.state) },
    hints: [
      { label: "See it", command: context.command(`run get ${run.id}`) },
      { label: "Read its log", command: context.command(`run logs ${run.id}`) },
      inFlight === "" ? { label: "Try again", command: again(context, run) } : resolve,
    ],
  });
}

const again = (context: Context, { id }: Run): string => context.command(`run retry ${id}`);

const stateName = (state: RunState): string =>
  Object.entries(RunState).find(([, value]) => value === state)?.[0] ?? String(state);

/** The next steps for a plan that waits for a person. */
export const decisionHints = (context: Context, { id }: Run): readonly Hint[] => [
  { label: "Confirm", command: context.command(`run confirm ${id}`) },
  { label: "Discard", command: context.command(`run discard ${id}`) },
  { label: "Read it", command: context.command(`run plan ${id}`) },
];

/** The waiting for a run ended before the run did: exit code 8. */
export function stillWaiting(context: Context, run: Run): CliError {
  const isPlanned = run.state === RunState.PLANNED;
  const what = isPlanned ? `waits for confirmation (${changesText(run.plannedChanges)})` : waitsFor(run);
  const go = { label: "Follow it", command: context.command(`run watch ${run.id}`) };
  const end = { label: "End it", command: context.command(`run cancel ${run.id}`) };
  return new CliError("stillWaiting", `run ${run.id} ${what}`, {
    metadata: { run_id: run.id, state: stateName(run.state) },
    hints: isPlanned ? decisionHints(context, run) : [go, end],
  });
}

function waitsFor(run: Run): string {
  const why = waitingText(run.waiting);
  return `is ${factsOf(run.state).text}${why === "" ? "" : `: ${why}`}`;
}

/** Ctrl-C while a run was followed: the run goes on. */
export const interruptedRun = (context: Context, { id }: Run): CliError =>
  new CliError("interrupted", `run ${id} goes on`, {
    metadata: { run_id: id },
    hints: [
      { label: "Follow it", command: context.command(`run logs ${id} -f`) },
      { label: "Cancel it", command: context.command(`run cancel ${id}`) },
    ],
  });
