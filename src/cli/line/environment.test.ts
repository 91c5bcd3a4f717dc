import { Writable } from "node:stream";
import { describe, expect, test } from "vitest";
import { hasColor, isInteractive, signs } from "../terminal/terminal.ts";
import { unknownVariables } from "./environment.ts";

const tty = { stream: new Writable(), isTty: true, columns: 80 };
const pipe = { stream: new Writable(), isTty: false, columns: undefined };

describe("variables", () => {
  test("one that looks like ours and is not is named, with the nearest", async () => {
    expect(await unknownVariables({ WINDLASS_ADRESS: "x", HOME: "/" })).toEqual([
      "WINDLASS_ADRESS is not a variable of Windlass. Did you mean WINDLASS_ADDRESS?",
    ]);
  });

  test("those of the other two programs are known", async () => {
    const others = { WINDLASS_AGENT_TOKEN: "x", WINDLASS_LISTEN: "x", WINDLASS_MASTER_KEY_FILE: "x" };
    expect(await unknownVariables(others)).toEqual([]);
  });
});

describe("colours", () => {
  test.each([
    [tty, {}, true],
    [pipe, {}, false],
    [pipe, { CI: "true" }, false],
    [tty, { NO_COLOR: "1" }, false],
    [tty, { NO_COLOR: "" }, true],
    [pipe, { FORCE_COLOR: "1" }, true],
    [pipe, { FORCE_COLOR: "0" }, false],
    [tty, { TERM: "dumb" }, false],
    [tty, { NO_COLOR: "1", FORCE_COLOR: "1" }, false],
  ])("case %#", (stream, environment, expected) => expect(hasColor(stream, environment, {})).toBe(expected));

  test("--no-color wins over everything", () =>
    expect(hasColor(tty, { FORCE_COLOR: "1" }, { noColor: true, color: "always" })).toBe(false));

  test.each([
    ["always", { NO_COLOR: "1" }, true],
    ["never", { FORCE_COLOR: "1" }, false],
    ["auto", { NO_COLOR: "1" }, false],
  ] as const)("--color=%s wins over the environment", (color, environment, expected) =>
    expect(hasColor(tty, environment, { color })).toBe(expected),
  );
});

describe("asking", () => {
  const io = (isTty: boolean, environment = {}) =>
    ({ stdin: { isTty }, stderr: { isTty }, environment }) as unknown as Parameters<typeof isInteractive>[0];

  test.each([
    [io(true), {}, true],
    [io(false), {}, false],
    [io(true, { CI: "true" }), {}, false],
    [io(true, { CI: "false" }), {}, true],
    [io(true, { WINDLASS_NO_INPUT: "1" }), {}, false],
    [io(true), { noInput: true }, false],
  ])("case %#", (where, flags, expected) => {
    expect(isInteractive(where, { noInput: undefined, ...flags })).toBe(expected);
  });
});

test("signs have ASCII forms where the locale is not UTF-8", () => {
  expect(signs({ LANG: "C" }).ok).toBe("ok");
  expect(signs({ LANG: "de_DE.UTF-8" }).ok).toBe("✓");
  expect(signs({ LANG: "de_DE.UTF-8", LC_ALL: "C" }).ok).toBe("ok");
});
