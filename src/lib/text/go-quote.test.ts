import fc from "fast-check";
import { expect, test } from "vitest";
import { counted } from "./counted.ts";
import { goQuote } from "./go-quote.ts";
import { shownSize } from "./size-text.ts";

// Each as Go's `strconv.Quote` writes it.
test.each([
  ["", '""'],
  ["plain", '"plain"'],
  ['a"b\\c', '"a\\"b\\\\c"'],
  ["\u0007\b\f\n\r\t\v", '"\\a\\b\\f\\n\\r\\t\\v"'],
  ["\u0000\u001b\u007f", '"\\x00\\x1b\\x7f"'],
  ["naïve 漢字 é", '"naïve 漢字 é"'],
  ["\u00a0\u2028\u200b", '"\\u00a0\\u2028\\u200b"'],
  ["😀\u{e0041}\u{10ffff}", '"😀\\U000e0041\\U0010ffff"'],
  ["'single'", "\"'single'\""],
])("%j is quoted as Go does", (text, quoted) => {
  expect(goQuote(text)).toBe(quoted);
});

test("nothing that acts on a terminal stands in what is quoted, and nothing ends it early", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      const inside = goQuote(text).slice(1, -1);
      expect(inside).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
      expect(inside.replace(/\\./g, "")).not.toContain('"');
    }),
  );
});

test.each([
  [0, "0 files"],
  [1, "1 file"],
  [2, "2 files"],
  [1n, "1 file"],
  [18_446_744_073_709_551_615n, "18446744073709551615 files"],
])("%s is counted", (count, text) => {
  expect(counted(count, "file")).toBe(text);
});

test.each([
  [0, "0 B"],
  [999, "999 B"],
  [1_023, "1023 B"],
  [1_024, "1.0 KiB"],
  [10 * 1_024, "10 KiB"],
  [1.5 * 2 ** 20, "1.5 MiB"],
  [5 * 2 ** 30, "5.0 GiB"],
  [5_000 * 2 ** 30, "5000 GiB"],
])("%d bytes are shown as %s", (bytes, text) => {
  expect(shownSize(bytes)).toBe(text);
});
