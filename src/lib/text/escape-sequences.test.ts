import { expect, test } from "vitest";
import { withoutEscapes } from "./escape-sequences.ts";

test("colors, links, titles and cursor moves go, and what stands between them stays", () => {
  expect(
    withoutEscapes(
      "\u001b[1mAppl\u001b[0;31my\u001b[0m \u001b]8;;https://a.example\u0007here\u001b]8;;\u001b\\ \u001b(B\u001b=ok",
    ),
  ).toBe("Apply here ok");
});

test("a sequence that does not end ends with its line", () => {
  expect(withoutEscapes("a\u001b[31\nb\u001b]0;title\nc\u001b\nd\u001b")).toBe("a\nb\nc\nd");
});

test("the next sequence ends one that is not over", () => {
  expect(withoutEscapes("\u001b[3\u001b[1mbold\u001b]0;t\u001b[0mplain\u001b\u001b[7mx")).toBe("boldplainx");
});

test("hostile text costs no more than other text", () => {
  const bytes = 4 * 1024 * 1024;
  for (const hostile of ["\u001b[", "\u001b]", "\u001b", "\u001b ", "\u001b[;", "\u001bP\u001b"]) {
    const begin = performance.now();
    withoutEscapes(hostile.repeat(bytes / hostile.length));
    withoutEscapes(`${hostile}${";".repeat(bytes)}`);
    expect(performance.now() - begin).toBeLessThan(5_000);
  }
});
