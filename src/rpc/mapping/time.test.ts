import { expect, test } from "vitest";
import { fromTime, toTime } from "./time.ts";

test("an instant that has not come is none, in both directions", () => {
  expect(toTime(null)).toBeUndefined();
  expect(fromTime(undefined)).toBeNull();
});

test.each([
  "1969-12-31T23:59:59.999Z",
  "1970-01-01T00:00:00.000Z",
  "0001-01-01T00:00:00.000Z",
  "9999-12-31T23:59:59.999Z",
])("%s is told and read to the millisecond", (text) => {
  expect(fromTime(toTime(new Date(text)))).toEqual(new Date(text));
});
