import { expect, test } from "vitest";
import { durationFlag, parseDuration } from "./duration.ts";

test.each([
  ["", 0],
  ["0", 0],
  ["90s", 90],
  ["1h30m", 5400],
  ["2d", 172_800],
])("%j is %i seconds", (text, seconds) => {
  expect(parseDuration(text)).toBe(seconds);
});

test.each(["30", "m", "1.5h", "1h 30m", "-5m", "1w"])("%j is no duration", (text) => {
  expect(parseDuration(text)).toBeUndefined();
});

test("what is shown can be read again", () => {
  for (const seconds of [0, 1, 90, 5400, 86_400, 93_784])
    expect(parseDuration(durationFlag({ seconds: BigInt(seconds) }))).toBe(seconds);
});
