import { indentOf } from "../../lib/text/wrap-text.ts";
import { usageError } from "../problems/problem.ts";
import { didYouMean } from "../problems/suggest.ts";
import type { Command } from "../shared/command.ts";
import { bold, type Text, wrapped } from "../terminal/painted.ts";
import { flagLines, topics } from "./help-topics.ts";
import { type Entry, entries, entryOf, groups, verbOf } from "./tree.ts";

const maxWidth = 100;

/** The help page of the program, of a noun, of a command, or of a topic; `width` is the terminal's, undefined if there is none. */
export async function helpLines(path: readonly string[], width: number | undefined): Promise<readonly Text[]> {
  const [first, second] = path;
  const limit = Math.min(maxWidth, width ?? maxWidth);
  return (await pageOf(first, second)).flatMap((line) => wrapped(line, limit, indentOf(`${line}`, limit)));
}

async function pageOf(first: string | undefined, second: string | undefined): Promise<readonly Text[]> {
  if (first === undefined) return programPage();
  const topic = topics[first];
  if (topic !== undefined) return topic();
  const entry = entryOf(first);
  if (entry === undefined) throw unknownTopic(first, [...entries.map(({ name }) => name), ...Object.keys(topics)]);
  if (entry.kind === "command") return commandPage([entry.name], await entry.load());
  const commands = await entry.load();
  if (second === undefined) return nounPage(entry, commands);
  const command = verbOf(commands, second);
  if (command !== undefined) return commandPage([entry.name, command.name], command);
  throw unknownTopic(
    `${first} ${second}`,
    commands.map(({ name }) => `${entry.name} ${name}`),
  );
}

function programPage(): readonly Text[] {
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

function nounPage({ name, aliases, summary }: Entry, commands: readonly Command[]): readonly Text[] {
  const rows = commands.map((command) => [usage([command.name], command), command.summary] as const);
  const width = Math.max(...rows.map(([left]) => left.length));
  return [
    `windlass ${name} VERB [flags]`,
    `${summary}.`,
    ...examples(commands.flatMap((command) => command.examples.slice(0, 1)).slice(0, 4)),
    "",
    bold("Commands"),
    ...rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`),
    ...(aliases.length === 0 ? [] : ["", `Also written: ${aliases.join(", ")}`]),
    "",
    "Global flags: windlass help flags",
  ];
}

function commandPage(path: readonly string[], command: Command): readonly Text[] {
  const words = Object.values(command.positionals);
  const width = Math.max(0, ...words.map(({ placeholder }) => placeholder.length));
  const hasFlags = Object.keys(command.flags).length > 0;
  return [
    `windlass ${usage(path, command)}${hasFlags ? " [flags]" : ""}`,
    `${command.summary}.`,
    ...examples(command.examples),
    ...(words.length === 0 ? [] : ["", bold("Arguments")]),
    ...words.map(({ placeholder, about }) => `  ${placeholder.padEnd(width)}  ${about}`),
    ...(hasFlags ? ["", bold("Flags"), ...flagLines(command.flags)] : []),
    "",
    "Global flags: windlass help flags",
  ];
}

const usage = (path: readonly string[], { positionals }: Command): string =>
  [...path, ...Object.values(positionals).map(({ placeholder }) => placeholder)].join(" ");

const examples = (lines: readonly string[]): readonly Text[] =>
  lines.length === 0 ? [] : ["", bold("Examples"), ...lines.map((line) => `  ${line}`)];

const unknownTopic = (given: string, known: readonly string[]) =>
  usageError(`there is no help on "${given}".${didYouMean(given, known)}`, [
    { label: "Help", command: "windlass --help" },
  ]);
