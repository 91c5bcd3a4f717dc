import { describe, expect, test } from "vitest";
import { systemRandom } from "../random.ts";
import { backoffMs, reconnectBackoff } from "./backoff.ts";

const at = (fraction: number) => ({ ...systemRandom, fraction: () => fraction });

describe("backoff", () => {
  test("the bound doubles up to the cap", () => {
    const bounds = [0, 1, 2, 3, 4, 5].map((attempt) => backoffMs(reconnectBackoff, attempt, at(1)));
    expect(bounds).toEqual([5_000, 10_000, 20_000, 30_000, 30_000, 30_000]);
  });

  test("chance is applied on the first try and after the cap", () => {
    expect(backoffMs(reconnectBackoff, 0, at(0.5))).toBe(2_500);
    expect(backoffMs(reconnectBackoff, 1_000_000, at(0.25))).toBe(7_500);
    expect(backoffMs(reconnectBackoff, 3, at(0))).toBe(0);
  });
});
