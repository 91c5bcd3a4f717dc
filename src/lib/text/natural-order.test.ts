import fc from "fast-check";
import { expect, test } from "vitest";
import { compareNaturally } from "./natural-order.ts";

test("numbers are counted", () => {
  const given = ["r[100]", "r[2]", "r[10]", "m.b[1].r", "m.a[10].r", "m.a[9].r", "r[1]", 'r["b"]', 'r["a"]'];
  const sorted = ["m.a[9].r", "m.a[10].r", "m.b[1].r", 'r["a"]', 'r["b"]', "r[1]", "r[2]", "r[10]", "r[100]"];
  expect(given.toSorted(compareNaturally)).toEqual(sorted);
});

const address = fc.string({ unit: fc.constantFrom("a", "r", "[", "]", "0", "1", "9", ".") });

test("it is a total order, so that a page can go on after a text", () =>
  fc.assert(
    fc.property(address, address, address, (a, b, c) => {
      expect(Math.sign(compareNaturally(a, b))).toBe(0 - Math.sign(compareNaturally(b, a)));
      expect(compareNaturally(a, b) === 0).toBe(a === b);
      if (compareNaturally(a, b) <= 0 && compareNaturally(b, c) <= 0) {
        expect(compareNaturally(a, c)).toBeLessThanOrEqual(0);
      }
    }),
    { numRuns: 2000 },
  ));
