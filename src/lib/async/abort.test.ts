import { describe, expect, test } from "vitest";
import { ManualClock } from "../../../test/support/manual-clock.ts";
import { abortable, deadlineAfter, linkSignals, together, untilAborted } from "./abort.ts";

const never = () => new Promise<never>(() => {});

async function* endless(onReturn: () => void = () => {}) {
  try {
    for (let n = 0; ; n++) yield n;
  } finally {
    onReturn();
  }
}

describe("abortable", () => {
  test("passes on what the promise gives", async () => {
    const { signal } = new AbortController();
    expect(await abortable(Promise.resolve(1), signal)).toBe(1);
    await expect(abortable(Promise.reject(new Error("x")), signal)).rejects.toThrow("x");
  });

  test("rejects with the reason, before and during the wait", async () => {
    const stop = new AbortController();
    const waiting = abortable(never(), stop.signal);
    stop.abort(new Error("stop"));
    await expect(waiting).rejects.toThrow("stop");
    await expect(abortable(Promise.resolve(1), stop.signal)).rejects.toThrow("stop");
  });
});

describe("together", () => {
  test("gives what each gives", async () => {
    const { signal } = new AbortController();
    expect(await together(signal, () => [Promise.resolve(1), "two", undefined])).toEqual([1, "two", undefined]);
  });

  test("throws the first failure when the others have been told and have ended", async () => {
    const steps: string[] = [];
    const slow = async (signal: AbortSignal) => {
      await abortable(never(), signal).catch((error: Error) => steps.push(`told ${error.message}`));
      for (let turn = 0; turn < 10; turn++) await Promise.resolve();
      steps.push("ended");
      throw new Error("second");
    };
    const both = together(new AbortController().signal, (signal) => [slow(signal), Promise.reject(new Error("first"))]);
    await expect(both).rejects.toThrow("first");
    expect(steps).toEqual(["told first", "ended"]);
  });

  test("tells all of them what the parent's signal says", async () => {
    const stop = new AbortController();
    const both = together(stop.signal, (signal) => [abortable(never(), signal), abortable(never(), signal)]);
    stop.abort(new Error("stop"));
    await expect(both).rejects.toThrow("stop");
  });
});

describe("untilAborted", () => {
  test("ends quietly while the source is blocked, and tells it to return", async () => {
    const stop = new AbortController();
    let returned = false;
    const blocked: AsyncIterable<number> = {
      [Symbol.asyncIterator]: () => ({
        next: never,
        return: async () => {
          returned = true;
          return { done: true, value: undefined };
        },
      }),
    };
    const reading = Array.fromAsync(untilAborted(blocked, stop.signal));
    stop.abort();
    expect(await reading).toEqual([]);
    expect(returned).toBe(true);
  });

  test("passes on items and errors of the source", async () => {
    async function* failing() {
      yield 1;
      throw new Error("broken");
    }
    const seen: number[] = [];
    const reading = (async () => {
      for await (const item of untilAborted(failing(), new AbortController().signal)) seen.push(item);
    })();
    await expect(reading).rejects.toThrow("broken");
    expect(seen).toEqual([1]);
  });

  test("a reader that leaves early closes the source", async () => {
    let closed = false;
    for await (const n of untilAborted(
      endless(() => (closed = true)),
      new AbortController().signal,
    )) {
      if (n === 3) break;
    }
    expect(closed).toBe(true);
  });

  test("an aborted signal reads nothing", async () => {
    expect(await Array.fromAsync(untilAborted(endless(), AbortSignal.abort()))).toEqual([]);
  });
});

describe("linked signals and deadlines", () => {
  test("follow any parent with its reason", () => {
    const [a, b] = [new AbortController(), new AbortController()];
    using linked = linkSignals(a.signal, undefined, b.signal);
    b.abort("why");
    expect(linked.signal.reason).toBe("why");
    using late = linkSignals(b.signal);
    expect(late.signal.aborted).toBe(true);
  });

  test("a disposed link no longer follows", () => {
    const parent = new AbortController();
    const linked = linkSignals(parent.signal);
    linked[Symbol.dispose]();
    parent.abort();
    expect(linked.signal.aborted).toBe(false);
  });

  test("a deadline aborts with a TimeoutError and its timer ends with it", async () => {
    const clock = new ManualClock();
    using deadline = deadlineAfter(clock, 50);
    await clock.advance(49);
    expect(deadline.signal.aborted).toBe(false);
    await clock.advance(1);
    expect(deadline.signal.reason).toMatchObject({ name: "TimeoutError" });
    deadlineAfter(clock, 50)[Symbol.dispose]();
    await clock.advance(0);
    expect(clock.sleeping).toBe(0);
  });
});
