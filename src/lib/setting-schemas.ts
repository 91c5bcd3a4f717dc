import { resolve } from "node:path";

/** What turns the text of one setting into its value, and back. */
export interface SettingSchema<T> {
  /** What a text has to be, for messages: `a duration such as 90s, 2h30m or 7d`. */
  readonly expected: string;
  /** What stands for the value in texts for people: `DURATION`. */
  readonly placeholder: string;
  /** The only texts there are, where they can be counted. */
  readonly words?: readonly string[];
  /** What of a text that is refused may be shown, if not all of it. */
  readonly shown?: (text: string) => string;
  /** The flag alone means true. */
  readonly isSwitch?: boolean;
  /** The flag may be given again: all of its texts count, as if commas stood between them. */
  readonly isRepeatable?: boolean;
  /** Undefined for a text that is none. */
  read(text: string): T | undefined;
  /** What is wrong with a text that is none, where that can be told more exactly than by what was expected; shows no secret. */
  readonly why?: (text: string) => string | undefined;
  /** The text that is read as this value. */
  write(value: T): string;
}

/** A schema of `expected` things: `read` answers undefined for a text that is none. Values are written as they are. */
export const parsed = <T>(
  expected: string,
  read: (text: string) => T | undefined,
  placeholder = "TEXT",
): SettingSchema<T> => ({ expected, placeholder, read, write: String });

/** A schema together with how its values are written: the way back from a value to its text. */
export const written = <T>(schema: SettingSchema<T>, write: (value: T) => string): SettingSchema<T> => ({
  ...schema,
  write,
});

/** The text that the schema reads as this value. */
export const settingText = <T>(schema: SettingSchema<T>, value: T): string => schema.write(value);

const durationUnits: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const sizeUnits: Readonly<Record<string, number>> = {
  B: 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
};

/** Any text that is not empty. */
export const text = (placeholder = "TEXT"): SettingSchema<string> => parsed("some text", (value) => value, placeholder);

/** A file or directory, as an absolute path: one that is relative lies below the directory of the start. */
export const path = (placeholder: "FILE" | "DIR"): SettingSchema<string> =>
  parsed("a path", (value) => resolve(value), placeholder);

/** Such paths, separated by commas. */
export const pathList = (): SettingSchema<readonly string[]> =>
  written(
    parsed("paths such as /opt/a,/opt/b", (value) => items(value).map((one) => resolve(one)), "PATH,PATH"),
    (paths) => paths.join(","),
  );

/** `90s`, `2h30m`, `7d`, `250ms`, or `0`, in milliseconds. */
export const durationMs = (): SettingSchema<number> =>
  written(parsed("a duration such as 90s, 2h30m or 7d", parseDurationMs, "DURATION"), (value) =>
    inUnits(value, durationUnits, "ms"),
  );

/** `100MiB`, `64KB`, or a plain number of bytes. */
export const sizeBytes = (): SettingSchema<number> =>
  written(parsed("a size such as 100MiB or 64KB", parseSizeBytes, "SIZE"), (value) => inUnits(value, sizeUnits, ""));

const booleans = new Map([
  ["true", true],
  ["1", true],
  ["false", false],
  ["0", false],
]);

/** `true`, `false`, `1` or `0`; the flag alone is true. */
export const flag = (): SettingSchema<boolean> => ({
  ...parsed("true or false", (value) => booleans.get(value), "true|false"),
  isSwitch: true,
});

/** A whole number within the bounds, both included. */
export const integer = (min: number, max: number): SettingSchema<number> =>
  parsed(
    `a whole number from ${min} to ${max}`,
    (value) => {
      const number = Number(value);
      return /^-?\d+$/.test(value) && number >= min && number <= max ? number : undefined;
    },
    "N",
  );

/** One of the given words. */
export const choice = <const Word extends string>(...words: readonly Word[]): SettingSchema<Word> => ({
  ...parsed(words.join(" or "), (value) => words.find((word) => word === value), words.join("|")),
  words,
});

/** Texts separated by commas; blanks around them do not count. */
export const list = (): SettingSchema<readonly string[]> =>
  written(parsed("a list such as a,b,c", items, "A,B"), (values) => values.join(","));

const items = (value: string): readonly string[] =>
  value
    .split(",")
    .map((item) => item.trim())
    .filter((item) => item !== "");

/** A number in the largest unit that it is a whole number of; in `plain` if it is none. */
function inUnits(value: number, units: Readonly<Record<string, number>>, plain: string): string {
  if (value === 0) return "0";
  const fitting = Object.entries(units).filter(([, size]) => value % size === 0);
  const [unit = plain, size = 1] = fitting.toSorted(([, a], [, b]) => b - a)[0] ?? [];
  return `${value / size}${size === 1 ? plain : unit}`;
}

function parseDurationMs(value: string): number | undefined {
  if (value === "0") return 0;
  if (!/^(\d+(\.\d+)?(ms|[smhd]))+$/.test(value)) return undefined;
  const parts = value.matchAll(/(\d+(?:\.\d+)?)(ms|[smhd])/g);
  return [...parts].reduce(
    (sum, [, count, unit]) => sum + Number(count) * (durationUnits[unit ?? ""] ?? Number.NaN),
    0,
  );
}

function parseSizeBytes(value: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)\s*([KMGT]i?B|B)?$/.exec(value);
  const unit = sizeUnits[match?.[2] ?? "B"];
  return match === null || unit === undefined ? undefined : Math.floor(Number(match[1]) * unit);
}
