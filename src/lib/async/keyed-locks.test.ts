import { expect, test } from "vitest";
import { KeyedLocks, type LockMode } from "./keyed-locks.ts";

/** Takes locks, and notes when they were had. */
function stage(maxWaiting = 100) {
  const locks = new KeyedLocks(maxWaiting);
  const had: string[] = [];
  const take = (name: string, wanted: Readonly<Record<string, LockMode>>, signal?: AbortSignal) => {
    const taken = locks.take(new Map(Object.entries(wanted)), signal);
    taken.then(
      () => had.push(name),
      () => had.push(`not ${name}`),
    );
    return taken;
  };
  return { locks, had, take };
}

test("a key is had by one alone or by many together, first come first served", async () => {
  const { locks, had, take } = stage();
  const [first, second] = [await take("a", { k: "shared" }), await take("b", { k: "shared" })];
  const alone = take("alone", { k: "alone" });
  const late = take("late", { k: "shared" });
  const other = await take("other", { x: "alone" });
  first[Symbol.dispose]();
  expect(had).toEqual(["a", "b", "other"]);
  second[Symbol.dispose]();
  const third = await alone;
  expect(had).toEqual(["a", "b", "other", "alone"]);
  third[Symbol.dispose]();
  (await late)[Symbol.dispose]();
  other[Symbol.dispose]();
  expect([had.at(-1), locks.size]).toEqual(["late", 0]);
});

test("sets that overlap in any order do not wait for each other for ever", async () => {
  const { locks, take } = stage();
  const works = Array.from({ length: 50 }, async (_, index) => {
    const keys = [`k${index % 3}`, `k${(index * 7 + 1) % 3}`];
    using _taken = await take(String(index), Object.fromEntries(keys.map((key) => [key, "alone" as const])));
    await Promise.resolve();
  });
  await Promise.all(works);
  expect(locks.size).toBe(0);
});

test("who gives up waiting holds nothing, and those behind go on", async () => {
  const { locks, had, take } = stage();
  const holder = await take("holder", { k: "shared" });
  const patience = new AbortController();
  const impatient = take("impatient", { a: "alone", k: "alone" }, patience.signal);
  await Promise.resolve();
  const behind = take("behind", { k: "shared" });
  patience.abort(new Error("enough"));
  await expect(impatient).rejects.toThrow("enough");
  (await behind)[Symbol.dispose]();
  holder[Symbol.dispose]();
  expect([had, locks.size]).toEqual([["holder", "behind", "not impatient"], 0]);
});

test("more than so many do not wait for one key", async () => {
  const { take } = stage(1);
  const holder = await take("holder", { k: "alone" });
  const waiting = take("waiting", { k: "alone" });
  await expect(take("refused", { k: "alone" })).rejects.toMatchObject({ code: "storage_unavailable" });
  holder[Symbol.dispose]();
  (await waiting)[Symbol.dispose]();
});
