import { expect, test } from "vitest";
import { ManualClock } from "../../../test/support/manual-clock.ts";
import { withSigns } from "./signs-of-life.ts";

const settle = async () => {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
};

/** A source that says what it is told, when it is told. */
function telling() {
  let next = Promise.withResolvers<IteratorResult<string>>();
  let hasEnded = false;
  const source: AsyncIterable<string> = {
    [Symbol.asyncIterator]: () => ({
      next: () => next.promise,
      return: async () => {
        hasEnded = true;
        return { done: true, value: undefined };
      },
    }),
  };
  const settleWith = (how: (resolvers: typeof next) => void) => {
    const present = next;
    next = Promise.withResolvers();
    how(present);
  };
  return {
    source,
    say: (value: string) => settleWith(({ resolve }) => resolve({ done: false, value })),
    end: () => settleWith(({ resolve }) => resolve({ done: true, value: undefined })),
    fail: () => settleWith(({ reject }) => reject(new Error("broken"))),
    get hasEnded() {
      return hasEnded;
    },
  };
}

function reading(
  source: AsyncIterable<string>,
  sign = (last: string | undefined): string | undefined => `still ${last}`,
) {
  const clock = new ManualClock();
  const heard: string[] = [];
  const signs = withSigns(source, { clock, sign });
  const reader = (async () => {
    for await (const item of signs) heard.push(item);
  })();
  return { clock, heard, reader, signs };
}

test("a stream that is silent says within ten seconds that it lives, each time anew", async () => {
  const told = telling();
  const { clock, heard, reader } = reading(told.source);
  told.say("a");
  await settle();
  await clock.advance(7_999);
  expect(heard).toEqual(["a"]);
  for (const ms of [1, 8_000, 8_000]) {
    await clock.advance(ms);
    await settle();
  }
  expect(heard).toEqual(["a", "still a", "still a", "still a"]);
  told.say("b");
  await settle();
  await clock.advance(7_000);
  told.end();
  await reader;
  expect(heard.slice(4)).toEqual(["b"]);
});

test("what has nothing to say before its first item is silent until then", async () => {
  const told = telling();
  const { clock, heard, reader } = reading(told.source, (last) => last);
  await settle();
  await clock.advance(60_000);
  expect(heard).toEqual([]);
  told.end();
  await reader;
});

test("a failure reaches the reader as it is, also after signs", async () => {
  const told = telling();
  const { clock, heard, reader } = reading(told.source);
  await settle();
  await clock.advance(8_001);
  await settle();
  expect(heard).toHaveLength(1);
  told.fail();
  await expect(reader).rejects.toThrow("broken");
});

test("a reader that leaves during the silence ends the source", async () => {
  const told = telling();
  const clock = new ManualClock();
  const signs = withSigns(told.source, { clock, sign: () => "sign" });
  const first = signs.next();
  await settle();
  await clock.advance(8_001);
  expect(await first).toEqual({ done: false, value: "sign" });
  await signs.return();
  expect(told.hasEnded).toBe(true);
});

test("the silence begins anew with each item, and one timer looks after all of them", async () => {
  const told = telling();
  const { clock, heard, reader } = reading(told.source);
  const asked = clock.sleep.bind(clock);
  let sleeps = 0;
  clock.sleep = (ms, signal) => {
    sleeps += 1;
    return asked(ms, signal);
  };
  for (const item of ["a", "b", "c"]) {
    told.say(item);
    await settle();
    await clock.advance(2_000);
  }
  expect(sleeps).toBe(0);
  await clock.advance(5_999);
  await settle();
  expect(heard).toEqual(["a", "b", "c"]);
  expect(sleeps).toBe(1);
  await clock.advance(1);
  await settle();
  expect(heard).toEqual(["a", "b", "c", "still c"]);
  told.end();
  await reader;
});
