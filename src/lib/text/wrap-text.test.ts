import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { cutText, indentOf, textWidth, wrapLine } from "./wrap-text.ts";

describe("a line is broken at blanks", () => {
  test.each([
    ["what fits stays", "a b c", 5, ["a b c"]],
    [
      "what goes on stands below the text",
      "  --flag  one two three four five six",
      30,
      ["  --flag  one two three four", "          five six"],
    ],
    [
      "in a narrow place a little further in",
      "  --a-very-long-flag  one two",
      24,
      ["  --a-very-long-flag", "      one two"],
    ],
    [
      "a word that is too long stays whole",
      "see https://example.com/a/b/c now",
      10,
      ["see", "https://example.com/a/b/c", "now"],
    ],
    ["wide letters count twice", "漢字 漢字 漢字", 9, ["漢字 漢字", "漢字"]],
  ])("%s", (_rule, line, width, expected) => expect(wrapLine(line, width, indentOf(line, width))).toEqual(expected));

  test("no word is lost, and none but a long one stands out", () =>
    fc.assert(
      fc.property(
        fc.array(fc.string({ unit: fc.constantFrom("a", "b", "漢", "é"), minLength: 1 })),
        fc.integer({ min: 1, max: 40 }),
        (words, width) => {
          const lines = wrapLine(words.join(" "), width, 0);
          expect(lines.join(" ")).toBe(words.join(" "));
          for (const line of lines) if (line.includes(" ")) expect(textWidth(line)).toBeLessThanOrEqual(width);
        },
      ),
    ));
});

test("a text is cut between letters, by the columns they take", () => {
  expect([cutText("network", 7), cutText("network", 4), cutText("漢字漢", 4)]).toEqual(["network", "net…", "漢…"]);
});
