import { describe, expect, test } from "vitest";
import type { LogRead, LogStore } from "../../store/ports/logs.ts";
import { ReadAheadPlaces, readsToEnd } from "./read-ahead.ts";

const kib = 1024;

/** A sealed log of so many bytes that remembers from where it was read, and how much. */
function sealedLog(length: number) {
  const asked: (readonly [number, number])[] = [];
  const read = async (_stream: string, offset: number, maxBytes: number): Promise<LogRead> => {
    asked.push([offset, maxBytes]);
    const bytes = new Uint8Array(Math.min(maxBytes, length - offset)).fill(7);
    return { bytes, nextOffset: offset + bytes.length, end: { kind: "sealed" }, length };
  };
  const logs: Pick<LogStore, "read"> = { read };
  return { logs, read, asked };
}

async function readAll(log: ReturnType<typeof sealedLog>, places?: ReadAheadPlaces, end = Infinity) {
  const first = await log.read("job/1", 0, Math.min(256 * kib, end));
  const reads = await Array.fromAsync(readsToEnd(log.logs, { stream: "job/1", first, end, places }));
  return reads.map(({ bytes }) => bytes.length / kib);
}

describe("a log that is whole", () => {
  test("is read to its end in small reads without a place", async () => {
    const log = sealedLog(600 * kib);
    expect(await readAll(log)).toEqual([256, 256, 88]);
    expect(log.asked.map(([offset]) => offset / kib)).toEqual([0, 256, 512]);
  });

  test("is read in large ones with a place, which is free again afterwards", async () => {
    const places = new ReadAheadPlaces(1);
    expect(await readAll(sealedLog(2_000 * kib), places)).toEqual([256, 1024, 720]);
    expect(places.take()).toBeDefined();
    expect(places.take()).toBeUndefined();
  });

  test("is read while what was read before is sent", async () => {
    const log = sealedLog(2_000 * kib);
    const first = await log.read("job/1", 0, 256 * kib);
    const reads = readsToEnd(log.logs, { stream: "job/1", first, end: Infinity, places: new ReadAheadPlaces(1) });
    await reads.next();
    expect(log.asked.map(([offset]) => offset / kib)).toEqual([0, 256]);
    await reads.return();
    expect(log.asked).toHaveLength(2);
  });

  test.each([0, 1])(
    "gives the memory of each read back when the next one is asked for, with %i places",
    async (places) => {
      const log = sealedLog(2_000 * kib);
      const events: string[] = [];
      const read: LogStore["read"] = async (stream, offset, maxBytes, giving) => ({
        ...(await log.read(stream, offset, maxBytes)),
        lent: {
          giveBack: () => events.push(`back ${offset / kib} ${giving}`),
          [Symbol.dispose]: () => events.push(`over ${offset / kib}`),
        },
      });
      const first = await read("job/1", 0, 256 * kib, "lent");
      const given = {
        stream: "job/1",
        first,
        end: 600 * kib,
        places: new ReadAheadPlaces(places),
        giving: "lent",
      } as const;
      for await (const { nextOffset } of readsToEnd({ read }, given)) events.push(`sent ${nextOffset / kib}`);
      expect(events.filter((event) => !event.startsWith("over"))).toEqual(
        places === 1
          ? ["sent 256", "back 0 lent", "sent 600", "back 256 lent"]
          : ["sent 256", "back 0 lent", "sent 512", "back 256 lent", "sent 600", "back 512 lent"],
      );
    },
  );

  test("keeps the memory of what may be being sent when nobody asks any more, and gives back what was read ahead", async () => {
    const log = sealedLog(2_000 * kib);
    const events: string[] = [];
    const read: LogStore["read"] = async (stream, offset, maxBytes) => ({
      ...(await log.read(stream, offset, maxBytes)),
      lent: {
        giveBack: () => events.push(`back ${offset / kib}`),
        [Symbol.dispose]: () => events.push(`over ${offset / kib}`),
      },
    });
    const first = await read("job/1", 0, 256 * kib);
    const places = new ReadAheadPlaces(1);
    const reads = readsToEnd({ read }, { stream: "job/1", first, end: Infinity, places, giving: "lent" });
    await reads.next();
    await reads.return();
    await new Promise((resolve) => setImmediate(resolve));
    expect(events).toEqual(["over 0", "back 256"]);
  });

  test("is read no further than is wanted", async () => {
    const log = sealedLog(2_000 * kib);
    expect(await readAll(log, new ReadAheadPlaces(1), 300 * kib)).toEqual([256, 44]);
    expect(log.asked).toEqual([
      [0, 256 * kib],
      [256 * kib, 44 * kib],
    ]);
  });

  test("ends where it was emptied meanwhile", async () => {
    const log = sealedLog(600 * kib);
    const first = await log.read("job/1", 0, 256 * kib);
    const gone = {
      bytes: new Uint8Array(),
      nextOffset: 256 * kib,
      end: { kind: "gap", missingBytes: 600 * kib },
    } as const;
    const logs = { read: async () => ({ ...gone, length: 0 }) };
    const reads = readsToEnd(logs, { stream: "job/1", first, end: Infinity, places: undefined });
    expect((await Array.fromAsync(reads)).map(({ end }) => end.kind)).toEqual(["sealed", "gap"]);
  });

  test("throws what a read that was begun early rejects with, once it is its turn", async () => {
    const log = sealedLog(600 * kib);
    const first = await log.read("job/1", 0, 256 * kib);
    const logs = { read: () => Promise.reject(new Error("no disk")) };
    const reads = readsToEnd(logs, { stream: "job/1", first, end: Infinity, places: new ReadAheadPlaces(1) });
    expect(await reads.next()).toMatchObject({ done: false });
    await expect(reads.next()).rejects.toThrow("no disk");
  });
});
