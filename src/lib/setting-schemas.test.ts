import { describe, expect, test } from "vitest";
import {
  choice,
  durationMs,
  flag,
  integer,
  list,
  type SettingSchema,
  settingText,
  sizeBytes,
  text,
} from "./setting-schemas.ts";

const parse = <T>(schema: SettingSchema<T>, value: string) => schema.read(value) ?? `expected ${schema.expected}`;

describe("setting schemas", () => {
  test.each([
    ["90s", 90_000],
    ["2h30m", 9_000_000],
    ["7d", 604_800_000],
    ["250ms", 250],
    ["1.5s", 1_500],
    ["0", 0],
  ])("the duration %s is %d ms", (value, ms) => {
    expect(parse(durationMs(), value)).toBe(ms);
  });

  test.each(["", "90", "s", "-5s", "1 h", "5 minutes"])("%j is not a duration", (value) => {
    expect(parse(durationMs(), value)).toBe("expected a duration such as 90s, 2h30m or 7d");
  });

  test.each([
    ["100MiB", 104_857_600],
    ["64KB", 64_000],
    ["1.5 GiB", 1_610_612_736],
    ["512", 512],
    ["7B", 7],
  ])("the size %s is %d bytes", (value, bytes) => {
    expect(parse(sizeBytes(), value)).toBe(bytes);
  });

  test.each(["", "MiB", "10mb", "-1"])("%j is not a size", (value) => {
    expect(parse(sizeBytes(), value)).toMatch("expected a size");
  });

  test("flags, numbers, words, lists and texts", () => {
    expect([parse(flag(), "1"), parse(flag(), "false"), parse(flag(), "yes")]).toEqual([
      true,
      false,
      "expected true or false",
    ]);
    expect([parse(integer(1, 9), "3"), parse(integer(1, 9), "10"), parse(integer(1, 9), "3.5")]).toEqual([
      3,
      "expected a whole number from 1 to 9",
      "expected a whole number from 1 to 9",
    ]);
    expect([parse(choice("a", "b"), "a"), parse(choice("a", "b"), "c")]).toEqual(["a", "expected a or b"]);
    expect(parse(list(), "a, b,,c")).toEqual(["a", "b", "c"]);
    expect(parse(text(), " x ")).toBe(" x ");
  });

  test("values are written as they can be read again", () => {
    expect([0, 1, 90_000, 5_400_000, 604_800_000].map((ms) => settingText(durationMs(), ms))).toEqual([
      "0",
      "1ms",
      "90s",
      "90m",
      "7d",
    ]);
    expect([0, 7, 1_000_000, 64 * 2 ** 20].map((bytes) => settingText(sizeBytes(), bytes))).toEqual([
      "0",
      "7",
      "1MB",
      "64MiB",
    ]);
    expect(settingText(list(), ["a", "b"])).toBe("a,b");
    expect(settingText(integer(0, 9), 3)).toBe("3");
  });
});
