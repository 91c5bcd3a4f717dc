import { expect, test } from "vitest";
import { addressOnly, inFlightNames } from "./resource-in-flight.ts";

const named = (count: number) => Array.from({ length: count }, (_, n) => addressOnly(`t.a[${n}]`));

test("resources in flight are named, with what identifies them where that is known", () => {
  expect(inFlightNames([])).toBe("");
  expect(inFlightNames([addressOnly("t.a"), { address: "t.b", action: "update", idKey: "arn", id: "a:1" }])).toBe(
    "t.a, t.b [arn=a:1]",
  );
});

test("ten are named, and the rest is counted", () => {
  expect(inFlightNames(named(10))).toMatch(/t\.a\[9\]$/);
  expect(inFlightNames(named(11))).toMatch(/t\.a\[8\], t\.a\[9\] and 1 more$/);
  expect(inFlightNames(named(1_000))).toMatch(/ and 990 more$/);
});

test("a long name is cut", () => {
  expect(inFlightNames([addressOnly("a".repeat(200))])).toBe("a".repeat(200));
  expect(inFlightNames([addressOnly("a".repeat(201))])).toBe(`${"a".repeat(200)}…`);
  expect(inFlightNames([{ address: "t.a", action: "create", idKey: "id", id: "x".repeat(500) }])).toHaveLength(201);
});
