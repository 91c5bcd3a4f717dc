import { describe, expect, test } from "vitest";
import { ManualClock } from "../../../test/support/manual-clock.ts";
import { paced, progressMs, taken } from "./pace.ts";

/** A sender that sends when it is told to. */
function sender() {
  const pieces: Uint8Array[] = [];
  let wake = Promise.withResolvers<void>();
  let failure: Error | undefined;
  let isOver = false;
  const tell = (change: () => void) => {
    change();
    wake.resolve();
    wake = Promise.withResolvers();
  };
  async function* source() {
    for (;;) {
      const piece = pieces.shift();
      if (piece !== undefined) yield piece;
      else if (failure !== undefined) throw failure;
      else if (isOver) return;
      else await wake.promise;
    }
  }
  return {
    source: source(),
    send: (bytes: number) => tell(() => void pieces.push(new Uint8Array(bytes))),
    fail: (error: Error) =>
      tell(() => {
        failure = error;
      }),
    end: () =>
      tell(() => {
        isOver = true;
      }),
  };
}

const tooSlow = () => new Error("too slow");
const step = 16 * 1024;

describe("a body whose sender has to go on", () => {
  test("is passed on, piece by piece, to its end", async () => {
    const { source, send, end } = sender();
    for (const bytes of [1, step, 3]) send(bytes);
    end();
    const lengths = (await Array.fromAsync(paced(source, new ManualClock(), tooSlow))).map(({ length }) => length);
    expect(lengths).toEqual([1, step, 3]);
  });

  test("is given up when too little comes for too long", async () => {
    const clock = new ManualClock();
    const { source } = sender();
    const next = paced(source, clock, tooSlow).next();
    const settled = expect(next).rejects.toThrow("too slow");
    await clock.advance(progressMs - 1);
    await clock.advance(1);
    await settled;
  });

  test("gets its time again only once it has made a step: drops do not help", async () => {
    const clock = new ManualClock();
    const { source, send } = sender();
    const pieces = paced(source, clock, tooSlow);
    for (let second = 0; second < 29; second++) {
      const next = pieces.next();
      await clock.advance(1_000);
      send(1);
      expect((await next).done).toBe(false);
    }
    const last = pieces.next();
    const settled = expect(last).rejects.toThrow("too slow");
    await clock.advance(1_000);
    await settled;
  });

  test("and makes its steps in time goes on for ever", async () => {
    const clock = new ManualClock();
    const { source, send } = sender();
    const pieces = paced(source, clock, tooSlow);
    for (let round = 0; round < 10; round++) {
      const next = pieces.next();
      await clock.advance(progressMs - 1);
      send(step);
      expect((await next).value).toHaveLength(step);
    }
  });

  test("is not blamed for its reader: only waiting for the sender counts", async () => {
    const clock = new ManualClock();
    const { source, send } = sender();
    const pieces = paced(source, clock, tooSlow);
    send(1);
    await pieces.next();
    await clock.advance(10 * progressMs);
    const next = pieces.next();
    await clock.advance(progressMs - 1);
    send(1);
    expect((await next).value).toHaveLength(1);
  });

  test("that breaks says why, and not that it was slow", async () => {
    const { source, fail } = sender();
    const next = paced(source, new ManualClock(), tooSlow).next();
    fail(new Error("cut off"));
    await expect(next).rejects.toThrow("cut off");
  });
});

describe("items whose reader has to take them", () => {
  const items = async function* () {
    yield* [1, 2, 3];
  };

  test("are all given to one who takes them in time", async () => {
    const clock = new ManualClock();
    let cuts = 0;
    const seen: number[] = [];
    for await (const item of taken(items(), clock, () => void cuts++)) {
      seen.push(item);
      await clock.advance(119_999);
    }
    await clock.advance(1_000_000);
    expect([seen, cuts, clock.sleeping]).toEqual([[1, 2, 3], 0, 0]);
  });

  test("cut off one who does not", async () => {
    const clock = new ManualClock();
    let cuts = 0;
    const reader = taken(items(), clock, () => void cuts++);
    await reader.next();
    await clock.advance(119_999);
    expect(cuts).toBe(0);
    await clock.advance(1);
    expect(cuts).toBe(1);
  });

  test("leave nothing behind when their reader goes", async () => {
    const clock = new ManualClock();
    let cuts = 0;
    const reader = taken(items(), clock, () => void cuts++);
    await reader.next();
    await reader.return(undefined);
    await clock.advance(1_000_000);
    expect([cuts, clock.sleeping]).toEqual([0, 0]);
  });
});
