import type { Flags, FlagValues } from "../line/flags.ts";
import { type OutputFormat, outputFormats } from "../line/formats.ts";
import type { ExitCode } from "../problems/exit.ts";
import type { Deniable } from "../server/config-file.ts";
import type { Context } from "../server/context.ts";

/** One word, or the rest of the words, that a command takes. */
export interface Positional<T> {
  readonly arity: "one" | "maybe" | "some";
  readonly placeholder: string;
  readonly about: string;
  readonly take: (words: readonly string[]) => T;
}

// biome-ignore lint/suspicious/noExplicitAny: each positional has a type of its own, which PositionalValues reads back
export type Positionals = Readonly<Record<string, Positional<any>>>;
export type PositionalValues<P extends Positionals> = {
  readonly [Name in keyof P]: P[Name] extends Positional<infer T> ? T : never;
};

/** A word that must be there. */
export const one = (placeholder: string, about: string): Positional<string> => ({
  arity: "one",
  placeholder,
  about,
  take: (words) => words[0] ?? "",
});

/** A word that may be left out. */
export const maybe = (placeholder: string, about: string): Positional<string | undefined> => ({
  arity: "maybe",
  placeholder: `[${placeholder}]`,
  about,
  take: (words) => words[0],
});

/** At least one word, to the end of the line. */
export const some = (placeholder: string, about: string): Positional<readonly string[]> => ({
  arity: "some",
  placeholder: `${placeholder}...`,
  about,
  take: (words) => words,
});

interface Spec<F extends Flags, P extends Positionals> {
  readonly name: string;
  readonly aliases?: readonly string[] | undefined;
  readonly summary: string;
  readonly examples: readonly string[];
  readonly flags?: F | undefined;
  readonly positionals?: P | undefined;
  /** Forms of output that make sense; absent is all of them, empty means that `-o` is refused. */
  readonly formats?: readonly OutputFormat[] | undefined;
  /** Which guard stops this command with these flags, if any. */
  readonly guard?: (flags: FlagValues<F>) => Deniable | undefined;
  /** Undefined is exit code 0. */
  readonly run: (
    context: Context,
    input: { readonly flags: FlagValues<F>; readonly args: PositionalValues<P> },
  ) => Promise<ExitCode | undefined>;
}

/** A command whose flags and positionals have been erased to names: what the parser and the help see. */
export interface Command {
  readonly name: string;
  readonly aliases: readonly string[];
  readonly summary: string;
  readonly examples: readonly string[];
  readonly flags: Flags;
  readonly positionals: Positionals;
  readonly formats: readonly OutputFormat[];
  readonly guard: (flags: Readonly<Record<string, unknown>>) => Deniable | undefined;
  readonly run: (context: Context, input: CommandInput) => Promise<ExitCode | undefined>;
}

export interface CommandInput {
  readonly flags: Readonly<Record<string, unknown>>;
  readonly args: Readonly<Record<string, unknown>>;
}

/** Declares a command; `run` sees its flags and positionals with their own types. */
export function command<const F extends Flags, const P extends Positionals>(spec: Spec<F, P>): Command {
  return {
    name: spec.name,
    aliases: spec.aliases ?? [],
    summary: spec.summary,
    examples: spec.examples,
    flags: spec.flags ?? {},
    positionals: spec.positionals ?? {},
    formats: spec.formats ?? outputFormats,
    // The parser fills `flags` and `args` from the very records declared here.
    guard: (flags) => spec.guard?.(flags as FlagValues<F>),
    run: (context, { flags, args }) =>
      spec.run(context, { flags: flags as FlagValues<F>, args: args as PositionalValues<P> }),
  };
}
