import { describe, expect, test } from "vitest";
import { helpText, readCommandLine, terminalWidth } from "./command-line.ts";
import { flag, text } from "./setting-schemas.ts";
import { optionalSetting, setting } from "./settings.ts";

const settings = {
  keepRuns: optionalSetting({
    flag: "keep-runs",
    env: "WINDLASS_KEEP_RUNS",
    about: "how long ".repeat(20).trim(),
    schema: text(),
  }),
  listen: setting({ flag: "listen", env: "WINDLASS_LISTEN", about: "address", schema: text() }, "127.0.0.1:7070"),
};
const parts = {
  usage: "windlassd [flags]",
  about: "It serves. ".repeat(30).trim(),
  examples: ["windlassd --listen 127.0.0.1:7070   serves on this machine only, and on no other one at all"],
  sections: [
    { title: "Commands", rows: [["windlassd backup FILE", "writes everything that there is into one file"]] as const },
  ],
};
const lines = (width: number | undefined) => helpText(settings, parts, width).split("\n");
const words = (all: readonly string[]) => all.join(" ").split(/\s+/);

describe("a help text", () => {
  test.each([60, 80, 100, 108, 120, 200])("fits a terminal of %i columns, and says the same", (width) => {
    expect(lines(width).filter((line) => line.length > width)).toEqual([]);
    expect(words(lines(width))).toEqual(words(lines(undefined)));
  });

  test("has what a setting means below its names where there is no room beside them", () => {
    expect(lines(80)).toContain("      address [127.0.0.1:7070]");
    expect(lines(120)).not.toContain("      address [127.0.0.1:7070]");
  });
});

test.each([
  [{ isTTY: true, columns: 80 }, 80],
  [{ columns: 80 }, undefined],
  [{}, undefined],
])("only a terminal has a width: %j", (stream, width) => {
  expect(terminalWidth(stream)).toBe(width);
});

describe("the command line of a daemon", () => {
  const all = { ...settings, plain: setting({ flag: "allow-plaintext", about: "…", schema: flag() }, false) };
  const own = [
    { name: "force", about: "…" },
    { name: "output", short: "o", value: "yaml|json", about: "…" },
  ];
  const read = (...argv: readonly string[]) => readCommandLine(all, argv, { own, maxWords: 1 });

  test("has flags of the settings, of the command, and words", () => {
    expect(read("--listen", "a:1", "-ojson", "--force", "-", "--allow-plaintext", "--keep-runs=0x10")).toEqual({
      kind: "flags",
      flags: { listen: "a:1", "allow-plaintext": "true", "keep-runs": "0x10" },
      own: { output: "json", force: "true" },
      words: ["-"],
    });
  });

  test("a switch that is off is off: of the command it is absent, of the settings it may win over a variable", () => {
    expect(read("--force=false", "--allow-plaintext=false")).toMatchObject({
      own: {},
      flags: { "allow-plaintext": "false" },
    });
    expect(read("--force=0")).toMatchObject({ own: {} });
  });

  test("of a flag that is given again the last one counts", () => {
    expect(read("--listen", "a:1", "--force", "--listen", "a:2", "--force=false")).toMatchObject({
      flags: { listen: "a:2" },
      own: {},
    });
  });

  test.each([
    ["--help", "help"],
    ["-h", "help"],
    ["--version", "version"],
  ])("%s stands before everything that is wrong", (asked, kind) => {
    expect(read("--listne", asked)).toEqual({ kind });
  });

  test("everything that is wrong is told at once", () => {
    expect(read("--listne", "a:1", "--listen", "--force=maybe", "x", "y")).toEqual({
      kind: "invalid",
      problems: [
        "unknown flag --listne: did you mean --listen?",
        "--listen needs a value",
        '--force: expected true or false, got "maybe"',
        'unexpected argument "y"',
      ],
    });
  });
});
