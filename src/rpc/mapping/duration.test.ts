import { create } from "@bufbuild/protobuf";
import { DurationSchema, durationFromMs } from "@bufbuild/protobuf/wkt";
import fc from "fast-check";
import { expect, test } from "vitest";
import { fromDuration } from "./duration.ts";

test("one that was left out is none", () => {
  expect(fromDuration(undefined)).toBeNull();
});

test.each([
  [0n, 0, 0],
  [0n, 1, 1],
  [0n, 499_999, 1],
  [0n, 500_000, 1],
  [0n, 999_999, 1],
  [0n, 1_000_000, 1],
  [0n, 1_000_001, 2],
  [1n, 999_999_999, 2_000],
  [315_576_000_000n, 0, 315_576_000_000_000],
])("%d s and %d ns are %d ms: rounded up, so that the shortest is not none", (seconds, nanos, ms) => {
  expect(fromDuration(create(DurationSchema, { seconds, nanos }))).toBe(ms);
});

test("whole milliseconds come back as they were", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 315_576_000_000_000 }), (ms) => fromDuration(durationFromMs(ms)) === ms),
  );
});
