import { expect, test } from "vitest";
import { backoffMs } from "./backoff.ts";

test("waits grow from 1 to 64 seconds", () => {
  expect([0, 1, 2, 5, 6, 7, 1000].map((attempt) => backoffMs(attempt, 0))).toEqual([
    1_000, 2_000, 4_000, 32_000, 64_000, 64_000, 64_000,
  ]);
});

test("chance takes half of a wait at most", () => {
  expect(backoffMs(2, 1)).toBe(2_000);
  expect(backoffMs(2, 0.5)).toBe(3_000);
});
