import { type ParseArgsOptionsConfig, parseArgs } from "node:util";
import { type Flag, type Flags, flagName } from "./flags.ts";

/** A command line cut into words and flags, without judging it. */
export interface Tokens {
  readonly words: readonly { readonly text: string; readonly index: number }[];
  /** Texts given for each known flag, by its key. */
  readonly given: ReadonlyMap<string, readonly string[]>;
  readonly unknown: readonly { readonly name: string; readonly index: number }[];
  /** Known flags that need a value and got none, as they were written. */
  readonly valueless: readonly string[];
}

/** Cuts the command line by these flags; flags that are not among them count as unknown and take no value. */
export function tokenize(args: readonly string[], flags: Flags): Tokens {
  const names = namesOf(flags);
  const { tokens } = parseArgs({
    args: [...args],
    options: optionsOf(flags),
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const words: Tokens["words"][number][] = [];
  const given = new Map<string, readonly string[]>();
  const unknown: Tokens["unknown"][number][] = [];
  const valueless: string[] = [];
  for (const token of tokens) {
    if (token.kind === "positional") words.push({ text: token.value, index: token.index });
    if (token.kind !== "option") continue;
    const key = names.get(token.name);
    if (key === undefined) unknown.push({ name: token.rawName, index: token.index });
    else {
      const value = textOf(token, flags[key]);
      if (value === undefined) valueless.push(token.rawName);
      else given.set(key, [...(given.get(key) ?? []), value]);
    }
  }
  return { words, given, unknown, valueless };
}

interface OptionToken {
  readonly value: string | undefined;
  readonly inlineValue: boolean | undefined;
}

function textOf({ value, inlineValue }: OptionToken, flag: Flag<unknown> | undefined): string | undefined {
  if (flag?.kind === "switch") return value ?? "true";
  const isFlagLike = inlineValue !== true && value !== undefined && value.startsWith("-") && value !== "-";
  return isFlagLike ? undefined : value;
}

/** Every long name, aliases included, with the flag's key. */
export const namesOf = (flags: Flags): ReadonlyMap<string, string> =>
  new Map(
    Object.entries(flags).flatMap(([key, flag]) =>
      [flagName(key), ...(flag.aliases ?? [])].map((name): [string, string] => [name, key]),
    ),
  );

function optionsOf(flags: Flags): ParseArgsOptionsConfig {
  const entries = Object.entries(flags).flatMap(([key, flag]) => {
    const option = { type: flag.kind === "switch" ? ("boolean" as const) : ("string" as const), multiple: true };
    const main = flag.short === undefined ? option : { ...option, short: flag.short };
    return [[flagName(key), main] as const, ...(flag.aliases ?? []).map((alias) => [alias, option] as const)];
  });
  return Object.fromEntries(entries);
}
