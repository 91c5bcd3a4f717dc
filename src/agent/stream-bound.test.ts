import { expect, test } from "vitest";
import { StreamBound } from "./stream-bound.ts";

test("a stream is renewed before the bound of a proxy once one was cut there, and not for any other end", () => {
  const bound = new StreamBound();
  for (const sent of [0, 500_000, 2_000_000]) bound.broke(sent);
  expect(bound.isReached(50_000_000)).toBe(false);
  bound.broke(1_040_000);
  expect(bound.isReached(899_999)).toBe(false);
  expect(bound.isReached(900_001)).toBe(true);
});
