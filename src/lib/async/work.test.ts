import { describe, expect, test } from "vitest";
import { atOnce, inTurns, type Work } from "./work.ts";

/** Work of so many pieces of so much each; counts what was done. */
function* work(pieces: number, size: number, done: { count: number }): Work<string> {
  for (let piece = 0; piece < pieces; piece++) {
    done.count += 1;
    yield size;
  }
  return "all of it";
}

describe("work in pieces", () => {
  test("is done to its end at once, or in turns", async () => {
    const [first, second] = [{ count: 0 }, { count: 0 }];
    expect(atOnce(work(5, 100_000, first))).toBe("all of it");
    expect(await inTurns(work(5, 100_000, second))).toBe("all of it");
    expect([first.count, second.count]).toEqual([5, 5]);
  });

  test("lets others have their turn after so much, and not before", async () => {
    const done = { count: 0 };
    const working = inTurns(work(10, 16 * 1024, done));
    // What is small is done without a turn: two pieces are as much as one turn has.
    expect(done.count).toBe(2);
    let turns = 0;
    const others = (async () => {
      while (done.count < 10) {
        await new Promise((resolve) => setImmediate(resolve));
        turns += 1;
      }
    })();
    await Promise.all([working, others]);
    expect(turns).toBeGreaterThan(2);
  });

  test("that is small is never interrupted", () => {
    const done = { count: 0 };
    void inTurns(work(100, 10, done));
    expect(done.count).toBe(100);
  });

  test("that fails rejects with its reason", async () => {
    function* broken(): Work<string> {
      yield 100_000;
      throw new Error("a broken piece");
    }
    await expect(inTurns(broken())).rejects.toThrow("a broken piece");
    expect(() => atOnce(broken())).toThrow("a broken piece");
  });
});
