import { describe, expect, test } from "vitest";
import { GivenStates, type Hold, Holds } from "./holds.ts";

describe("answers that are held", () => {
  const enter = (holds: Holds, who: string, count: number) =>
    Array.from({ length: count }, () => holds.enter(who)).filter((hold): hold is Hold => hold !== undefined);

  test("are bounded for each caller and for all; what is given back may be had again", () => {
    const holds = new Holds(20_000);
    const own = enter(holds, "key_1", 250);
    expect([own.length, holds.count]).toEqual([200, 200]);
    expect(own[0]?.forMs).toBe(20_000);
    const others = Array.from({ length: 60 }, (_, index) => enter(holds, `other_${index}`, 200)).flat();
    expect(own.length + others.length).toBe(10_000);
    expect(holds.enter("somebody")).toBeUndefined();
    own[0]?.[Symbol.dispose]();
    own[0]?.[Symbol.dispose]();
    expect(holds.count).toBe(9_999);
    expect(enter(holds, "somebody", 5)).toHaveLength(1);
    for (const hold of [...own, ...others]) hold[Symbol.dispose]();
    expect(enter(holds, "key_1", 250)).toHaveLength(200);
  });

  test("are none where nothing is to be held", () => {
    expect(new Holds(0).enter("key_1")).toBeUndefined();
  });
});

describe("what callers were given", () => {
  test("is known since they were given it first, until they are given something else", () => {
    const given = new GivenStates();
    given.note("key_1", "run_1", { state: "pending/1", sinceMs: 10 });
    given.note("key_1", "run_1", { state: "pending/1", sinceMs: 30 });
    expect(given.since("key_1", "run_1", "pending/1")).toBe(10);
    expect(given.since("key_2", "run_1", "pending/1")).toBeUndefined();
    expect(given.since("key_1", "run_2", "pending/1")).toBeUndefined();
    given.note("key_1", "run_1", { state: "planning/2", sinceMs: 40 });
    expect(given.since("key_1", "run_1", "pending/1")).toBeUndefined();
    expect(given.since("key_1", "run_1", "planning/2")).toBe(40);
  });

  test("is forgotten, the oldest first, when there is too much", () => {
    const given = new GivenStates();
    for (let index = 0; index < 10_001; index++)
      given.note("key_1", `run_${index}`, { state: "pending/1", sinceMs: index });
    expect(given.since("key_1", "run_0", "pending/1")).toBeUndefined();
    expect(given.since("key_1", "run_1", "pending/1")).toBe(1);
    expect(given.since("key_1", "run_10000", "pending/1")).toBe(10_000);
  });
});
