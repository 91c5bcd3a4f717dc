import { describe, expect, test } from "vitest";
import { includesOf, offsetOf, pageIn, pageOf, sliceOf, sortOf } from "./pages.ts";

const asked = (text: string) => ({ query: new URLSearchParams(text) });

describe("a page", () => {
  test.each([
    ["", 1, 20],
    ["page[number]=3&page[size]=5", 3, 5],
    ["page%5Bnumber%5D=3&page%5Bsize%5D=5", 3, 5],
    ["page[number]=0&page[size]=0", 1, 20],
    ["page[size]=100000", 1, 100],
    ["page[number]=&page[size]= ", 1, 20],
    ["page[number]=100000", 100_000, 20],
  ])("%j is page %d of %d rows", (text, number, size) => {
    expect(pageOf(asked(text))).toEqual({ number, size });
  });

  test.each(["page[number]=-1", "page[number]=x", "page[number]=1.5", "page[number]=100001", "page[size]=1e2"])(
    "%j is refused",
    (text) => {
      expect(() => pageOf(asked(text))).toThrow(expect.objectContaining({ code: "validation" }));
    },
  );

  test("of a whole list is its part, and one past the end is empty with the true total", () => {
    const all = Array.from({ length: 7 }, (_, index) => index);
    expect(pageIn(all, { number: 2, size: 3 })).toEqual({ rows: [3, 4, 5], page: { number: 2, size: 3, total: 7 } });
    expect(pageIn(all, { number: 3, size: 3 }).rows).toEqual([6]);
    expect(pageIn(all, { number: 9, size: 3 })).toEqual({ rows: [], page: { number: 9, size: 3, total: 7 } });
  });

  test("begins where the one before ends", () => {
    for (const size of [1, 7, 100])
      for (const number of [1, 2, 99]) {
        const wish = { number, size };
        expect(offsetOf({ number: number + 1, size })).toBe(offsetOf(wish) + size);
        expect(sliceOf(wish)).toEqual({ offset: offsetOf(wish), limit: size });
      }
  });
});

describe("includes", () => {
  const known = ["organization", "current_run", "current_run.plan"] as const;
  test.each([
    ["", []],
    ["include=", []],
    ["include=organization", ["organization"]],
    ["include=current-run,organization", ["current_run", "organization"]],
    ["include= current_run.plan ,", ["current_run.plan"]],
    ["include=organization&include=organization", ["organization"]],
  ])("%j are %j", (text, names) => {
    expect([...includesOf(asked(text), known)]).toEqual(names);
  });

  test("that a route does not have are refused with words that clients look for", () => {
    expect(() => includesOf(asked("include=organization,nope"), known)).toThrow(/^Invalid include parameter: "nope"/);
    expect(() => includesOf(asked("include=__proto__"), known)).toThrow(/^Invalid include parameter/);
  });
});

describe("an order", () => {
  const known = ["name", "created-at"] as const;
  test.each([
    ["", undefined],
    ["sort=", undefined],
    ["sort=name", { name: "name", isDescending: false }],
    ["sort=-created-at", { name: "created-at", isDescending: true }],
  ])("%j is %j", (text, order) => {
    expect(sortOf(asked(text), known)).toEqual(order);
  });

  test.each(["size", "--name", "-", "Name"])("%j is none", (name) => {
    expect(() => sortOf(asked(`sort=${name}`), known)).toThrow(
      expect.objectContaining({ code: "validation", metadata: { parameter: "sort" } }),
    );
  });
});
