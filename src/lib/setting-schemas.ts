import { resolve } from "node:path";
import { z } from "zod";

/** What turns the text of one setting into its value; the issue's message says what was expected. */
export type SettingSchema<T> = z.ZodType<T, string>;

/** How values are written, for the schemas whose values are not written as they are. */
const writers = new WeakMap<z.ZodType, (value: never) => string>();

/** A schema together with how its values are written: the way back from a value to its text. */
export function written<T>(schema: SettingSchema<T>, write: (value: T) => string): SettingSchema<T> {
  writers.set(schema, write);
  return schema;
}

/** The text that the schema reads as this value. */
export function settingText<T>(schema: SettingSchema<T>, value: T): string {
  const write = writers.get(schema) as ((value: T) => string) | undefined;
  return write === undefined ? String(value) : write(value);
}

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
export const text = (): SettingSchema<string> => parsed("some text", (value) => value);

/** A file or directory, as an absolute path: one that is relative lies below the directory of the start. */
export const path = (): SettingSchema<string> => parsed("a path", (value) => resolve(value));

/** Such paths, separated by commas. */
export const pathList = (): SettingSchema<readonly string[]> =>
  written(
    parsed("paths such as /opt/a,/opt/b", (value) => items(value).map((one) => resolve(one))),
    (paths) => paths.join(","),
  );

/** `90s`, `2h30m`, `7d`, `250ms`, or `0`, in milliseconds. */
export const durationMs = (): SettingSchema<number> =>
  written(parsed("a duration such as 90s, 2h30m or 7d", parseDurationMs), (value) =>
    inUnits(value, durationUnits, "ms"),
  );

/** `100MiB`, `64KB`, or a plain number of bytes. */
export const sizeBytes = (): SettingSchema<number> =>
  written(parsed("a size such as 100MiB or 64KB", parseSizeBytes), (value) => inUnits(value, sizeUnits, ""));

/** `true`, `false`, `1` or `0`. */
export const flag = (): SettingSchema<boolean> =>
  parsed("true or false", (value) =>
    new Map([
      ["true", true],
      ["1", true],
      ["false", false],
      ["0", false],
    ]).get(value),
  );

/** A whole number within the bounds, both included. */
export const integer = (min: number, max: number): SettingSchema<number> =>
  parsed(`a whole number from ${min} to ${max}`, (value) => {
    const number = Number(value);
    return /^-?\d+$/.test(value) && number >= min && number <= max ? number : undefined;
  });

/** One of the given words. */
export const choice = <const Word extends string>(...words: readonly Word[]): SettingSchema<Word> =>
  parsed(words.join(" or "), (value) => words.find((word) => word === value));

/** Texts separated by commas; blanks around them do not count. */
export const list = (): SettingSchema<readonly string[]> =>
  written(parsed("a list such as a,b,c", items), (values) => values.join(","));

const items = (value: string): readonly string[] =>
  value
    .split(",")
    .map((item) => item.trim())
    .filter((item) => item !== "");

/** A schema of `expected` things: `parse` answers undefined for a text that is none. */
export const parsed = <T>(expected: string, parse: (value: string) => T | undefined): SettingSchema<T> =>
  z.string().transform((value, context) => {
    const result = parse(value);
    if (result !== undefined) return result;
    context.addIssue({ code: "custom", message: `expected ${expected}` });
    return z.NEVER;
  });

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
