// Writes the reference of the command line from the commands of src/cli, to the file that is given.
// Use: node scripts/cli-reference.ts FILE

import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { type Flag, type Flags, flagName } from "../src/cli/line/flags.ts";
import { outputFormats } from "../src/cli/line/formats.ts";
import { globalFlags } from "../src/cli/line/global-flags.ts";
import { exitCodes, exitMeanings } from "../src/cli/problems/exit.ts";
import type { Command } from "../src/cli/shared/command.ts";
import { type Entry, entries, groups } from "../src/cli/shell/tree.ts";
import { entriesOf } from "../src/lib/values/records.ts";

async function main([file]: readonly string[]): Promise<void> {
  if (file === undefined) throw new Error("use: node scripts/cli-reference.ts FILE");
  mkdirSync(dirname(file), { recursive: true });
  const sections = await Promise.all(groups.map(groupText));
  writeFileSync(file, `${[...opening(), ...sections, ...ending()].join("\n\n")}\n`);
}

const opening = (): readonly string[] => [
  "# The commands of windlass",
  `Made from \`src/cli\` by \`npm run generate\`; \`windlass COMMAND --help\` prints the same. How the commands are used together:
[using.md](using.md). Every verb takes the [global flags](#global-flags) and answers with an [exit code](#exit-codes). A switch is given
alone, or as \`--flag=false\`. What is written \`[SO]\` may be left out, and \`SO...\` is one or more. Where nothing else is said, \`-o\` takes ${outputFormats.join(", ")}.`,
  groups
    .map((group) => {
      const names = entries.filter((entry) => entry.group === group).map(({ name }) => `[${name}](#windlass-${name})`);
      return `* ${group}: ${names.join(", ")}`;
    })
    .join("\n"),
];

const ending = (): readonly string[] => [
  "## Global flags",
  flagTable(globalFlags),
  "## Exit codes",
  table(
    ["code", "means"],
    entriesOf(exitCodes).map(([name, code]) => [`${code}`, exitMeanings[name]]),
  ),
];

async function groupText(group: Entry["group"]): Promise<string> {
  const own = entries.filter((entry) => entry.group === group);
  return [`## ${group}`, ...(await Promise.all(own.map(entryText)))].join("\n\n");
}

async function entryText(entry: Entry): Promise<string> {
  const head = [`### windlass ${entry.name}`, `${plain(entry.summary)}.${alsoWritten(entry.aliases)}`];
  if (entry.kind === "command") return [...head, ...commandText([entry.name], await entry.load())].join("\n\n");
  const verbs = (await entry.load()).map((command) => verbText(entry.name, command));
  return [...head, ...verbs].join("\n\n");
}

function verbText(noun: string, command: Command): string {
  const head = [`#### ${noun} ${command.name}`, `${plain(command.summary)}.${alsoWritten(command.aliases)}`];
  return [...head, ...commandText([noun, command.name], command)].join("\n\n");
}

const alsoWritten = (aliases: readonly string[]): string =>
  aliases.length === 0 ? "" : ` Also written: ${aliases.map((alias) => `\`${alias}\``).join(", ")}.`;

/** How a command is written, what its words and flags are, and examples. */
function commandText(path: readonly string[], { positionals, flags, examples, formats }: Command): readonly string[] {
  const words = Object.values(positionals);
  const usage = ["windlass", ...path, ...words.map(({ placeholder }) => placeholder)].join(" ");
  const isOwn = formats.length !== outputFormats.length || formats.some((format) => !isUsual(format));
  const printed = formats.length === 0 ? "It takes no `-o`." : `With \`-o\` it prints ${formats.join(", ")}.`;
  return [
    block([usage + (Object.keys(flags).length === 0 ? "" : " [flags]")]),
    ...(words.length === 0
      ? []
      : [words.map(({ placeholder, about }) => `* \`${placeholder}\`: ${plain(about)}`).join("\n")]),
    ...(Object.keys(flags).length === 0 ? [] : [flagTable(flags)]),
    ...(isOwn ? [printed] : []),
    ...(examples.length === 0 ? [] : [`Examples:\n\n${block(examples)}`]),
  ];
}

const isUsual = (format: string): boolean => outputFormats.some((usual) => usual === format);

const block = (lines: readonly string[]): string => lines.map((line) => `    ${line}`).join("\n");

const flagTable = (flags: Flags): string =>
  table(
    ["flag", "what it is for"],
    Object.entries(flags).map(([key, flag]) => [`\`${written(key, flag)}\``, plain(aboutFlag(flag))]),
  );

function written(key: string, { short, kind, placeholder }: Flag<unknown>): string {
  const value = kind === "switch" ? "" : ` ${placeholder ?? "TEXT"}`;
  return `${short === undefined ? "" : `-${short}, `}--${flagName(key)}${value}`;
}

function aboutFlag({ about, choices, placeholder, isRepeatable, aliases = [] }: Flag<unknown>): string {
  const listed = choices === undefined || placeholder === choices.join("|") ? "" : ` (${choices.join(", ")})`;
  const again = isRepeatable && !about.includes("may be repeated") ? "; may be repeated" : "";
  const also = aliases.length === 0 ? "" : `; also ${aliases.map((alias) => `\`--${alias}\``).join(", ")}`;
  return `${about}${listed}${again}${also}`;
}

/** A text of help as Markdown, in which a `<word>` would be taken for a tag. */
const plain = (text: string): string => text.replaceAll("<", "\\<");

function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(heads), line(heads.map(() => "---")), ...rows.map(line)].join("\n");
}

await main(process.argv.slice(2));
