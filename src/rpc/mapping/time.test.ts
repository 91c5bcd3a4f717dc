import { timestampDate } from "@bufbuild/protobuf/wkt";
import { expect, test } from "vitest";
import { optionalTime } from "./time.ts";

test("an instant that has not come is no field at all, so that it overwrites none", () => {
  expect(Object.keys(optionalTime("endTime", null))).toEqual([]);
});

test.each([
  "1969-12-31T23:59:59.999Z",
  "1970-01-01T00:00:00.000Z",
  "0001-01-01T00:00:00.000Z",
  "9999-12-31T23:59:59.999Z",
])("%s is told to the millisecond, under its name", (text) => {
  const { endTime, ...others } = optionalTime("endTime", new Date(text));
  expect(endTime === undefined ? undefined : timestampDate(endTime)).toEqual(new Date(text));
  expect(others).toEqual({});
});
