import { readArguments } from "../../lib/arguments.ts";
import { type Flags, flagName, shapesOf } from "../line/flags.ts";
import { type GlobalValues, globalFlags } from "../line/global-flags.ts";
import type { Command } from "../shared/command.ts";
import type { Io } from "../terminal/io.ts";
import { kindOf, namesOfKind } from "./complete-names.ts";
import { placeOf, readFlags } from "./parse.ts";
import { entries } from "./tree.ts";

/** A word that the last one of a command line can become, and what it means; names have no explanation. */
export interface CompletionCandidate {
  readonly word: string;
  readonly about: string;
}

/** What stands in place of words where the name of a file is wanted: the shell knows files best. */
export const filesWanted: CompletionCandidate = { word: ":files", about: "" };

/** What the last word of the command line can become. */
export async function completions(io: Io): Promise<readonly CompletionCandidate[]> {
  const words = io.args.slice(1);
  const typed = words.at(-1) ?? "";
  const isFlag = typed.startsWith("-");
  const found = await candidatesAfter({ io, before: words.slice(0, -1), typed, isFlag });
  if (found.includes(filesWanted)) return [filesWanted];
  return found
    .filter(({ word }) => word.startsWith(typed) && (isFlag || !word.startsWith("-")))
    .toSorted((a, b) => (a.word < b.word ? -1 : 1));
}

interface Line {
  readonly io: Io;
  readonly before: readonly string[];
  readonly typed: string;
  /** The word being typed is a flag: then no names are asked for. */
  readonly isFlag: boolean;
}

type Candidates = readonly CompletionCandidate[];

const plain = (words: readonly string[]): Candidates => words.map((word) => ({ word, about: "" }));
const explained = (all: readonly { readonly name: string; readonly summary: string }[]): Candidates =>
  all.map(({ name, summary }) => ({ word: name, about: summary }));

async function candidatesAfter(line: Line): Promise<Candidates> {
  const place = await placeOf(line.before);
  switch (place.kind) {
    case "start":
      return valuesOr(line, globalFlags, async () => explained([...entries, help]));
    case "help":
      return explained(entries);
    case "noun":
      return valuesOr(line, globalFlags, async () => explained(place.commands));
    case "command":
      return ofCommand(line, place.command, place.args);
    case "unknown-word":
    case "unknown-flag":
      return [];
  }
}

const help = { name: "help", summary: "Explain a command or a topic" };

/** `args` stand on the line without the words that name the command. */
function ofCommand(line: Line, { name, flags, positionals }: Command, args: readonly string[]): Promise<Candidates> {
  const all = { ...globalFlags, ...flags };
  return valuesOr(line, all, async () => {
    if (name === "completion") return plain(["bash", "fish", "zsh"]);
    const expected = Object.values(positionals);
    const last = expected.at(-1);
    const next =
      expected[readArguments(args, shapesOf(all)).words.length] ?? (last?.arity === "some" ? last : undefined);
    return next === undefined ? [] : names(line, next.placeholder);
  });
}

/** The values of the flag that waits for one; else these words and all flags. */
async function valuesOr(line: Line, flags: Flags, words: () => Promise<Candidates>): Promise<Candidates> {
  const key = waitingFlag(flags, line.before.at(-1) ?? "");
  const flag = key === undefined ? undefined : flags[key];
  if (flag !== undefined) {
    const values = flag.choices ? plain(flag.choices) : await names(line, placeholderOf(key ?? "", flag.placeholder));
    return flag.isRepeatable || flag.placeholder?.includes(",") === true ? afterComma(line.typed, values) : values;
  }
  const options = Object.entries(flags).map(([name, { about }]) => ({ word: `--${flagName(name)}`, about }));
  return line.isFlag ? options : [...(await words()), ...options];
}

/** The values of a list, behind those that stand there already. */
function afterComma(typed: string, values: Candidates): Candidates {
  const before = typed.slice(0, typed.lastIndexOf(",") + 1);
  const given = new Set(before.split(","));
  return before === ""
    ? values
    : values.filter(({ word }) => !given.has(word)).map(({ word, about }) => ({ word: before + word, about }));
}

/** Two global flags whose placeholder is only NAME. */
const placeholderOf = (key: string, placeholder = ""): string =>
  key === "org" ? "ORG" : key === "context" ? "CONTEXT" : placeholder;

/** Placeholders that stand for a file or a directory of this machine. */
const filePlaceholder = /^\[?(FILE|DIR)\b/;

async function names({ io, before }: Line, placeholder: string): Promise<Candidates> {
  if (filePlaceholder.test(placeholder)) return [filesWanted];
  const kind = kindOf(placeholder);
  if (kind === undefined) return [];
  const globals = (await readFlags(globalFlags, readArguments(before, shapesOf(globalFlags)))) as GlobalValues;
  return plain(await namesOfKind(io, globals, kind).catch(() => []));
}

/** The key of the flag whose value stands behind this word. */
function waitingFlag(flags: Flags, word: string): string | undefined {
  const { given, words } = readArguments([word, "value"], shapesOf(flags));
  return words.length > 0 ? undefined : Object.keys(flags).find((key) => given.has(flagName(key)));
}
