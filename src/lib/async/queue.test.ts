import { describe, expect, test } from "vitest";
import { OutQueue } from "./queue.ts";

const queue = (maxItems = 10, maxBytes = 100) => new OutQueue<string>({ maxItems, maxBytes });

describe("the out-queue", () => {
  test("control goes before bulk, each lane in order", async () => {
    const out = queue();
    out.push("bulk", "log 1", 1);
    out.push("bulk", "log 2", 1);
    out.push("control", "beat 1", 1);
    out.push("control", "beat 2", 1);
    out.end();
    expect(await Array.fromAsync(out)).toEqual(["beat 1", "beat 2", "log 1", "log 2"]);
  });

  test("a reader that waits gets what is pushed later", async () => {
    const out = queue();
    const reading = Array.fromAsync(out);
    out.push("bulk", "a", 1);
    await new Promise(setImmediate);
    out.push("bulk", "b", 1);
    out.end();
    expect(await reading).toEqual(["a", "b"]);
  });

  test.each([
    ["items", 1],
    ["bytes", 60],
  ])("too many %s close the queue", async (_what, bytes) => {
    const out = queue(2, 150);
    expect([out.push("bulk", "a", bytes), out.push("bulk", "b", bytes)]).toEqual([true, true]);
    expect(out.push("control", "c", bytes)).toBe(false);
    expect(out.state).toEqual({ kind: "overflowed" });
    expect(out.push("control", "d", 0)).toBe(false);
    await expect(Array.fromAsync(out)).rejects.toThrow("too slowly");
  });

  test("closing drops what is queued and fails the reader with the reason, if there is one", async () => {
    const failed = queue();
    const reading = Array.fromAsync(failed);
    failed.close(new Error("superseded"));
    await expect(reading).rejects.toThrow("superseded");
    const quiet = queue();
    quiet.push("bulk", "a", 1);
    quiet.close();
    expect(await Array.fromAsync(quiet)).toEqual([]);
  });

  test("room comes when the queue is half empty, and when it ends", async () => {
    const out = queue(4);
    for (const item of ["a", "b", "c"]) out.push("bulk", item, 1);
    let hasRoom = false;
    const waiting = out.room().then(() => {
      hasRoom = true;
    });
    await new Promise(setImmediate);
    expect(hasRoom).toBe(false);
    const reader = out[Symbol.asyncIterator]();
    await reader.next();
    await waiting;
    out.push("bulk", "d", 1);
    const ending = out.room();
    out.end();
    await ending;
  });

  test("a wait for room obeys its signal", async () => {
    const out = queue(1);
    out.push("bulk", "a", 1);
    await expect(out.room(AbortSignal.abort(new Error("stop")))).rejects.toThrow("stop");
  });

  test("a reader that leaves early closes the queue", async () => {
    const out = queue();
    out.push("bulk", "a", 1);
    out.push("bulk", "b", 1);
    for await (const _ of out) break;
    expect(out.state).toMatchObject({ kind: "closed" });
    expect(out.items).toBe(0);
  });
});
