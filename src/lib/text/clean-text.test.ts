import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { cleanLines, escapedJson, escapedYaml, hasActing, oneLine } from "./clean-text.ts";

/** What no terminal, editor or CI may get: told apart here by Unicode's own categories, not by the ranges of the cleaner. */
const isActing = (text: string): boolean =>
  /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u.test(
    text
      .replace(/[\t\n]/g, "")
      .replace(
        /[\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\u{110bd}\u{110cd}\u{13430}-\u{1343f}\u{1bca0}-\u{1bca3}]/gu,
        "",
      ),
  );

const hostile = fc.string({
  unit: fc.oneof(
    fc.constantFrom(
      ..."\u001b]0;m\u0007\r\n\t[2J\u009b\u009d\u202e\u2066\u200b\u200d\u2028\u2029\ufeff\u00ad\u061c\u2060\ud800",
    ),
    fc.integer({ min: 0, max: 0x10ffff }).map((point) => String.fromCodePoint(point)),
    fc.constantFrom("a", "é", "漢", "\u{e0041}"),
  ),
});

describe("whatever comes, nothing acts on a terminal", () => {
  test("on one line", () =>
    fc.assert(
      fc.property(hostile, (text) => {
        expect(isActing(oneLine(text))).toBe(false);
        expect(oneLine(text)).not.toMatch(/[\t\n]/);
      }),
    ));

  test("on several lines", () =>
    fc.assert(
      fc.property(hostile, (text) => {
        expect(isActing(cleanLines(text))).toBe(false);
      }),
    ));

  test("nothing is left to clean", () =>
    fc.assert(
      fc.property(hostile, (text) => {
        expect([hasActing(oneLine(text)), hasActing(cleanLines(text))]).toEqual([false, false]);
      }),
    ));

  test("JSON says the same afterwards", () =>
    fc.assert(
      fc.property(hostile, (text) => {
        const json = escapedJson(JSON.stringify({ [text]: [text] }, undefined, 2));
        expect(isActing(json)).toBe(false);
        const whole = text.toWellFormed();
        if (text === whole) expect(JSON.parse(json)).toEqual({ [whole]: [whole] });
      }),
    ));
});

describe("lines", () => {
  test.each([
    ["a carriage return alone ends a line", "50%\r100%\r\ndone\n", "50%\n100%\ndone\n"],
    ["letters of every language stay", "naïve 漢字 שלום é", "naïve 漢字 שלום é"],
    ["directions cannot be changed", "a\u202eb\u2066c\u2069", "abc"],
  ])("%s", (_rule, given, kept) => expect(cleanLines(given)).toBe(kept));

  test("on one line a break is a blank", () => expect(oneLine("a\r\nb\tc\u2028d")).toBe("a b c d"));

  test("YAML says the same afterwards", () => {
    const given = "a\u009b\u202e\u{e0041}";
    const yaml = escapedYaml(`"${given}"`);
    expect(yaml).toBe('"a\\u009b\\u202e\\U000e0041"');
    expect(parse(yaml)).toBe(given);
  });
});
