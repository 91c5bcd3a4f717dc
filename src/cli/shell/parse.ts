import { type Arguments, readArguments, readFirstWord } from "../../lib/arguments.ts";
import { type Flag, type Flags, flagName, namesOf, shapesOf } from "../line/flags.ts";
import { type GlobalValues, globalFlags } from "../line/global-flags.ts";
import { CliError, usageError } from "../problems/problem.ts";
import { didYouMean } from "../problems/suggest.ts";
import type { Command, CommandInput, Positional } from "../shared/command.ts";
import { bareName } from "./bare-names.ts";
import { type Entry, entries, entryOf, verbOf } from "./tree.ts";

/** A command with all that it was given. */
export interface CommandRequest {
  readonly kind: "command";
  readonly path: readonly string[];
  readonly command: Command;
  readonly globals: GlobalValues;
  /** The global flags as they were written, to repeat them in hints. */
  readonly repeatable: readonly string[];
  readonly input: CommandInput;
}

/** What a command line asks for. */
export type Request =
  | { readonly kind: "help"; readonly path: readonly string[]; readonly isMistake: boolean }
  | CommandRequest;

interface Leaf {
  readonly path: readonly string[];
  readonly command: Command;
  /** The command line without the words that name the command. */
  readonly args: readonly string[];
}

interface Wrong {
  readonly path: readonly string[];
  /** What is wrong there. */
  readonly given: string;
}

/** How far a command line names a command. */
export type Place =
  | { readonly kind: "start"; readonly read: Arguments }
  | { readonly kind: "help"; readonly path: readonly string[] }
  | { readonly kind: "noun"; readonly entry: Entry; readonly commands: readonly Command[]; readonly read: Arguments }
  | ({ readonly kind: "command" } & Leaf)
  | ({ readonly kind: "unknown-word"; readonly known: readonly { readonly name: string }[] } & Wrong)
  /** A flag before the word that would say whether it is one: its value, if it has one, cannot be told from that word. */
  | ({ readonly kind: "unknown-flag"; readonly flags: Flags } & Wrong);

/** Finds the command that a command line names, and loads its code: no other. */
export async function placeOf(args: readonly string[]): Promise<Place> {
  const { word, before, rest } = readFirstWord(args, shapesOf(globalFlags));
  if (word === undefined) return { kind: "start", read: before };
  if (word === "help") return { kind: "help", path: readArguments(rest, shapesOf(globalFlags)).words };
  const [early] = before.unknown;
  if (early !== undefined) return { kind: "unknown-flag", path: [], given: early, flags: globalFlags };
  const entry = entryOf(word);
  if (entry === undefined) return { kind: "unknown-word", path: [], given: word, known: entries };
  if (entry.kind === "noun") return verbPlace(entry, await entry.load(), rest);
  return { kind: "command", path: [entry.name], command: await entry.load(), args: rest };
}

function verbPlace(entry: Entry, commands: readonly Command[], args: readonly string[]): Place {
  const flags: Flags = Object.assign({}, ...commands.map((command) => command.flags), globalFlags);
  const { word, before, rest } = readFirstWord(args, shapesOf(flags));
  const [early] = before.unknown;
  if (early !== undefined) return { kind: "unknown-flag", path: [entry.name], given: early, flags };
  if (word === undefined) return { kind: "noun", entry, commands, read: before };
  const command = verbOf(commands, word);
  if (command === undefined) return { kind: "unknown-word", path: [entry.name], given: word, known: commands };
  return { kind: "command", path: [entry.name, command.name], command, args: rest };
}

/** Reads a command line; whatever is wrong with it is thrown as a usage error that names the nearest right thing. */
export async function parse(args: readonly string[]): Promise<Request> {
  const place = await placeOf(args);
  switch (place.kind) {
    case "start":
      refuseUnknown(place.read, globalFlags, []);
      return { kind: "help", path: [], isMistake: !place.read.given.has("help") };
    case "help":
      return { kind: "help", path: place.path, isMistake: false };
    case "noun":
      return { kind: "help", path: [place.entry.name], isMistake: !place.read.given.has("help") };
    case "unknown-word":
      throw unknownCommand(place.path, place.given, place.known);
    case "unknown-flag":
      throw unknownFlag(place.given, place.flags, place.path);
    case "command":
      return request(place);
  }
}

async function request(leaf: Leaf): Promise<Request> {
  try {
    return await readRequest(leaf);
  } catch (error) {
    throw withHelp(error, leaf.path);
  }
}

/** The same error; a usage error without hints gets the command's help page as one. */
export function withHelp(error: unknown, path: readonly string[]): unknown {
  if (!(error instanceof CliError) || error.problem.exit !== "usage" || error.problem.hints.length > 0) return error;
  return new CliError("usage", error.message, { ...error.problem, hints: help(path) });
}

async function readRequest({ path, command, args }: Leaf): Promise<Request> {
  const flags = { ...globalFlags, ...command.flags };
  const read = readArguments(args, shapesOf(flags));
  if (read.given.has("help")) return { kind: "help", path, isMistake: false };
  refuseUnknown(read, flags, path);
  const globals = (await readFlags(globalFlags, read)) as GlobalValues;
  const input = { flags: await readFlags(command.flags, read), args: argumentsOf({ path, command }, read.words) };
  if (globals.output !== undefined && !command.formats.includes(globals.output)) throw formatRefused(path, command);
  return { kind: "command", path, command, globals, repeatable: repeatableOf(read), input };
}

function refuseUnknown({ unknown, valueless }: Arguments, flags: Flags, path: readonly string[]): void {
  const [first] = unknown;
  if (first !== undefined) throw unknownFlag(first, flags, path);
  const [name] = valueless;
  if (name !== undefined) throw usageError(`${name} needs a value (one that begins with - as ${name}=-…)`, help(path));
}

/** The value of every flag, given or not. */
export async function readFlags(
  flags: Flags,
  { given }: Pick<Arguments, "given">,
): Promise<Readonly<Record<string, unknown>>> {
  const values: Record<string, unknown> = {};
  for (const [key, flag] of Object.entries(flags))
    values[key] = await readFlag(key, flag, given.get(flagName(key)) ?? []);
  return values;
}

function readFlag(key: string, flag: Flag<unknown>, texts: readonly string[]): unknown {
  const name = `--${flagName(key)}`;
  if (!flag.isRepeatable && new Set(texts).size > 1) {
    throw usageError(`${name} is given ${texts.length} times with different values: give it once`);
  }
  const { placeholder = "" } = flag;
  return flag.read(
    texts.map((text) => bareName(text, placeholder)),
    name,
  );
}

function argumentsOf(
  { path, command }: Pick<Leaf, "path" | "command">,
  words: readonly string[],
): Readonly<Record<string, unknown>> {
  const left = [...words];
  const values: Record<string, unknown> = {};
  for (const [key, positional] of Object.entries(command.positionals)) {
    const taken = positional.arity === "some" ? left.splice(0) : left.splice(0, 1);
    if (taken.length === 0 && positional.arity !== "maybe") throw missing(path, positional);
    values[key] = positional.take(taken.map((word) => bareName(word, positional.placeholder)));
  }
  const [extra] = left;
  if (extra !== undefined) throw usageError(`unexpected argument "${extra}"`, help(path));
  return values;
}

const missing = (path: readonly string[], { placeholder, about }: Positional<unknown>) =>
  usageError(`${["windlass", ...path].join(" ")} needs ${placeholder}: ${about}`, help(path));

function unknownCommand(path: readonly string[], word: string, known: readonly { readonly name: string }[]) {
  const suggestion = didYouMean(
    word,
    known.map(({ name }) => name),
  );
  const full = [...path, word].join(" ");
  return usageError(`unknown command "${full}".${suggestion}`, help(path));
}

function unknownFlag(given: string, flags: Flags, path: readonly string[]) {
  const known = [...namesOf(flags).keys()].map((name) => `--${name}`);
  const suggestion = given.startsWith("--") ? didYouMean(given, known, (name) => name) : "";
  return usageError(`unknown flag ${given}.${suggestion}`, help(path));
}

function formatRefused(path: readonly string[], { formats }: Command) {
  const name = ["windlass", ...path].join(" ");
  const known = formats.length === 0 ? `${name} does not take -o` : `${name} takes -o ${formats.join("|")}`;
  return usageError(known, help(path));
}

/** The flags that choose a server and an organization, so that a hint acts where the command did. */
const repeatedInHints = ["context", "config", "address", "org"];

const repeatableOf = ({ given }: Arguments): readonly string[] =>
  repeatedInHints.flatMap((name) => (given.get(name) ?? []).slice(0, 1).flatMap((value) => [`--${name}`, value]));

const help = (path: readonly string[]) => [{ label: "Help", command: ["windlass", ...path, "--help"].join(" ") }];
