import { describe, expect, test } from "vitest";
import { ManualClock } from "../../../test/support/manual-clock.ts";
import { systemRandom } from "../../lib/random.ts";
import { type Patience, persist } from "./patience.ts";

const clock = () => new ManualClock();
const patience = (change: Partial<Patience> & Pick<Patience, "clock">): Patience => ({
  random: { ...systemRandom, fraction: () => 0.5 },
  mayPass: () => true,
  ...change,
});
const unaborted = new AbortController().signal;

/** Fails so often, and then answers. */
const flaky = (times: number) => {
  const tries = { count: 0 };
  const attempt = async () => {
    tries.count += 1;
    if (tries.count <= times) throw new Error(`failure ${tries.count}`);
    return "done";
  };
  return { tries, attempt };
};

describe("what is tried until it succeeds", () => {
  test("waits between its tries, tells of each, and ends with the answer", async () => {
    const time = clock();
    const told: unknown[] = [];
    const { tries, attempt } = flaky(3);
    const onRetry = (error: unknown, failures: number) => told.push([(error as Error).message, failures]);
    const trying = persist(attempt, patience({ clock: time, onRetry }), unaborted);
    for (let second = 0; second < 60 && tries.count < 4; second++) await time.advance(1_000);
    expect(await trying).toBe("done");
    expect(told).toEqual([
      ["failure 1", 0],
      ["failure 2", 1],
      ["failure 3", 2],
    ]);
  });

  test("never waits longer than its bound, however often it fails", async () => {
    const time = clock();
    const { tries, attempt } = flaky(50);
    const policy = { firstMs: 100, capMs: 1_000 };
    const trying = persist(attempt, patience({ clock: time, policy }), unaborted);
    await time.advance(49 * 1_000 + 1_000);
    expect(tries.count).toBe(51);
    expect(await trying).toBe("done");
  });

  test("is given up at once when it cannot pass", async () => {
    const { tries, attempt } = flaky(9);
    const mayPass = (error: unknown) => error instanceof Error && error.message === "failure 1";
    const time = clock();
    const trying = persist(attempt, patience({ clock: time, mayPass }), unaborted);
    const settled = expect(trying).rejects.toThrow("failure 2");
    await time.advance(10_000);
    await settled;
    expect([tries.count, time.sleeping]).toEqual([2, 0]);
  });

  test("ends with the reason of its signal, while it waits and before it begins", async () => {
    const time = clock();
    const stop = new AbortController();
    const { tries, attempt } = flaky(9);
    const trying = persist(attempt, patience({ clock: time }), stop.signal);
    const settled = expect(trying).rejects.toThrow("stopped");
    await time.advance(0);
    stop.abort(new Error("stopped"));
    await settled;
    await expect(persist(attempt, patience({ clock: time }), stop.signal)).rejects.toThrow("stopped");
    expect([tries.count, time.sleeping]).toEqual([1, 0]);
  });
});
