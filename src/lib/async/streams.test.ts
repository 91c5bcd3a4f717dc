import { describe, expect, test } from "vitest";
import { mapItems, observed } from "./streams.ts";

/** A source that tells what its reader did to it. */
function source(...items: readonly number[]) {
  const heard: string[] = [];
  const iterable = (async function* () {
    try {
      yield* items;
      throw new Error("broken");
    } finally {
      heard.push("ended");
    }
  })();
  return { iterable, heard };
}

describe("observed", () => {
  test("the reader gets the translated error, and the end is heard once", async () => {
    let ends = 0;
    const { iterable } = source(1, 2);
    const onError = (error: unknown) => new Error(`seen: ${error instanceof Error ? error.message : ""}`);
    const got: number[] = [];
    const reading = (async () => {
      for await (const item of observed(iterable, { onError, onEnd: () => ends++ })) got.push(item);
    })();
    await expect(reading).rejects.toThrow("seen: broken");
    expect([got, ends]).toEqual([[1, 2], 1]);
  });

  test("a reader that stops early ends the source", async () => {
    let ends = 0;
    const { iterable, heard } = source(1, 2);
    for await (const _ of observed(iterable, { onEnd: () => ends++ })) break;
    expect([heard, ends]).toEqual([["ended"], 1]);
  });
});

test("mapItems ends its source when its map throws in the hands of a reader", async () => {
  const { iterable, heard } = source(1, 2);
  const mapped = mapItems(iterable, (item) => {
    if (item === 2) throw new Error("refused");
    return item * 10;
  });
  const iterator = mapped[Symbol.asyncIterator]();
  expect(await iterator.next()).toEqual({ done: false, value: 10 });
  await expect(iterator.next()).rejects.toThrow("refused");
  await iterator.return?.();
  expect(heard).toEqual(["ended"]);
});
