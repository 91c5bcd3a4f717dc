import { describe, expect, test } from "vitest";
import { ManualClock } from "../../../test/support/manual-clock.ts";
import { WakeUps } from "./wake-ups.ts";

const setUp = (maxTopics?: number) => {
  const clock = new ManualClock();
  return { clock, wake: new WakeUps(clock, maxTopics) };
};

describe("wake-ups", () => {
  test("a notification between reading and waiting is not lost", async () => {
    const { wake } = setUp();
    const seen = wake.version("run");
    wake.notify("run");
    expect(await wake.changedSince("run", seen)).toBe("changed");
  });

  test("a notification before the mark wakes nobody", async () => {
    const { wake, clock } = setUp();
    wake.notify("run");
    const waiting = wake.changedSince("run", wake.version("run"), { timeoutMs: 100 });
    await clock.advance(100);
    expect(await waiting).toBe("timeout");
    expect(wake.waitedTopics).toBe(0);
  });

  test("one notification wakes every waiter of its topic and no other", async () => {
    const { wake, clock } = setUp();
    const waiting = Array.from({ length: 5_000 }, () =>
      wake.changedSince("a", wake.version("a"), { timeoutMs: 1_000 }),
    );
    const other = wake.changedSince("b", wake.version("b"), { timeoutMs: 1_000 });
    wake.notify("a");
    expect(new Set(await Promise.all(waiting))).toEqual(new Set(["changed"]));
    await clock.advance(1_000);
    expect(await other).toBe("timeout");
    expect(clock.sleeping).toBe(0);
  });

  test("a wait for several topics ends with the first of them", async () => {
    const { wake } = setUp();
    wake.notify("a");
    const waiting = wake.changedSince(["a", "b"], wake.version("a", "b"));
    wake.notify("b");
    expect(await waiting).toBe("changed");
    expect(wake.waitedTopics).toBe(0);
  });

  test("an abort ends a wait with the signal's reason and leaves nothing behind", async () => {
    const { wake, clock } = setUp();
    const stop = new AbortController();
    const waiting = wake.changedSince("a", wake.version("a"), { timeoutMs: 1_000, signal: stop.signal });
    stop.abort(new Error("stopped"));
    await expect(waiting).rejects.toThrow("stopped");
    expect(wake.waitedTopics).toBe(0);
    expect(clock.sleeping).toBe(0);
    await expect(wake.changedSince("a", 0, { signal: stop.signal })).rejects.toThrow("stopped");
  });

  test("forgetting old topics may wake without news, and never loses news", async () => {
    const { wake } = setUp(2);
    const seen = wake.version("old");
    wake.notify("old");
    for (const topic of ["x", "y", "z"]) wake.notify(topic);
    expect(await wake.changedSince("old", seen)).toBe("changed");
  });

  test("what is notified here is told to the relay; what is heard from elsewhere is not, and wakes all the same", async () => {
    const { wake } = setUp();
    const relayed: string[] = [];
    wake.relay((topic) => relayed.push(topic));
    const seen = wake.version("b");
    wake.notify("a");
    wake.hear("b");
    expect(relayed).toEqual(["a"]);
    expect(await wake.changedSince("b", seen)).toBe("changed");
  });

  test("when anything may have been missed everybody wakes, and who has read before and will wait", async () => {
    const { wake } = setUp();
    const read = wake.version("c");
    const waiting = [wake.changedSince("a", wake.version("a")), wake.changedSince(["a", "b"], wake.version("a", "b"))];
    wake.hearAll();
    expect(await Promise.all(waiting)).toEqual(["changed", "changed"]);
    expect(await wake.changedSince("c", read)).toBe("changed");
    expect(wake.waitedTopics).toBe(0);
  });
});
