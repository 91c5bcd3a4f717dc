import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { shellWord } from "./shell-word.ts";

const words = [
  ...[
    "network",
    "",
    "two words",
    "it's",
    "$(id)",
    "`id`",
    "a;id",
    "a|id",
    "a&id",
    "a>b",
    "~",
    "~root",
    "*",
    "{a,b}",
    "=ls",
    "#x",
  ],
  ...[
    "$HOME",
    "!!",
    "\\",
    "a\\'b",
    "end\\",
    "größe",
    "🚀",
    "two\nlines",
    "tab\there",
    "\u001b[201~\nid\n",
    "\u0085c1",
    "\u009b0m7",
  ],
  "it's $(id) \u001b[201~",
];

test.each(words)("%j is one word of a shell, and nothing is run", (word) => {
  expect(execFileSync("bash", ["-c", `printf '%s|' ${shellWord(word)}`], { encoding: "utf8" })).toBe(`${word}|`);
});

test("what a terminal would take for a key is spelled out", () => {
  for (const word of words) expect(shellWord(word)).not.toMatch(/\p{Cc}/u);
});

test("plain words stay as they are", () => {
  expect(["network", "a=b", "run_7f", "eu-west-1", "1.9.0", "./dir", "a@b.c"].map(shellWord)).toEqual([
    "network",
    "a=b",
    "run_7f",
    "eu-west-1",
    "1.9.0",
    "./dir",
    "a@b.c",
  ]);
});
