import { describe, expect, test } from "vitest";
import { entriesOf, fieldOf, given, isKeyOf, isRecord, keysOf, lookUp } from "./records.ts";

test("a record is an object with names, and neither null nor a list", () => {
  expect([{}, { a: 1 }, Object.create(null)].map(isRecord)).toEqual([true, true, true]);
  expect([null, undefined, [], "text", 1].map(isRecord)).toEqual([false, false, false, false, false]);
});

test("a field of what is no record is undefined", () => {
  expect(fieldOf({ a: 1 }, "a")).toBe(1);
  expect([{ b: 1 }, null, undefined, "a", ["a"]].map((value) => fieldOf(value, "a"))).toEqual(Array(5).fill(undefined));
});

test("what is undefined is left out, and nothing else is", () => {
  const shown = given({ left: undefined, no: null, empty: "", zero: 0 });
  expect(Object.keys(shown)).toEqual(["no", "empty", "zero"]);
});

describe("a table", () => {
  const table = { one: 1, two: 2 } as const;

  test("has its names and entries in order", () => {
    expect(keysOf(table)).toEqual(["one", "two"]);
    expect(entriesOf(table)).toEqual([
      ["one", 1],
      ["two", 2],
    ]);
  });

  test("does not have the names that every object has", () => {
    expect(isKeyOf(table, "one")).toBe(true);
    expect(isKeyOf(table, "toString")).toBe(false);
    expect(lookUp(table, "toString")).toBeUndefined();
  });

  test("is looked up by number too", () => {
    expect(lookUp({ 1: "first" }, 1)).toBe("first");
    expect(lookUp({ 1: "first" }, 2)).toBeUndefined();
  });
});
