import type { Command } from "./command.ts";
import { type Flags, flagName } from "./flags.ts";
import { globalFlags } from "./global-flags.ts";
import type { Io } from "./io.ts";
import { namesOf, tokenize } from "./tokens.ts";
import { entries, entryOf, verbOf } from "./tree.ts";

/** What the last word of the command line can become. */
export async function completions({ args }: Io): Promise<readonly string[]> {
  const words = args.slice(1);
  const typed = words.at(-1) ?? "";
  const before = words.slice(0, -1);
  const candidates = await candidatesAfter(before);
  return candidates.filter((one) => one.startsWith(typed) && (typed.startsWith("-") || !one.startsWith("-"))).sort();
}

async function candidatesAfter(before: readonly string[]): Promise<readonly string[]> {
  const [first, second] = tokenize(before, globalFlags).words.map(({ text }) => text);
  if (first === undefined) return valuesOr(before, globalFlags, [...entries.map(({ name }) => name), "help"]);
  const entry = entryOf(first);
  if (entry === undefined) return [];
  if (entry.kind === "command") return ofCommand(before, await entry.load());
  const commands = await entry.load();
  const verb = second === undefined ? undefined : verbOf(commands, second);
  if (verb !== undefined) return ofCommand(before, verb);
  return valuesOr(
    before,
    globalFlags,
    commands.map(({ name }) => name),
  );
}

const ofCommand = (before: readonly string[], { name, flags }: Command): readonly string[] =>
  valuesOr(before, { ...globalFlags, ...flags }, name === "completion" ? ["bash", "fish", "zsh"] : []);

/** The values of the flag that waits for one; else these words and all flags. */
function valuesOr(before: readonly string[], flags: Flags, words: readonly string[]): readonly string[] {
  const last = before.at(-1) ?? "";
  const key = namesOf(flags).get(last.replace(/^--/, "")) ?? keyOfShort(flags, last);
  const flag = key === undefined || !last.startsWith("-") ? undefined : flags[key];
  if (flag?.kind === "value") return flag.choices ?? [];
  return [...words, ...Object.keys(flags).map((name) => `--${flagName(name)}`)];
}

const keyOfShort = (flags: Flags, given: string): string | undefined =>
  Object.entries(flags).find(([, { short }]) => given === `-${short}`)?.[0];
