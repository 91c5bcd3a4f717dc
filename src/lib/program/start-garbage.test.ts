import { expect, test } from "vitest";
import { ManualClock } from "../../../test/support/manual-clock.ts";
import { collectStartGarbage } from "./start-garbage.ts";

/** Seconds that go by, each with the share of it in which the process worked; tells after which it collected. */
async function collectedAfter(shares: readonly number[]): Promise<number | undefined> {
  const clock = new ManualClock();
  const stop = new AbortController();
  let [second, collected] = [0, undefined as number | undefined];
  const parts = {
    clock,
    workedShare: () => shares[second - 1] ?? 1,
    collect: () => {
      collected = second;
    },
  };
  const done = collectStartGarbage(stop.signal, parts);
  while (second < shares.length) {
    second += 1;
    await clock.advance(1_000);
  }
  stop.abort();
  await done;
  return collected;
}

test("what starting left is collected once, in the first second in which nothing happens", async () => {
  expect(await collectedAfter([0.9, 0.3, 0.02, 0.001, 0.001])).toBe(4);
});

test("a server that is never quiet is not made to stand still", async () => {
  expect(await collectedAfter(Array.from({ length: 90 }, (_, at) => (at < 60 ? 0.5 : 0)))).toBeUndefined();
});

test("one that stops is not either", async () => {
  expect(await collectedAfter([])).toBeUndefined();
});

test("V8 has such a collection", async () => {
  await expect(
    collectStartGarbage(new AbortController().signal, { clock: quickly, workedShare: () => 0 }),
  ).resolves.toBeUndefined();
});

const quickly = Object.assign(new ManualClock(), { sleep: async () => {} });
