import Parser from "yargs-parser";

/** How a flag is written, by its long name. */
export interface FlagShape {
  /** Needs no value: alone it is true. */
  readonly isSwitch: boolean;
  /** May be given again. */
  readonly isRepeatable?: boolean | undefined;
  /** One letter. */
  readonly short?: string | undefined;
  /** Other long names. */
  readonly aliases?: readonly string[] | undefined;
}

export type FlagShapes = Readonly<Record<string, FlagShape>>;

/** A command line cut into words and flags, without judging it. */
export interface Arguments {
  readonly words: readonly string[];
  /** What was given for each flag, by its long name, in order; a switch alone is `true`. */
  readonly given: ReadonlyMap<string, readonly string[]>;
  /** Flags that are none, as they were written. */
  readonly unknown: readonly string[];
  /** Flags that need a value and got none, as they were written. */
  readonly valueless: readonly string[];
}

/** Cuts the whole command line. Whatever stands behind `--` is a word, and so is a number below zero. */
export const readArguments = (args: readonly string[], flags: FlagShapes): Arguments =>
  cut(spelledOut(args, flags), flags);

/** A command line up to its first word. */
export interface FirstWord {
  /** Undefined: there are only flags. */
  readonly word: string | undefined;
  readonly before: Arguments;
  /** The command line without the word. */
  readonly rest: readonly string[];
}

/** Cuts the command line up to its first word; what stands behind it may have flags of the same names and another shape. */
export function readFirstWord(args: readonly string[], flags: FlagShapes): FirstWord {
  const all = spelledOut(args, flags);
  const { words, ...before } = cut(all, flags, { "halt-at-non-option": true });
  const flagged = all.length - words.length;
  const at = args.findIndex((_, index) => spelledOut(args.slice(0, index), flags).length === flagged);
  const isThere = words.length > 0;
  return {
    word: isThere ? args[at] : undefined,
    before: { ...before, words: [] },
    rest: isThere ? args.toSpliced(at, 1) : args,
  };
}

/** Every spelling of the flags with its shape: `--output` and `-o`. */
const spellings = (flags: FlagShapes): ReadonlyMap<string, FlagShape> =>
  new Map(
    Object.entries(flags).flatMap(([name, shape]) =>
      [name, ...(shape.aliases ?? []), ...(shape.short ?? [])].map((one): [string, FlagShape] => [written(one), shape]),
    ),
  );

const written = (name: string): string => (name.length === 1 ? `-${name}` : `--${name}`);

/**
 * The same command line with a value for every switch, and with letters apart from each other and from what is attached to them:
 * yargs would take a `true` behind a switch for its value, `maybe` for false, and `json` of `-ojson` for four more letters.
 */
function spelledOut(args: readonly string[], flags: FlagShapes): readonly string[] {
  const shapes = spellings(flags);
  const end = args.indexOf("--");
  const flagged = end < 0 ? args : args.slice(0, end);
  return [...flagged.flatMap((arg) => spelled(arg, shapes)), ...args.slice(flagged.length)];
}

function spelled(arg: string, shapes: ReadonlyMap<string, FlagShape>): readonly string[] {
  if (shapes.get(arg)?.isSwitch) return [`${arg}=true`];
  const [, letter = "", attached = ""] = /^(-[A-Za-z])([^=][\s\S]*)$/.exec(arg) ?? [];
  const shape = shapes.get(letter);
  if (shape === undefined) return [arg];
  return shape.isSwitch ? [`${letter}=true`, ...spelled(`-${attached}`, shapes)] : [`${letter}=${attached}`];
}

/** Texts stay texts, names stay whole, and a flag means itself: `--no-input` is a flag, `0x10` a word. */
const textsOnly = {
  "boolean-negation": false,
  "camel-case-expansion": false,
  "dot-notation": false,
  "parse-numbers": false,
  "parse-positional-numbers": false,
  "populate--": true,
  "strip-aliased": true,
} as const;

function cut(
  args: readonly string[],
  flags: FlagShapes,
  more: { readonly "halt-at-non-option"?: boolean } = {},
): Arguments {
  const names = Object.keys(flags);
  const valueless: string[] = [];
  const options = {
    alias: Object.fromEntries(
      Object.entries(flags).map(([name, { aliases = [], short }]) => [name, [...aliases, ...(short ?? [])]]),
    ),
    string: names,
    narg: Object.fromEntries(names.map((name) => [name, 1])),
    configuration: { ...textsOnly, ...more },
    // How yargs words a complaint; the only one that these options leave is of a flag without its value.
    __: (complaint: string, name: string) => {
      valueless.push(written(name));
      return complaint;
    },
  };
  const { _: words, "--": behind = [], ...found } = Parser.detailed([...args], options).argv;
  const known = Object.entries(found).filter(([name]) => Object.hasOwn(flags, name));
  return {
    words: [...words, ...behind].map(String),
    given: new Map(known.map(([name, values]) => [name, [values].flat().map(String)])),
    unknown: Object.keys(found)
      .filter((name) => !Object.hasOwn(flags, name))
      .map((name) => asWritten(name, args)),
    valueless,
  };
}

const asWritten = (name: string, args: readonly string[]): string =>
  args.some((arg) => arg === `--${name}` || arg.startsWith(`--${name}=`)) ? `--${name}` : written(name);
