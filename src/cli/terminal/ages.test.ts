import { describe, expect, test } from "vitest";
import { ageText, bytesText, spanText, timeText, whenText } from "./ages.ts";

const now = new Date("2026-01-01T00:00:00Z");
const at = (text: string) => ({
  seconds: BigInt(Date.parse(text) / 1000),
  nanos: 0,
  $typeName: "google.protobuf.Timestamp" as const,
});

describe("times for people", () => {
  test.each([
    [0, "0s"],
    [999, "0s"],
    [133_000, "2m13s"],
    [3_600_000, "1h"],
    [3_605_000, "1h"],
    [90_000_000, "1d1h"],
    [7 * 86_400_000, "7d"],
    [-5, "0s"],
  ])("%i ms are %s", (ms, text) => expect(spanText(ms)).toBe(text));

  test("what has not happened is empty, never 1970", () => {
    expect([ageText(undefined, now), whenText(undefined, now), timeText(undefined)]).toEqual(["", "", ""]);
  });

  test("past and future", () => {
    expect(whenText(at("2026-01-04T00:00:00Z"), now)).toBe("in 3d");
    expect(whenText(at("2025-12-31T23:59:00Z"), now)).toBe("1m ago");
    expect(ageText(at("2025-12-31T22:00:00Z"), now)).toBe("2h");
    expect(timeText(at("2025-12-31T22:00:00Z"))).toBe("2025-12-31T22:00:00Z");
  });

  test("bytes", () => {
    expect([bytesText(0), bytesText(999n), bytesText(1_300_000), bytesText(5e12)]).toEqual([
      "0 B",
      "999 B",
      "1.3 MB",
      "5000.0 GB",
    ]);
  });
});
