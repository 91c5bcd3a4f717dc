import type { Command } from "./command.ts";
import { kindOf, namesOfKind } from "./complete-names.ts";
import { type Flags, flagName } from "./flags.ts";
import { type GlobalValues, globalFlags } from "./global-flags.ts";
import type { Io } from "./io.ts";
import { readFlags } from "./parse.ts";
import { namesOf, tokenize } from "./tokens.ts";
import { entries, entryOf, verbOf } from "./tree.ts";

/** What the last word of the command line can become. */
export async function completions(io: Io): Promise<readonly string[]> {
  const words = io.args.slice(1);
  const typed = words.at(-1) ?? "";
  const candidates = await candidatesAfter({ io, before: words.slice(0, -1), isFlag: typed.startsWith("-") });
  return candidates.filter((one) => one.startsWith(typed) && (typed.startsWith("-") || !one.startsWith("-"))).sort();
}

interface Line {
  readonly io: Io;
  readonly before: readonly string[];
  /** The word being typed is a flag: then no names are asked for. */
  readonly isFlag: boolean;
}

async function candidatesAfter(line: Line): Promise<readonly string[]> {
  const [first, second] = tokenize(line.before, globalFlags).words.map(({ text }) => text);
  if (first === undefined) return valuesOr(line, globalFlags, async () => [...entries.map(({ name }) => name), "help"]);
  if (first === "help") return entries.map(({ name }) => name);
  const entry = entryOf(first);
  if (entry === undefined) return [];
  if (entry.kind === "command") return ofCommand(line, await entry.load(), 1);
  const commands = await entry.load();
  const verb = second === undefined ? undefined : verbOf(commands, second);
  if (verb !== undefined) return ofCommand(line, verb, 2);
  return valuesOr(line, globalFlags, async () => commands.map(({ name }) => name));
}

/** `path` counts the words that name the command. */
function ofCommand(line: Line, { name, flags, positionals }: Command, path: number): Promise<readonly string[]> {
  const all = { ...globalFlags, ...flags };
  return valuesOr(line, all, async () => {
    if (name === "completion") return ["bash", "fish", "zsh"];
    const given = tokenize(line.before, all).words.length - path;
    const expected = Object.values(positionals);
    const last = expected.at(-1);
    const next = expected[given] ?? (last?.arity === "some" ? last : undefined);
    return next === undefined ? [] : names(line, next.placeholder);
  });
}

/** The values of the flag that waits for one; else these words and all flags. */
async function valuesOr(line: Line, flags: Flags, words: () => Promise<readonly string[]>): Promise<readonly string[]> {
  const last = line.before.at(-1) ?? "";
  const key = namesOf(flags).get(last.replace(/^--/, "")) ?? keyOfShort(flags, last);
  const flag = key === undefined || !last.startsWith("-") ? undefined : flags[key];
  if (flag?.kind === "value") return flag.choices ?? names(line, placeholderOf(key ?? "", flag.placeholder));
  const options = Object.keys(flags).map((name) => `--${flagName(name)}`);
  return line.isFlag ? options : [...(await words()), ...options];
}

/** Two global flags whose placeholder is only NAME. */
const placeholderOf = (key: string, placeholder = ""): string =>
  key === "org" ? "ORG" : key === "context" ? "CONTEXT" : placeholder;

async function names({ io, before }: Line, placeholder: string): Promise<readonly string[]> {
  const kind = kindOf(placeholder);
  if (kind === undefined) return [];
  const globals = (await readFlags(globalFlags, tokenize(before, globalFlags))) as GlobalValues;
  return namesOfKind(io, globals, kind).catch(() => []);
}

const keyOfShort = (flags: Flags, given: string): string | undefined =>
  Object.entries(flags).find(([, { short }]) => given === `-${short}`)?.[0];
