import { expect, test } from "vitest";
import { allSettled } from "./all-settled.ts";

test("results come in the order of the works", async () => {
  expect(await allSettled([Promise.resolve(1), Promise.resolve("two")])).toEqual([1, "two"]);
});

test("the first error in their order is thrown, after the last of them has ended", async () => {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let hasEnded = false;
  const slow = promise.finally(() => {
    hasEnded = true;
  });
  const all = allSettled([slow, Promise.reject(new Error("second"))]).catch((error: Error) => [
    error.message,
    hasEnded,
  ]);
  await Promise.resolve();
  expect(hasEnded).toBe(false);
  reject(new Error("first"));
  expect(await all).toEqual(["first", true]);
  resolve();
});
