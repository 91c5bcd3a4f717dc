import { expect, test } from "vitest";
import { heredocEnd, scanHcl } from "./scan.ts";

test.each([
  ["EOT", "plain"],
  [" \tEOT \t\r", "plain"],
  ["EOT\u00a0", "strange"],
  ["\ufeffEOT", "strange"],
  ["EOT\u0085", "strange"],
  ["EOT x", "none"],
  ["EOTEOT", "none"],
  ["", "none"],
])("of the line %j it is said whether it closes a heredoc", (line, closing) => {
  expect(heredocEnd(line, "EOT")).toBe(closing);
});

test("blanks in the middle of a line of a heredoc are passed once", () => {
  const text = `x = <<EOT\nb${" ".repeat(250_000)}b\nEOT\n`;
  expect(scanHcl(text).map(({ kind }) => kind)).toEqual(["identifier", "symbol", "heredoc", "newline", "end"]);
});
