import { Context } from "./context.ts";
import { unknownVariables } from "./environment.ts";
import { type ExitCode, exitCodes } from "./exit.ts";
import { watchFlag } from "./flags.ts";
import { BrokenPipe, Interrupted, type Io, write } from "./io.ts";
import { parse, type Request, withHelp } from "./parse.ts";
import { CliError, type Problem } from "./problem.ts";
import { colors, hasColor } from "./terminal.ts";

/** Runs one command line and answers the exit code; every fault has been told on stderr. */
export async function main(io: Io): Promise<ExitCode> {
  if (io.args[0] === "__complete") return complete(io);
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

async function execute(io: Io, request: Extract<Request, { kind: "command" }>): Promise<ExitCode> {
  let context: Context | undefined;
  try {
    context = new Context(io, request.globals, request.repeatable);
    if (request.command.flags.watch === watchFlag && request.input.flags.watch === true) {
      const { watchCommand } = await import("./watching.ts");
      return await watchCommand(io, request);
    }
    for (const warning of unknownVariables(io.environment)) context.notes.warn(warning);
    await context.guard(request.command.guard(request.input.flags));
    return (await request.command.run(context, request.input)) ?? exitCodes.done;
  } catch (error) {
    return await fail(io, { error: withHelp(error, request.path), context, isJson: isJson(io, request) });
  } finally {
    context?.[Symbol.dispose]();
  }
}

async function help(io: Io, { path, isMistake }: Extract<Request, { kind: "help" }>): Promise<ExitCode> {
  const { helpLines } = await import("./help.ts");
  try {
    const style = colors(hasColor(isMistake ? io.stderr : io.stdout, io.environment, false));
    const lines = await helpLines(path, { width: io.stdout.columns, colors: style });
    await write(isMistake ? io.stderr : io.stdout, `${lines.join("\n")}\n`);
    return isMistake ? exitCodes.usage : exitCodes.done;
  } catch (error) {
    return fail(io, { error, isJson: false });
  }
}

async function complete(io: Io): Promise<ExitCode> {
  const { completions } = await import("./complete.ts");
  const found = await completions(io).catch(() => []);
  await write(io.stdout, found.map((line) => `${line}\n`).join(""));
  return exitCodes.done;
}

interface Failure {
  readonly error: unknown;
  readonly context?: Context | undefined;
  readonly isJson: boolean;
}

async function fail(io: Io, { error, context, isJson: asJson }: Failure): Promise<ExitCode> {
  // What the person or the pipe did is the cause, whatever it made fail.
  const { reason } = io.signal;
  if (io.signal.aborted && reason instanceof BrokenPipe) return exitCodes.done;
  if (io.signal.aborted && reason instanceof Interrupted && !(error instanceof CliError)) {
    io.stderr.stream.write("Interrupted.\n");
    return exitCodes.interrupted;
  }
  const found = await problemOf(error, context);
  const problem: Problem = found.exit === "usage" && isDetailed(io) ? { ...found, exit: "failed" } : found;
  const { problemJson, problemLines } = await import("./report.ts");
  const style = colors(hasColor(io.stderr, io.environment, context?.globals.noColor === true));
  const text = asJson ? problemJson(problem) : problemLines(problem, style).join("\n");
  io.stderr.stream.write(`${text}\n`);
  if (context?.notes.debug !== undefined && error instanceof Error) io.stderr.stream.write(`${error.stack}\n`);
  return exitCodes[problem.exit];
}

/** As terraform does: with this flag 2 says that there are changes, and nothing else may. */
const isDetailed = ({ args }: Io): boolean => args.some((arg) => /^--detailed-exitcode(=(true|1))?$/.test(arg));

async function problemOf(error: unknown, context: Context | undefined): Promise<Problem> {
  if (error instanceof CliError) return error.problem;
  const { describeError } = await import("./describe-error.ts");
  return describeError(error, (text) => context?.command(text) ?? `windlass ${text}`);
}

const isJson = (io: Io, { globals }: Extract<Request, { kind: "command" }>): boolean =>
  /^jsonl?$/.test(globals.output ?? io.environment.WINDLASS_OUTPUT ?? "");

/** Before the command line is understood: whether its writer wants errors as JSON. */
function looksLikeJson({ args, environment }: Io): boolean {
  const form = /^(--output=|-o=?)?(json|jsonl)$/;
  const isFlag = (arg: string, index: number) =>
    form.test(arg) && (arg.startsWith("-") || /^(-o|--output)$/.test(args[index - 1] ?? ""));
  return args.some(isFlag) || /^jsonl?$/.test(environment.WINDLASS_OUTPUT ?? "");
}
