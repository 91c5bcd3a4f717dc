import type { Command } from "./command.ts";
import { flagLines } from "./flag-help.ts";
import { topics } from "./help-topics.ts";
import { usageError } from "./problem.ts";
import { didYouMean } from "./suggest.ts";
import type { Colors } from "./terminal.ts";
import { type Entry, entries, entryOf, groups, verbOf } from "./tree.ts";

interface Style {
  /** Of the terminal; undefined if it is none. */
  readonly width: number | undefined;
  readonly colors: Colors;
}

const maxWidth = 100;

/** The help page of the program, of a noun, of a command, or of a topic. */
export async function helpLines(path: readonly string[], { width, colors }: Style): Promise<readonly string[]> {
  const [first, second] = path;
  const limit = Math.min(maxWidth, width ?? maxWidth);
  return (await pageOf(first, second, colors)).flatMap((line) => wrap(line, limit));
}

async function pageOf(first: string | undefined, second: string | undefined, colors: Colors) {
  if (first === undefined) return programPage(colors);
  const topic = topics[first];
  if (topic !== undefined) return topic();
  const entry = entryOf(first);
  if (entry === undefined) throw unknownTopic(first, [...entries.map(({ name }) => name), ...Object.keys(topics)]);
  if (entry.kind === "command") return commandPage([entry.name], await entry.load(), colors);
  const commands = await entry.load();
  if (second === undefined) return nounPage(entry, commands, colors);
  const command = verbOf(commands, second);
  if (command !== undefined) return commandPage([entry.name, command.name], command, colors);
  throw unknownTopic(
    `${first} ${second}`,
    commands.map(({ name }) => `${entry.name} ${name}`),
  );
}

function programPage({ bold }: Colors): readonly string[] {
  const width = Math.max(...entries.map(({ name }) => name.length));
  return [
    "windlass COMMAND [flags]",
    "The client of a Windlass server: runs Terraform and OpenTofu on agents inside private networks.",
    "",
    bold("Examples"),
    "  windlass login https://tf.example.com",
    "  windlass run start network --dir ./infra",
    "  windlass pool list",
    ...groups.flatMap((group) => [
      "",
      bold(group),
      ...entries
        .filter((entry) => entry.group === group)
        .map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`),
    ]),
    "",
    `Topics: ${Object.keys(topics)
      .map((topic) => `windlass help ${topic}`)
      .join(", ")}`,
  ];
}

function nounPage({ name, aliases, summary }: Entry, commands: readonly Command[], { bold }: Colors) {
  const rows = commands.map((command) => [usage([command.name], command), command.summary] as const);
  const width = Math.max(...rows.map(([left]) => left.length));
  return [
    `windlass ${name} VERB [flags]`,
    `${summary}.`,
    ...examples(commands.flatMap((command) => command.examples.slice(0, 1)).slice(0, 4), bold),
    "",
    bold("Commands"),
    ...rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`),
    ...(aliases.length === 0 ? [] : ["", `Also written: ${aliases.join(", ")}`]),
    "",
    "Global flags: windlass help flags",
  ];
}

function commandPage(path: readonly string[], command: Command, { bold }: Colors): readonly string[] {
  const words = Object.values(command.positionals);
  const width = Math.max(0, ...words.map(({ placeholder }) => placeholder.length));
  const hasFlags = Object.keys(command.flags).length > 0;
  return [
    `windlass ${usage(path, command)}${hasFlags ? " [flags]" : ""}`,
    `${command.summary}.`,
    ...examples(command.examples, bold),
    ...(words.length === 0 ? [] : ["", bold("Arguments")]),
    ...words.map(({ placeholder, about }) => `  ${placeholder.padEnd(width)}  ${about}`),
    ...(hasFlags ? ["", bold("Flags"), ...flagLines(command.flags)] : []),
    "",
    "Global flags: windlass help flags",
  ];
}

const usage = (path: readonly string[], { positionals }: Command): string =>
  [...path, ...Object.values(positionals).map(({ placeholder }) => placeholder)].join(" ");

const examples = (lines: readonly string[], bold: (text: string) => string): readonly string[] =>
  lines.length === 0 ? [] : ["", bold("Examples"), ...lines.map((line) => `  ${line}`)];

const unknownTopic = (given: string, known: readonly string[]) =>
  usageError(`there is no help on "${given}".${didYouMean(given, known)}`, [
    { label: "Help", command: "windlass --help" },
  ]);

/** Breaks a line at blanks; what follows is indented as its second column is. */
function wrap(line: string, width: number): readonly string[] {
  if (line.length <= width) return [line];
  const column = /^(\s*\S.*?\s{2,})\S/.exec(line)?.[1]?.length ?? 2;
  const at = line.lastIndexOf(" ", width);
  if (at <= column) return [line];
  return [line.slice(0, at), ...wrap(" ".repeat(column) + line.slice(at + 1), width)];
}
