import { readArguments } from "../../lib/arguments.ts";
import { abortable, linkSignals } from "../../lib/async/abort.ts";
import { isOn, unknownVariables } from "../line/environment.ts";
import { shapesOf, watchFlag } from "../line/flags.ts";
import { globalFlags } from "../line/global-flags.ts";
import { type ExitCode, exitCodes } from "../problems/exit.ts";
import { withOneHint } from "../problems/one-hint.ts";
import { CliError, type Problem } from "../problems/problem.ts";
import { Context } from "../server/context.ts";
import { BrokenPipe, Interrupted, type Io, Terminated } from "../terminal/io.ts";
import { answersOf, remarksOf } from "../terminal/output.ts";
import { coloringIn } from "../terminal/terminal.ts";
import type { CompletionCandidate } from "./complete.ts";
import { type CommandRequest, parse, type Request, withHelp } from "./parse.ts";
import { withWholeIds } from "./whole-ids.ts";

/** Runs one command line and answers the exit code; every fault has been told on stderr. */
export async function main(io: Io): Promise<ExitCode> {
  if (io.args[0] === "__complete") return complete(io, ({ word }) => [word]);
  if (io.args[0] === "__describe") return complete(io, ({ word, about }) => (about === "" ? [word] : [word, about]));
  if (io.args.length === 1 && io.args[0] === "--version") return main({ ...io, args: ["version"] });
  let request: Request;
  try {
    request = await parse(io.args);
  } catch (error) {
    return fail(io, { error, isJson: looksLikeJson(io) });
  }
  if (request.kind === "help") return help(io, request);
  return execute(io, request);
}

async function execute(io: Io, request: CommandRequest): Promise<ExitCode> {
  let context: Context | undefined;
  try {
    context = new Context(io, request.globals, request.repeatable);
    if (request.command.flags.watch === watchFlag && request.input.flags.watch === true) {
      const { watchCommand } = await import("./watching.ts");
      return await watchCommand(io, request);
    }
    for (const warning of await unknownVariables(io.environment)) context.notes.warn(warning);
    const code = await untilLeft(io, act(context, request));
    context.notes.flush();
    return code;
  } catch (error) {
    return await fail(io, { error: withHelp(error, request.path), context, request, isJson: isJson(io, request) });
  } finally {
    context?.[Symbol.dispose]();
  }
}

/** What a command says about Ctrl-C comes within this time; one that does not hear it is left behind. */
const leavingMs = 1_000;

async function untilLeft<T>({ clock, signal }: Io, acting: Promise<T>): Promise<T> {
  using over = linkSignals();
  const left = abortable(new Promise<never>(() => {}), signal).catch(async (reason: unknown) => {
    await clock.sleep(leavingMs, over.signal);
    throw reason;
  });
  left.catch(() => {});
  acting.catch(() => {});
  try {
    return await Promise.race([acting, left]);
  } finally {
    over.abort();
  }
}

async function act(context: Context, { command, input }: CommandRequest): Promise<ExitCode> {
  await context.guard(command.guard(input.flags));
  return (await command.run(context, await withWholeIds(context, command, input))) ?? exitCodes.done;
}

async function help(io: Io, { path, isMistake }: Extract<Request, { kind: "help" }>): Promise<ExitCode> {
  const { helpLines } = await import("./help.ts");
  try {
    const output = (isMistake ? remarksOf : answersOf)(io, coloringIn(io.args));
    await output.lines(await helpLines(path, output.columns));
    return isMistake ? exitCodes.usage : exitCodes.done;
  } catch (error) {
    return fail(io, { error, isJson: false });
  }
}

async function complete(io: Io, cellsOf: (candidate: CompletionCandidate) => readonly string[]): Promise<ExitCode> {
  const { completions } = await import("./complete.ts");
  const found = await completions(io).catch(() => []);
  await answersOf(io, {}).rows(found.map(cellsOf));
  return exitCodes.done;
}

interface Failure {
  readonly error: unknown;
  readonly context?: Context | undefined;
  /** Undefined if the command line was not understood. */
  readonly request?: Extract<Request, { kind: "command" }> | undefined;
  readonly isJson: boolean;
}

async function fail(io: Io, { error, context, request, isJson: asJson }: Failure): Promise<ExitCode> {
  // What the person or the pipe did is the cause, whatever it made fail.
  const { reason } = io.signal;
  if (io.signal.aborted && reason instanceof BrokenPipe) return exitCodes.done;
  const remarks = remarksOf(io, coloringIn(io.args));
  context?.notes.gauge("");
  const end = io.signal.aborted ? reason : error;
  if (end instanceof Interrupted && !(error instanceof CliError)) {
    remarks.say([end instanceof Terminated ? "Terminated." : "Interrupted."]);
    return end instanceof Terminated ? exitCodes.terminated : exitCodes.interrupted;
  }
  const found = withOneHint(await problemOf(error, context, request), { path: request?.path ?? [], args: io.args });
  const problem: Problem = found.exit === "usage" && isDetailed(io) ? { ...found, exit: "failed" } : found;
  const { problemJson, problemLines } = await import("../terminal/report.ts");
  remarks.say(asJson ? [problemJson(problem)] : problemLines(problem, remarks));
  if (context?.notes.debug !== undefined && error instanceof Error) remarks.say(`${error.stack}`.split("\n"));
  return exitCodes[problem.exit];
}

/** As terraform does: with this flag 2 says that there are changes, and nothing else may. */
function isDetailed({ args }: Io): boolean {
  const name = "detailed-exitcode";
  const { given } = readArguments(args, { ...shapesOf(globalFlags), [name]: { isSwitch: true } });
  return (given.get(name) ?? []).some(isOn);
}

async function problemOf(error: unknown, context: Context | undefined, request: Failure["request"]): Promise<Problem> {
  if (error instanceof CliError) return error.problem;
  const { describeError } = await import("./describe-error.ts");
  return describeError(error, (text) => context?.command(text) ?? `windlass ${text}`, request?.command);
}

const isJson = (io: Io, { globals }: CommandRequest): boolean =>
  jsonForms.has(globals.output ?? io.environment.WINDLASS_OUTPUT ?? "");

const jsonForms: ReadonlySet<string> = new Set(["json", "jsonl"]);

/** Before the command line is understood: whether its writer wants errors as JSON. */
function looksLikeJson({ args, environment }: Io): boolean {
  const given = readArguments(args, shapesOf(globalFlags)).given.get("output") ?? [];
  return [...given, environment.WINDLASS_OUTPUT ?? ""].some((form) => jsonForms.has(form));
}
