import { describe, expect, test } from "vitest";
import { choice, durationMs, flag } from "./setting-schemas.ts";
import { optionalSetting } from "./settings.ts";
import { answerCompletion } from "./shell-completion.ts";

const settings = {
  migrate: optionalSetting({ flag: "migrate", about: "what a start does", schema: choice("auto", "check", "off") }),
  keepRuns: optionalSetting({ flag: "keep-runs", about: "how long", schema: durationMs() }),
  noReflection: optionalSetting({ flag: "no-reflection", about: "none", schema: flag() }),
  masterKey: optionalSetting({ env: "WINDLASS_MASTER_KEY", about: "no flag", schema: durationMs() }),
};
const output = { name: "output", short: "o", value: "yaml|json", about: "the form" };
const commands = [
  { name: "gc", summary: "remove what is old", settings: { keepRuns: settings.keepRuns }, flags: [] },
  { name: "config", summary: "show settings", settings: {}, flags: [output, { name: "origin", about: "from where" }] },
];
const complete = async (...words: readonly string[]) => {
  const asked = ["--get-yargs-completions", ...words];
  const lines = await answerCompletion({ program: "windlassd", commands, settings }, asked);
  // In zsh and fish a word has its meaning behind it.
  return lines.split("\n").flatMap((line) => (line === "" ? [] : [line.replace(/[:\t].*/, "")]));
};

describe("the completion of a daemon", () => {
  test.each([
    [[""], ["gc", "config"]],
    [
      ["windlassd", ""],
      ["gc", "config"],
    ],
    [["--"], ["--migrate", "--keep-runs", "--no-reflection"]],
    [
      ["--no-reflection", "--"],
      ["--migrate", "--keep-runs"],
    ],
    [
      ["--migrate", ""],
      ["auto", "check", "off"],
    ],
    [["--migrate", "c"], ["check"]],
    [["gc", "--"], ["--keep-runs"]],
    [
      ["config", "--"],
      ["--output", "--origin"],
    ],
    [
      ["config", "--output", ""],
      ["yaml", "json"],
    ],
    [["--keep-runs", ""], []],
  ])("%j can become %j", async (words, expected) => expect(await complete(...words)).toEqual(expected));

  test("is asked for by the script of the shell", async () => {
    const script = await answerCompletion({ program: "windlassd", commands, settings }, ["completion"]);
    expect(script).toContain("windlassd --get-yargs-completions");
  });
});
