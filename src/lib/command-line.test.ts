import { describe, expect, test } from "vitest";
import { helpText, terminalWidth } from "./command-line.ts";
import { text } from "./setting-schemas.ts";
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
