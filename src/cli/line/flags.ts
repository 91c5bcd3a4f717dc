import type { FlagShapes } from "../../lib/arguments.ts";
import { durationMs as durationSchema, flag as switchSchema } from "../../lib/setting-schemas.ts";
import { usageError } from "../problems/problem.ts";

/** One flag of a command: how it is written, what it is for, and how its texts become a value. */
export interface Flag<T> {
  readonly kind: "value" | "switch";
  readonly about: string;
  /** One letter. */
  readonly short?: string | undefined;
  /** Other long names, without dashes. */
  readonly aliases?: readonly string[] | undefined;
  /** What stands for the value in help texts. */
  readonly placeholder?: string | undefined;
  readonly choices?: readonly string[] | undefined;
  readonly isRepeatable: boolean;
  /** `texts` are the values as given, in order; none if the flag is absent. `name` is `--flag`, for messages. */
  readonly read: (texts: readonly string[], name: string) => T | Promise<T>;
}

// biome-ignore lint/suspicious/noExplicitAny: each flag has a type of its own, which FlagValues reads back
export type Flags = Readonly<Record<string, Flag<any>>>;
export type FlagValues<F extends Flags> = { readonly [Name in keyof F]: F[Name] extends Flag<infer T> ? T : never };

type Style = Partial<Pick<Flag<unknown>, "short" | "aliases" | "placeholder">>;

/** Some text. */
export const text = (about: string, style: Style = {}): Flag<string | undefined> => ({
  kind: "value",
  about,
  placeholder: "TEXT",
  isRepeatable: false,
  read: (texts) => texts[0],
  ...style,
});

/** What the server keeps of a message or a comment, and of a reason, in characters. */
const maxSentence = 1024;
export const maxReason = 256;

/** Something for people, such as the name of a branch or a commit's message: cut where the server would refuse more. */
export const sentence = (about: string, style: Style = {}, max = maxSentence): Flag<string | undefined> => ({
  ...text(about, style),
  read: ([first]) => (first === undefined ? undefined : cutSentence(first, max)),
});

/** At most as many characters as the server keeps; the last one says that there were more. */
export function cutSentence(given: string, max = maxSentence): string {
  const characters = [...given];
  return characters.length <= max ? given : `${characters.slice(0, max - 1).join("")}…`;
}

/** Some text without which the command cannot run. */
export const neededText = (about: string, style: Style = {}): Flag<string> => ({
  ...text(about, style),
  read: ([first], name) => {
    if (first === undefined || first === "") throw usageError(`${name} is needed: ${about}`);
    return first;
  },
});

/** `--name`, `--name=true`, `--name=false`; undefined if absent. */
export const toggle = (about: string, style: Style = {}): Flag<boolean | undefined> => ({
  kind: "switch",
  about,
  isRepeatable: false,
  read: ([first], name) => {
    if (first === undefined) return undefined;
    const value = truth.read(first);
    if (value === undefined) throw usageError(`${name} is true or false, not "${first}"`);
    return value;
  },
  ...style,
});

const truth = switchSchema();

/** Texts separated by commas; the flag may also be given again. */
export const list = (about: string, style: Style = {}): Flag<readonly string[]> => ({
  kind: "value",
  about,
  placeholder: "A,B",
  isRepeatable: true,
  read: (texts) =>
    texts
      .flatMap((one) => one.split(","))
      .map((one) => one.trim())
      .filter((one) => one !== ""),
  ...style,
});

/** A flag that is given once for each value; commas are part of the value. */
export const repeated = (about: string, style: Style = {}): Flag<readonly string[]> => ({
  kind: "value",
  about,
  placeholder: "TEXT",
  isRepeatable: true,
  read: (texts) => texts,
  ...style,
});

/** One of the given words. */
export const choice = <const Word extends string>(
  about: string,
  choices: readonly Word[],
  style: Style = {},
): Flag<Word | undefined> => ({
  kind: "value",
  about,
  placeholder: choices.join("|"),
  choices,
  isRepeatable: false,
  read: ([first], name) => (first === undefined ? undefined : oneOf(choices, first, name)),
  ...style,
});

/** Words of a set, separated by commas. */
export const choiceList = <const Word extends string>(
  about: string,
  choices: readonly Word[],
  style: Style = {},
): Flag<readonly Word[]> => ({
  ...list(about, { placeholder: "A,B", ...style }),
  choices,
  read: (texts, name) => texts.flatMap((one) => one.split(",")).map((one) => oneOf(choices, one.trim(), name)),
});

function oneOf<Word extends string>(choices: readonly Word[], given: string, name: string): Word {
  const found = choices.find((word) => word === given.toLowerCase());
  if (found === undefined) throw usageError(`${name} is one of ${choices.join(", ")}, not "${given}"`);
  return found;
}

/** A whole number from 0 to `max`. */
export const count = (about: string, max: number, style: Style = {}): Flag<number | undefined> => ({
  kind: "value",
  about,
  placeholder: "N",
  isRepeatable: false,
  read: ([first], name) => {
    if (first === undefined) return undefined;
    const number = Number(first);
    if (/^\d+$/.test(first) && number <= max) return number;
    throw usageError(`${name} is a whole number from 0 to ${max}, not "${first}"`);
  },
  ...style,
});

/** `90s`, `2h30m`, `7d`, in milliseconds. */
export const duration = (about: string, style: Style = {}): Flag<number | undefined> => ({
  kind: "value",
  about,
  placeholder: "DURATION",
  isRepeatable: false,
  read: ([first], name) => (first === undefined ? undefined : durationMs(first, name)),
  ...style,
});

/** Reads `90s`, `2h30m`, `7d` as milliseconds; `name` says where the text comes from. */
export function durationMs(given: string, name: string): number {
  const { read, expected } = durationSchema();
  const ms = read(given);
  if (ms === undefined) throw usageError(`${name} is ${expected}, not "${given}"`);
  return ms;
}

/** Look again every 2 seconds, until Ctrl-C. Commands that take this very flag need not do anything for it. */
export const watchFlag = toggle("look again every 2 seconds, until Ctrl-C");

/** `planOnly` as it is written on a command line: `plan-only`. */
export const flagName = (key: string): string => key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

/** Every long name, aliases included, with the flag's key. */
export const namesOf = (flags: Flags): ReadonlyMap<string, string> =>
  new Map(
    Object.entries(flags).flatMap(([key, flag]) =>
      [flagName(key), ...(flag.aliases ?? [])].map((name): [string, string] => [name, key]),
    ),
  );

/** How these flags are written. */
export const shapesOf = (flags: Flags): FlagShapes =>
  Object.fromEntries(
    Object.entries(flags).map(([key, { kind, short, aliases }]) => [
      flagName(key),
      { isSwitch: kind === "switch", short, aliases },
    ]),
  );
