import { type Flag, type Flags, flagName } from "../line/flags.ts";
import { type GlobalValues, globalFlags } from "../line/global-flags.ts";
import { namesOf, type Tokens, tokenize } from "../line/tokens.ts";
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
}

/** Reads a command line; whatever is wrong with it is thrown as a usage error that names the nearest right thing. */
export async function parse(args: readonly string[]): Promise<Request> {
  const first = tokenize(args, globalFlags);
  const [word, ...rest] = first.words.map(({ text }) => text);
  if (word === "help") return { kind: "help", path: rest, isMistake: false };
  if (word === undefined) return withoutWords(first);
  refuseEarlyUnknown(first);
  const entry = entryOf(word);
  if (entry === undefined) throw unknownCommand([], word, entries);
  const leaf = await leafOf(entry, args);
  if (leaf === undefined) return { kind: "help", path: [entry.name], isMistake: !first.given.has("help") };
  return request(leaf, args);
}

function withoutWords(tokens: Tokens): Request {
  refuseUnknown(tokens, globalFlags, []);
  return { kind: "help", path: [], isMistake: !tokens.given.has("help") };
}

/** A flag before the first word can only be a global one; were it unknown, its value would be taken for the command. */
function refuseEarlyUnknown({ words, unknown }: Tokens): void {
  const early = unknown.find(({ index }) => index < (words[0]?.index ?? 0));
  if (early !== undefined) throw unknownFlag(early.name, globalFlags, []);
}

async function leafOf(entry: Entry, args: readonly string[]): Promise<Leaf | undefined> {
  if (entry.kind === "command") return { path: [entry.name], command: await entry.load() };
  const commands = await entry.load();
  const flags = Object.assign({}, ...commands.map((command) => command.flags), globalFlags);
  const verb = tokenize(args, flags).words[1]?.text;
  if (verb === undefined) return undefined;
  const command = verbOf(commands, verb);
  if (command === undefined) throw unknownCommand([entry.name], verb, commands);
  return { path: [entry.name, command.name], command };
}

async function request(leaf: Leaf, args: readonly string[]): Promise<Request> {
  try {
    return await readRequest(leaf, args);
  } catch (error) {
    throw withHelp(error, leaf.path);
  }
}

/** The same error; a usage error without hints gets the command's help page as one. */
export function withHelp(error: unknown, path: readonly string[]): unknown {
  if (!(error instanceof CliError) || error.problem.exit !== "usage" || error.problem.hints.length > 0) return error;
  return new CliError("usage", error.message, { ...error.problem, hints: help(path) });
}

async function readRequest({ path, command }: Leaf, args: readonly string[]): Promise<Request> {
  const flags = { ...globalFlags, ...command.flags };
  const tokens = tokenize(args, flags);
  if (tokens.given.has("help")) return { kind: "help", path, isMistake: false };
  refuseUnknown(tokens, flags, path);
  const words = tokens.words.slice(path.length).map(({ text }) => text);
  const globals = (await readFlags(globalFlags, tokens)) as GlobalValues;
  const input = { flags: await readFlags(command.flags, tokens), args: argumentsOf({ path, command }, words) };
  if (globals.output !== undefined && !command.formats.includes(globals.output)) throw formatRefused(path, command);
  return { kind: "command", path, command, globals, repeatable: repeatableOf(tokens), input };
}

function refuseUnknown({ unknown, valueless }: Tokens, flags: Flags, path: readonly string[]): void {
  const [first] = unknown;
  if (first !== undefined) throw unknownFlag(first.name, flags, path);
  const [name] = valueless;
  if (name !== undefined) throw usageError(`${name} needs a value (one that begins with - as ${name}=-…)`, help(path));
}

/** The value of every flag, given or not. */
export async function readFlags(flags: Flags, { given }: Tokens): Promise<Readonly<Record<string, unknown>>> {
  const values: Record<string, unknown> = {};
  for (const [key, flag] of Object.entries(flags)) values[key] = await readFlag(key, flag, given.get(key) ?? []);
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

function argumentsOf({ path, command }: Leaf, words: readonly string[]): Readonly<Record<string, unknown>> {
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

const repeatableOf = ({ given }: Tokens): readonly string[] =>
  repeatedInHints.flatMap((key) =>
    (given.get(key) ?? []).slice(0, 1).flatMap((value) => [`--${flagName(key)}`, value]),
  );

const help = (path: readonly string[]) => [{ label: "Help", command: ["windlass", ...path, "--help"].join(" ") }];
