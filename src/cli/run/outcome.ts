import { type Run, RunState } from "../../gen/windlass/v1/run_pb.ts";
import { type ExitCode, exitCodes } from "../problems/exit.ts";
import { CliError, type Hint } from "../problems/problem.ts";
import type { Context } from "../server/context.ts";
import { Terminated } from "../terminal/io.ts";
import type { LogSink } from "./log.ts";
import { factsOf, isUnresolved } from "./states.ts";
import { inFlightTexts, plannedText, waitingText } from "./view.ts";

interface Ended {
  /** `--detailed-exitcode`. */
  readonly isDetailed: boolean;
  /** Where its logs were shown; undefined if none were. */
  readonly sink: LogSink | undefined;
}

/** The exit code of a run that has ended; a bad end is thrown, with what to do. */
export function outcome(context: Context, run: Run, { isDetailed, sink }: Ended): ExitCode {
  const { kind, text } = factsOf(run.state);
  if (kind === "well") return isDetailed && run.hasChanges ? exitCodes.usage : exitCodes.done;
  const { errorMessage } = run;
  const names = inFlightTexts(run);
  const why = errorMessage === "" || isTold(context, errorMessage, sink) ? "" : `: ${errorMessage}`;
  const inFlight = names.length === 0 || isUnresolved(run) ? "" : `; in flight were ${listed(names)}`;
  const exit = isDetailed ? "failed" : "runFailed";
  throw new CliError(exit, `run ${run.id} ended ${text}${why}${inFlight}`, {
    code: "RUN_FAILED",
    metadata: { run_id: run.id, state: stateName(run.state) },
    hints: [nextStep(context, run, sink !== undefined)],
  });
}

/** What to do about a bad end, where its log was shown or not. */
function nextStep(context: Context, run: Run, isShown: boolean): Hint {
  if (isUnresolved(run)) return resolveHint(context, run);
  if (hasLeftBehind(run)) return { label: "See what stays", command: context.command(`run plan ${run.id}`) };
  if (!isShown) return { label: "Read its log", command: context.command(`run logs ${run.id}`) };
  if (isRefusedByProgram(run))
    return { label: "Once that is mended", command: context.command(`run start ${run.workspace} --dir DIR`) };
  return { label: "Try again", command: context.command(`run retry ${run.id}`) };
}

/**
 * A complete destroy: OpenTofu ends it with 1 because it has forgotten something, which is counted of no other failed
 * apply.
 */
const hasLeftBehind = ({ options, apply, appliedChanges }: Run): boolean =>
  options?.destroy === true && apply?.exitCode === 1 && (appliedChanges?.forget ?? 0) > 0;

/** The program itself ended the plan in error: the same configuration, tried again, most often gives the same. */
const isRefusedByProgram = ({ state, plan, apply }: Run): boolean =>
  state === RunState.ERRORED && apply === undefined && plan?.exitCode === 1;

/** The agent ends a log with the reason: whoever sees both streams in one place has just read it. */
const isTold = ({ io, printer }: Context, errorMessage: string, sink: LogSink | undefined): boolean =>
  printer.isForPeople &&
  io.stdout.isTty === io.stderr.isTty &&
  sink?.hasTold(errorMessage.replace(/: see the log(?=$|\. )/, "")) === true;

const maxListed = 10;
const listed = (names: readonly string[]): string =>
  `${names.slice(0, maxListed).join(", ")}${names.length > maxListed ? ` and ${names.length - maxListed} more` : ""}`;

const stateName = (state: RunState): string =>
  Object.entries(RunState).find(([, value]) => value === state)?.[0] ?? String(state);

/** The only step for a run that has ended and still holds its workspace. */
export const resolveHint = (context: Pick<Context, "command">, { id }: Pick<Run, "id">): Hint => ({
  label: "Decide",
  command: context.command(`run resolve ${id}`),
});

/** The next steps for a plan that waits for a person. */
export const decisionHints = (context: Context, { id, deniedBy }: Run): readonly Hint[] => [
  { label: deniedBy === "" ? "Confirm" : "Confirm it as an owner", command: context.command(`run confirm ${id}`) },
  { label: "Discard", command: context.command(`run discard ${id}`) },
  { label: "Read it", command: context.command(`run plan ${id}`) },
];

/** The waiting for a run ended before the run did: exit code 8. */
export function stillWaiting(context: Context, run: Run): CliError {
  const isPlanned = run.state === RunState.PLANNED;
  const what = isPlanned ? undecided(run) : waitsFor(run);
  const go = { label: "Follow it", command: context.command(`run watch ${run.id}`) };
  const end = { label: "End it", command: context.command(`run cancel ${run.id}`) };
  return new CliError("stillWaiting", `run ${run.id} ${what}`, {
    metadata: { run_id: run.id, state: stateName(run.state) },
    hints: isPlanned ? decisionHints(context, run) : [go, end],
  });
}

/** A plan that a hook has denied is not like any other. */
function undecided(run: Run): string {
  const { deniedBy } = run;
  return deniedBy === ""
    ? `waits for confirmation (${plannedText(run)})`
    : `waits for an owner to confirm it (${plannedText(run)}): the hook ${deniedBy} has denied the plan`;
}

function waitsFor(run: Run): string {
  const why = waitingText(run.waiting);
  return `is ${factsOf(run.state).text}${why === "" ? "" : `: ${why}`}`;
}

/** Ctrl-C while a run was followed: the run goes on. */
export const interruptedRun = (context: Context, { id }: Run): CliError =>
  interrupted(context, id, "goes on", [
    { label: "Follow it", command: context.command(`run logs ${id} -f`) },
    { label: "Cancel it", command: context.command(`run cancel ${id}`) },
  ]);

/** The same where it is known how the run stands: one that waits for a person goes on waiting. */
export const interruptedAt = (context: Context, latest: Run): CliError =>
  latest.state === RunState.PLANNED
    ? interrupted(context, latest.id, undecided(latest), decisionHints(context, latest))
    : interruptedRun(context, latest);

function interrupted(context: Context, id: string, what: string, hints: readonly Hint[]): CliError {
  const code = context.io.signal.reason instanceof Terminated ? "terminated" : "interrupted";
  return new CliError(code, `Run ${id} ${what}`, { metadata: { run_id: id }, hints });
}
