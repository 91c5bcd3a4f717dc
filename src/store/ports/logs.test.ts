import { createHash } from "node:crypto";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { pooledEngines } from "../../../test/engines.ts";
import { ManualClock } from "../../../test/support/manual-clock.ts";
import { openLogStore } from "../open.ts";
import { type LogStore, maxAppendBytes, maxReadBytes, maxReadTimes } from "./logs.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const sha256 = (...parts: readonly Uint8Array[]) => {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest("hex");
};

describe.each(pooledEngines)("the log store on $name", (engine) => {
  let held: AsyncDisposableStack;
  let url: string;
  let logs: LogStore;
  let clock: ManualClock;

  beforeEach(async () => {
    held = new AsyncDisposableStack();
    url = (await engine.urls(held)).logs;
    clock = new ManualClock();
    logs = await openLogStore({ url, settings: engine.settings, clock });
    held.defer(() => logs[Symbol.asyncDispose]());
  });
  afterEach(() => held.disposeAsync());

  const reopened = async () => {
    await logs[Symbol.asyncDispose]();
    logs = await openLogStore({ url, settings: engine.settings, clock });
  };
  /** The times of a stream as pairs: where, and how many milliseconds after `since`. */
  const timesOf = async (stream: string, since: Date, [from, to]: readonly [number, number] = [0, 1_000]) => {
    const { times } = await logs.times(stream, from, to);
    return times.map(({ offset, at }) => [offset, at.getTime() - since.getTime()]);
  };
  const textOf = async (stream: string) => {
    const { bytes: read, nextOffset, end } = await logs.read(stream, 0, maxReadBytes);
    expect(nextOffset).toBe(read.length);
    return [new TextDecoder().decode(read), end.kind];
  };

  test("an unknown stream is empty and open", async () => {
    expect(await logs.nextOffset("s/1")).toBe(0);
    expect(await logs.read("s/1", 7, 10)).toStrictEqual({
      bytes: new Uint8Array(),
      nextOffset: 7,
      end: { kind: "open" },
      length: 0,
    });
  });

  test("appends follow each other, repeats and overlaps change nothing, gaps store nothing", async () => {
    expect(await logs.append("s/1", 0, bytes("hello "))).toEqual({ kind: "appended", nextOffset: 6, addedBytes: 6 });
    expect(await logs.append("s/1", 0, bytes("hello "))).toEqual({ kind: "appended", nextOffset: 6, addedBytes: 0 });
    expect(await logs.append("s/1", 2, bytes("llo world"))).toEqual({
      kind: "appended",
      nextOffset: 11,
      addedBytes: 5,
    });
    expect(await logs.append("s/1", 3, bytes("lo"))).toEqual({ kind: "appended", nextOffset: 11, addedBytes: 0 });
    expect(await logs.append("s/1", 12, bytes("!"))).toEqual({ kind: "gap", nextOffset: 11 });
    expect(await logs.append("s/1", 11, bytes(""))).toEqual({ kind: "appended", nextOffset: 11, addedBytes: 0 });
    expect(await textOf("s/1")).toEqual(["hello world", "open"]);
    expect(await logs.nextOffset("s/1")).toBe(11);
  });

  test("streams are listed by name, a page at a time, with what they have", async () => {
    for (const name of ["b/1", "a/2", "a/1"]) await logs.append(name, 0, bytes(name));
    await logs.sealWithGap("a/2", 5);
    await logs.seal("b/1", 3, sha256(bytes("b/1")));
    const row = { length: 3, sha256: null, archive: null };
    expect(await logs.list(null, 2)).toEqual([
      { ...row, name: "a/1", end: "open" },
      { ...row, name: "a/2", end: "gap" },
    ]);
    expect(await logs.list("a/2", 2)).toEqual([{ ...row, name: "b/1", end: "sealed", sha256: sha256(bytes("b/1")) }]);
    await logs.delete("b/1");
    expect(await logs.list("a/2", 2)).toEqual([]);
  });

  test("a chunk that is too large and an offset that is none are refused", async () => {
    await expect(logs.append("s/1", 0, new Uint8Array(maxAppendBytes + 1))).rejects.toMatchObject({
      code: "validation",
    });
    await expect(logs.append("s/1", -1, bytes("a"))).rejects.toMatchObject({ code: "validation" });
    await expect(logs.append("s/1", 0.5, bytes("a"))).rejects.toMatchObject({ code: "validation" });
  });

  test("appends asked for at once are done in the order of the calls, streams apart", async () => {
    const letters = [..."abcdefghijklmnopqrstuvwxyz"];
    const appended = await Promise.all(
      letters.flatMap((letter, i) => ["s/1", "s/2", "t/1"].map((stream) => logs.append(stream, i, bytes(letter)))),
    );
    expect(appended.every(({ kind }) => kind === "appended")).toBe(true);
    for (const stream of ["s/1", "s/2", "t/1"]) expect((await textOf(stream))[0]).toBe(letters.join(""));
  });

  test("reads give any range, and never more than they may", async () => {
    const chunk = new Uint8Array(maxAppendBytes).map((_, i) => i % 251);
    for (let i = 0; i < 20; i += 1) await logs.append("s/1", i * chunk.length, chunk);
    const all = Buffer.concat(Array.from({ length: 20 }, () => chunk));
    for (const [offset, wanted] of [
      [0, 1],
      [chunk.length - 1, 2],
      [100_000, 700_000],
      [all.length - 3, 10],
      [all.length, 10],
      [all.length + 5, 10],
      [5, 0],
    ] as const) {
      const read = await logs.read("s/1", offset, wanted);
      expect(Buffer.compare(read.bytes, all.subarray(offset, offset + wanted))).toBe(0);
      expect(read.nextOffset).toBe(offset + read.bytes.length);
    }
    expect((await logs.read("s/1", 0, 100 * maxReadBytes)).bytes.length).toBe(maxReadBytes);
  });

  test("a stream is sealed by its length and hash, once and for all", async () => {
    const text = bytes("planning…\n");
    await logs.append("s/1", 0, text);
    const { length } = text;
    expect(await logs.seal("s/1", length + 4, sha256(text))).toEqual({ kind: "incomplete", nextOffset: length });
    expect(await logs.seal("s/1", length - 1, sha256(text))).toEqual({ kind: "mismatch", nextOffset: length });
    expect(await logs.seal("s/1", length, sha256(bytes("else")))).toEqual({ kind: "mismatch", nextOffset: length });
    expect((await logs.read("s/1", 0, 1)).end).toEqual({ kind: "open" });
    expect(await logs.seal("s/1", length, sha256(text))).toEqual({ kind: "sealed" });
    expect(await logs.seal("s/1", length, sha256(text))).toEqual({ kind: "sealed" });
    expect(await logs.seal("s/1", length, sha256(bytes("else")))).toEqual({ kind: "mismatch", nextOffset: length });
    expect(await logs.append("s/1", length, bytes("more"))).toEqual({ kind: "sealed", nextOffset: length });
    await logs.sealWithGap("s/1", 5);
    await logs.reopen("s/1");
    expect(await textOf("s/1")).toEqual(["planning…\n", "sealed"]);
  });

  test("an empty stream can be sealed", async () => {
    expect(await logs.seal("s/1", 0, sha256())).toEqual({ kind: "sealed" });
    expect(await textOf("s/1")).toEqual(["", "sealed"]);
  });

  test("a seal asked for right behind its appends counts them", async () => {
    const parts = ["a", "b", "c"].map(bytes);
    const appends = parts.map((part, i) => logs.append("s/1", i, part));
    expect(await logs.seal("s/1", 3, sha256(...parts))).toEqual({ kind: "sealed" });
    await Promise.all(appends);
  });

  test("a gap ends a stream visibly until it is opened again", async () => {
    await logs.append("s/1", 0, bytes("abc"));
    await logs.sealWithGap("s/1", 2);
    expect((await logs.read("s/1", 0, 9)).end).toEqual({ kind: "gap", missingBytes: 2 });
    expect(await logs.append("s/1", 3, bytes("de"))).toEqual({ kind: "sealed", nextOffset: 3 });
    await logs.sealWithGap("s/1", undefined);
    expect((await logs.read("s/1", 0, 9)).end).toEqual({ kind: "gap", missingBytes: undefined });
    await logs.reopen("s/1");
    expect(await logs.append("s/1", 3, bytes("de"))).toEqual({ kind: "appended", nextOffset: 5, addedBytes: 2 });
    expect(await logs.seal("s/1", 5, sha256(bytes("abcde")))).toEqual({ kind: "sealed" });
    await logs.sealWithGap("t/1", undefined);
    expect((await logs.read("t/1", 0, 9)).end).toEqual({ kind: "gap", missingBytes: undefined });
  });

  test("an emptied stream ends with a gap of its whole length, whatever its end was, and stays so after a restart", async () => {
    const text = bytes("abc");
    for (const name of ["s/1", "s/2"]) await logs.append(name, 0, text);
    await logs.seal("s/1", 3, sha256(text));
    await logs.sealWithGap("s/2", 9);
    for (const name of ["s/1", "s/2"]) await logs.empty(name);
    const ends = async () => {
      const reads = [await logs.read("s/1", 0, 9), await logs.read("s/2", 0, 9)];
      return reads.map(({ length, end }) => [length, end]);
    };
    const gap = [0, { kind: "gap", missingBytes: 3 }];
    expect(await ends()).toEqual([gap, gap]);
    await reopened();
    expect(await ends()).toEqual([gap, gap]);
    expect(await logs.append("s/1", 0, text)).toEqual({ kind: "sealed", nextOffset: 0 });
  });

  test("bytes of a sealed stream are forgotten for an object, both or neither, and its times stay", async () => {
    const since = clock.now();
    const hash = sha256(bytes("abc"));
    const move = { key: "k1", was: null, sha256: hash };
    await logs.append("s/1", 0, bytes("abc"));
    expect(await logs.archive("s/1", move)).toBe(false);
    await logs.seal("s/1", 3, hash);
    expect(await logs.archive("s/1", { ...move, sha256: sha256(bytes("xyz")) })).toBe(false);
    expect(await logs.archive("s/1", { ...move, was: "k0" })).toBe(false);
    expect((await textOf("s/1"))[0]).toBe("abc");
    expect(await logs.archive("s/1", move)).toBe(true);
    expect(await logs.archive("s/1", move)).toBe(false);
    const moved = (key: string) => ({
      bytes: new Uint8Array(),
      nextOffset: 1,
      end: { kind: "sealed" },
      length: 3,
      archive: key,
    });
    expect(await logs.read("s/1", 1, 9)).toStrictEqual(moved("k1"));
    expect(await timesOf("s/1", since)).toEqual([[0, 0]]);
    expect(await logs.append("s/1", 3, bytes("more"))).toEqual({ kind: "sealed", nextOffset: 3 });
    expect(await logs.seal("s/1", 3, hash)).toEqual({ kind: "sealed" });
    await reopened();
    expect(await logs.archive("s/1", { key: "k2", was: "k1", sha256: hash })).toBe(true);
    expect(await logs.read("s/1", 1, 9)).toStrictEqual(moved("k2"));
    expect(await logs.list(null, 9)).toEqual([{ name: "s/1", length: 3, end: "sealed", sha256: hash, archive: "k2" }]);
    await logs.empty("s/1");
    expect(await logs.list(null, 9)).toEqual([{ name: "s/1", length: 0, end: "gap", sha256: null, archive: null }]);
    expect((await logs.read("s/1", 0, 9)).end).toEqual({ kind: "gap", missingBytes: 3 });
    await logs.append("s/2", 0, bytes("abc"));
    expect(await logs.seal("s/2", 3, hash)).toEqual({ kind: "sealed" });
    expect(await logs.archive("s/2", move)).toBe(true);
    await logs.delete("s/2");
    expect(await logs.append("s/2", 0, bytes("anew"))).toMatchObject({ kind: "appended" });
    expect((await textOf("s/2"))[0]).toBe("anew");
  });

  test("when bytes came is remembered, once a second at most, and by what is new alone", async () => {
    const since = clock.now();
    const at = async (afterMs: number, offset: number, text: string, stream = "s/1") => {
      await clock.advance(since.getTime() + afterMs - clock.now().getTime());
      await logs.append(stream, offset, bytes(text));
    };
    await at(0, 0, "ab");
    await at(999, 2, "cd");
    await at(1_000, 4, "ef");
    await at(1_500, 6, "gh");
    await at(1_500, 0, "xyz", "t/1");
    await at(5_000, 0, "abcdefgh");
    await at(5_000, 9, "gap");
    await at(6_000, 6, "ghij");
    const all = [
      [0, 0],
      [4, 1_000],
      [8, 6_000],
    ];
    expect(await timesOf("s/1", since)).toEqual(all);
    expect(await timesOf("t/1", since)).toEqual([[0, 1_500]]);
    expect(await timesOf("none", since)).toEqual([]);
    expect(await timesOf("s/1", since, [3, 4])).toEqual([[0, 0]]);
    expect(await timesOf("s/1", since, [4, 8])).toEqual([[4, 1_000]]);
    expect(await timesOf("s/1", since, [5, 9])).toEqual(all.slice(1));
    expect(await timesOf("s/1", since, [500, 900])).toEqual(all.slice(2));
    await logs.seal("s/1", 10, sha256(bytes("abcdefghij")));
    await at(8_000, 10, "late");
    expect(await timesOf("s/1", since)).toEqual(all);
    await reopened();
    expect(await timesOf("s/1", since)).toEqual(all);
    await at(8_000, 3, "new", "t/1");
    expect(await timesOf("t/1", since)).toEqual([
      [0, 1_500],
      [3, 8_000],
    ]);
  });

  test("after a restart the second goes on; a clock that was set back is believed", async () => {
    const since = clock.now();
    await logs.append("s/1", 0, bytes("ab"));
    await clock.advance(500);
    await reopened();
    await logs.append("s/1", 2, bytes("cd"));
    expect(await timesOf("s/1", since)).toEqual([[0, 0]]);
    await logs[Symbol.asyncDispose]();
    clock = new ManualClock(new Date(since.getTime() - 60_000));
    logs = await openLogStore({ url, settings: engine.settings, clock });
    await logs.append("s/1", 4, bytes("ef"));
    await logs.append("s/1", 6, bytes("gh"));
    expect(await timesOf("s/1", since)).toEqual([
      [0, 0],
      [4, -60_000],
    ]);
  });

  test("times go with the bytes, whether a stream is emptied or deleted, and begin anew with them", async () => {
    const since = clock.now();
    for (const name of ["s/1", "s/2", "s/3"]) await logs.append(name, 0, bytes("abc"));
    await clock.advance(2_000);
    for (const name of ["s/1", "s/2", "s/3"]) await logs.append(name, 3, bytes("def"));
    await logs.sealWithGap("s/1", undefined);
    await logs.empty("s/1");
    await logs.delete("s/3");
    await logs.delete("s/2");
    for (const name of ["s/1", "s/2", "s/3", "s/4"]) expect(await timesOf(name, since)).toEqual([]);
    await clock.advance(100);
    await logs.reopen("s/1");
    for (const name of ["s/4", "s/3", "s/2", "s/1"]) {
      await logs.append(name, 0, bytes("anew"));
      expect(await timesOf(name, since)).toEqual([[0, 2_100]]);
    }
  });

  test("one look gives so many times, and says how far they reach", async () => {
    const since = clock.now();
    const appends: Promise<unknown>[] = [];
    for (let n = 0; n < maxReadTimes + 3; n += 1) {
      appends.push(logs.append("s/1", n * 2, bytes("ab")));
      await clock.advance(1_000);
    }
    await Promise.all(appends);
    const length = 2 * (maxReadTimes + 3);
    const { times, upTo } = await logs.times("s/1", 2, length);
    expect([times.length, times[0]?.offset, upTo]).toEqual([maxReadTimes, 2, 2 * (maxReadTimes + 1)]);
    expect(await timesOf("s/1", since, [upTo, length])).toEqual([
      [upTo, (maxReadTimes + 1) * 1_000],
      [upTo + 2, (maxReadTimes + 2) * 1_000],
    ]);
    expect((await logs.times("s/1", upTo, length)).upTo).toBe(length);
  });

  test("what the logs take is told, and what they no longer take is given back", async () => {
    const piece = new Uint8Array(maxAppendBytes).fill(7);
    for (let i = 0; i < 40; i += 1) await logs.append("s/1", i * piece.length, piece);
    const full = await logs.space();
    expect(full.bytes).toBeGreaterThan(engine.name === "sqlite" ? 40 * piece.length : 0);
    await logs.delete("s/1");
    for (let more = true; more; ) more = await logs.giveBack(10);
    const { bytes: rest, freeBytes } = await logs.space();
    if (engine.name === "sqlite") expect([freeBytes, rest < full.bytes / 10]).toEqual([0, true]);
    else expect(freeBytes).toBeNull();
  });

  test("a deleted stream is forgotten and may begin anew", async () => {
    await logs.append("s/1", 0, bytes("abc"));
    await logs.append("s/2", 0, bytes("xyz"));
    await logs.delete("s/1");
    await logs.delete("none");
    expect(await textOf("s/1")).toEqual(["", "open"]);
    expect(await logs.append("s/1", 0, bytes("d"))).toEqual({ kind: "appended", nextOffset: 1, addedBytes: 1 });
    expect([await textOf("s/1"), await textOf("s/2")]).toEqual([
      ["d", "open"],
      ["xyz", "open"],
    ]);
  });

  test("a restart loses nothing: streams go on, and are sealed by all of their bytes", async () => {
    await logs.append("s/1", 0, bytes("before "));
    await logs.append("s/2", 0, bytes("whole"));
    await reopened();
    expect(await logs.append("s/1", 7, bytes("after"))).toEqual({ kind: "appended", nextOffset: 12, addedBytes: 5 });
    expect(await logs.seal("s/1", 12, sha256(bytes("before after")))).toEqual({ kind: "sealed" });
    expect(await logs.seal("s/2", 5, sha256(bytes("whole")))).toEqual({ kind: "sealed" });
    await reopened();
    expect(await textOf("s/1")).toEqual(["before after", "sealed"]);
    expect(await logs.append("s/1", 12, bytes("!"))).toEqual({ kind: "sealed", nextOffset: 12 });
  });

  test("closing lets appends finish, and refuses later ones", async () => {
    const last = logs.append("s/1", 0, bytes("last"));
    await reopened();
    expect(await last).toEqual({ kind: "appended", nextOffset: 4, addedBytes: 4 });
    expect((await textOf("s/1"))[0]).toBe("last");
    await logs[Symbol.asyncDispose]();
    await expect(logs.append("s/1", 4, bytes("!"))).rejects.toThrow();
    logs = await openLogStore({ url, settings: engine.settings });
  });

  test("whatever is sent again, late or twice, the stored stream is the one that was sent", async () => {
    let streams = 0;
    const sends = fc.array(fc.tuple(fc.nat(200), fc.nat(60)), { maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 200 }), sends, async (whole, attempts) => {
        streams += 1;
        const stream = `p/${streams}`;
        const ranges = [
          ...attempts.map(([from, size]) => [from % whole.length, size] as const),
          [0, whole.length] as const,
        ];
        const results = await Promise.all(
          ranges.map(([from, size]) => logs.append(stream, from, whole.subarray(from, from + size))),
        );
        let length = 0;
        results.forEach((result, i) => {
          const [from = 0, size = 0] = ranges[i] ?? [];
          const end = Math.min(from + size, whole.length);
          const addedBytes = Math.max(0, end - length);
          const isGap = from > length;
          if (!isGap) length += addedBytes;
          expect(result).toEqual(
            isGap ? { kind: "gap", nextOffset: length } : { kind: "appended", nextOffset: length, addedBytes },
          );
        });
        expect(await logs.seal(stream, whole.length, sha256(whole))).toEqual({ kind: "sealed" });
        expect((await logs.read(stream, 0, 1_000)).bytes).toEqual(whole);
      }),
      { numRuns: engine.name === "sqlite" ? 50 : 15 },
    );
  });
});
