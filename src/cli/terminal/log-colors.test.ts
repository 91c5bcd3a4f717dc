import { expect, test } from "vitest";
import { LogColors } from "./log-colors.ts";

/** What terraform 1.11 prints on a terminal, its doubled resets left out: `<g+>` is a green sign. */
const marks: Readonly<Record<string, string>> = {
  "31": "r",
  "32": "g",
  "33": "y",
  "36": "c",
  "90": "d",
  "1": "b",
  "1;31": "R",
  "1;32": "G",
  "1;33": "Y",
};
const readable = (text: string): string =>
  text
    .replaceAll("\u001b[0m", ">")
    .replace(new RegExp(`${"\u001b"}\\[([0-9;]*)m`, "g"), (_, code) => `<${marks[code]} `);

test.each([
  ['  + resource "terraform_data" "c" {', '  <g +> resource "terraform_data" "c" {'],
  ['-/+ resource "terraform_data" "r" {', '<r ->/<g +> resource "terraform_data" "r" {'],
  ["  # terraform_data.d[0] will be destroyed", "<b   # terraform_data.d[0]> will be <R destroyed>"],
  ["  # terraform_data.u will be updated in-place", "<b   # terraform_data.u> will be updated in-place"],
  ["  # (because index [0] is out of range for count)", "<d   # (because index [0] is out of range for count)>"],
  ['      - id = "c4" -> null', '      <r -> id = "c4" <d -> null>'],
  ['      ~ k = "a" -> "b" # forces replacement', '      <y ~> k = "a" <y ->> "b" <r # forces replacement>'],
  ["      ~ id = 1 -> (known after apply)", "      <y ~> id = 1 -> (known after apply)"],
  ["Plan: 2 to add, 1 to change, 2 to destroy.", "<b Plan:> 2 to add, 1 to change, 2 to destroy."],
  ["No changes. Your infrastructure matches.", "<G No changes.><b  Your infrastructure matches.>"],
  ["Apply complete! Resources: 1 added.", "<G Apply complete! Resources: 1 added.>"],
  ["Error: Unclosed configuration block", "<R Error: ><b Unclosed configuration block>"],
  ["terraform_data.d[0]: Creating...", "<b terraform_data.d[0]: Creating...>"],
  ["terraform_data.d (local-exec): - a list of its own", "terraform_data.d (local-exec): - a list of its own"],
  ["\u001b[32m+ coloured by itself", "<g + coloured by itself"],
])("%s", (line, expected) => {
  for (const at of [0, 1, Math.floor(line.length / 2), line.length]) {
    const colors = new LogColors();
    const shown = colors.take(line.slice(0, at)) + colors.take(`${line.slice(at)}\n`) + colors.end();
    expect(readable(shown)).toBe(`${expected}\n`);
  }
});

test("a line without an end is shown when the log has ended", () => {
  const colors = new LogColors();
  expect(colors.take("Plan: 1")).toBe("");
  expect(readable(colors.end())).toBe("<b Plan:> 1");
});
