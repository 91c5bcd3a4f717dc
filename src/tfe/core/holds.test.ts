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
  test("is known until they are given something else", () => {
    const given = new GivenStates();
    given.note("key_1", "run_1", "pending/1");
    given.note("key_1", "run_1", "pending/1");
    expect(given.knows("key_1", "run_1", "pending/1")).toBe(true);
    expect(given.knows("key_2", "run_1", "pending/1")).toBe(false);
    expect(given.knows("key_1", "run_2", "pending/1")).toBe(false);
    given.note("key_1", "run_1", "planning/2");
    expect(given.knows("key_1", "run_1", "pending/1")).toBe(false);
    expect(given.knows("key_1", "run_1", "planning/2")).toBe(true);
  });

  test("is forgotten, the oldest first, when there is too much", () => {
    const given = new GivenStates();
    for (let index = 0; index < 10_001; index++) given.note("key_1", `run_${index}`, "pending/1");
    expect(["run_0", "run_1", "run_10000"].map((id) => given.knows("key_1", id, "pending/1"))).toEqual([
      ...[false, true, true],
    ]);
  });
});
