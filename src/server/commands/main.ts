import { systemClock } from "../../lib/clock.ts";
import { asksForCompletion, flagSection, helpText, readCommandLine, terminalWidth } from "../../lib/command-line.ts";
import { didYouMean } from "../../lib/did-you-mean.ts";
import { readEnvironment } from "../../lib/environment.ts";
import { makePrivate } from "../../lib/fs/umask.ts";
import { createLog } from "../../lib/program/log.ts";
import { version } from "../../lib/program/version.ts";
import { systemRandom } from "../../lib/random.ts";
import type { Settings } from "../../lib/settings.ts";
import { errnoOf } from "../../lib/values/errors.ts";
import { isWindlassError } from "../../lib/words/errors.ts";
import { serverSettings } from "../../settings/server.ts";
import { type CommandCall, commonSettings, type ServerCommand } from "../command.ts";
import { readSettings } from "../read-call.ts";
import { StartError } from "../start-error.ts";
import { commands, serveCommand } from "./commands.ts";

/** Runs windlassd: the control plane, or one of its commands. Answers the exit code of the process. */
export async function main(argv: readonly string[]): Promise<number> {
  const [first = "", ...rest] = argv;
  if (first === "help") return help(rest);
  if (asksForCompletion(argv)) return complete(argv);
  const isNamed = first !== "" && !first.startsWith("-");
  if (!isNamed) return run(serveCommand, argv);
  const command = commandNamed(first);
  return command === undefined ? unknownCommand(first) : run(command, rest);
}

const commandNamed = (name: string): ServerCommand | undefined => commands.find((command) => command.name === name);

function unknownCommand(name: string): number {
  const near = didYouMean(name, [...commands.map((command) => command.name), "help", "completion"]);
  return say(process.stderr, `windlassd: unknown command "${name}"${near}\nSee windlassd --help.\n`, 2);
}

function help([name]: readonly string[]): number {
  if (name === undefined) return say(process.stdout, helpOf(serveCommand), 0);
  const command = commandNamed(name);
  return command === undefined ? unknownCommand(name) : say(process.stdout, helpOf(command), 0);
}

async function complete(argv: readonly string[]): Promise<number> {
  const { answerCompletion } = await import("../../lib/shell-completion.ts");
  const all = commands.map((command) => ({ ...command, settings: settingsOf(command) }));
  const completable = { program: "windlassd", commands: all, settings: serverSettings };
  return say(process.stdout, await answerCompletion(completable, argv), 0);
}

function helpOf(command: ServerCommand): string {
  const others = commands.map((one) => [`windlassd ${one.name} ${one.usage}`.trimEnd(), one.summary] as const);
  const sections = [
    flagSection(command.flags),
    ...(command === serveCommand
      ? [{ title: "Commands (windlassd help COMMAND)", rows: [...others, completion] }]
      : []),
  ];
  const { about, examples } = command;
  const usage =
    command === serveCommand ? "windlassd [serve] [flags]" : `windlassd ${command.name} ${command.usage}`.trimEnd();
  return helpText(settingsOf(command), { usage, about, examples, sections }, terminalWidth(process.stdout));
}

const completion = ["windlassd completion", "print the completion script for the shell of $SHELL"] as const;

/** What a command heeds; the other settings may be given, and mean nothing to it. */
function settingsOf({ heeds }: ServerCommand): Settings {
  if (heeds === "all") return serverSettings;
  const heeded = new Set<string>([...commonSettings, ...heeds]);
  return Object.fromEntries(Object.entries(serverSettings).filter(([name]) => heeded.has(name)));
}

async function run(command: ServerCommand, argv: readonly string[]): Promise<number> {
  const line = readCommandLine(serverSettings, argv, { own: command.flags, maxWords: command.words.max });
  if (line.kind === "help") return say(process.stdout, helpOf(command), 0);
  if (line.kind === "version") return say(process.stdout, `windlassd ${version}\n`, 0);
  if (line.kind === "invalid") return refuse(command, line.problems);
  if (line.words.length < command.words.min) return refuse(command, [`expected ${command.usage}`]);
  const environment = readEnvironment();
  const loaded = readSettings(line.flags, environment);
  if (loaded.kind === "invalid") return refuse(command, loaded.problems);
  const { settings, origins } = loaded;
  const log = createLog({ level: settings.logLevel, format: settings.logFormat });
  const call: CommandCall = {
    settings,
    origins,
    environment,
    own: line.own,
    words: line.words,
    log,
    clock: systemClock,
    random: systemRandom,
    say: (text) => void process.stdout.write(text),
    note: (text) => void process.stderr.write(text),
  };
  // Databases hold what terraform prints: nobody else on this machine reads them.
  makePrivate();
  return command.run(call).catch(failed);
}

function refuse(command: ServerCommand, problems: readonly string[]): number {
  const where = command === serveCommand ? "windlassd --help" : `windlassd help ${command.name}`;
  return say(process.stderr, `${problems.map((problem) => `windlassd: ${problem}`).join("\n")}\nSee ${where}.\n`, 2);
}

function failed(error: unknown): number {
  if (error instanceof StartError) return say(process.stderr, `windlassd: ${error.message}\n`, error.exitCode);
  if (isWindlassError(error, "storage_unavailable"))
    return say(process.stderr, `windlassd: ${error.message}\n`, error.metadata.databaseVersion === undefined ? 7 : 5);
  if (isWindlassError(error, "validation")) return say(process.stderr, `windlassd: ${error.message}\n`, 2);
  const known = knownFailure(error);
  if (known !== undefined) return say(process.stderr, `windlassd: ${known.text}\n`, known.exitCode);
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return say(process.stderr, `windlassd: ${text}\n`, 1);
}

/** What the system or SQLite refused: the cause is not in this program, and its stack tells nobody anything. */
function knownFailure(error: unknown): { readonly text: string; readonly exitCode: number } | undefined {
  const code = errnoOf(error);
  if (code === undefined || !(error instanceof Error)) return undefined;
  if (code.startsWith("SQLITE_"))
    return { text: `the database in the data directory cannot be used: ${error.message} (${code})`, exitCode: 7 };
  return "syscall" in error ? { text: error.message, exitCode: 1 } : undefined;
}

function say(stream: NodeJS.WriteStream, text: string, exitCode: number): number {
  stream.write(text);
  return exitCode;
}
