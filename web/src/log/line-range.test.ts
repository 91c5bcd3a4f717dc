import { expect, test } from "vitest";
import { hashOf, lineRangeOf } from "./line-range.ts";

test("addresses name one line or several", () => {
  expect(lineRangeOf("#L120")).toEqual({ first: 120, last: 120 });
  expect(lineRangeOf("#L140-L120")).toEqual({ first: 120, last: 140 });
});

test.each(["", "#", "#L", "#L0", "#L-1", "#L1-", "#L1-L", "#L1e3", "#120", "#L99999999999"])(
  "%j names no lines",
  (hash) => {
    expect(lineRangeOf(hash)).toBeUndefined();
  },
);

test("what is written is read", () => {
  for (const hash of ["#L7", "#L7-L9"]) expect(hashOf(lineRangeOf(hash) ?? { first: 0, last: 0 })).toBe(hash);
});
