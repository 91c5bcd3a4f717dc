import { randomBytes } from "node:crypto";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { keepAll, openTestControl, sha256, type TestControl } from "../../../test/support/control.ts";
import { ManualClock } from "../../../test/support/manual-clock.ts";
import { jobRow, runRow } from "../../../test/support/rows.ts";
import { newWorkspace } from "../../../test/support/wanted.ts";
import type { Job } from "../../domain/runs/job.ts";
import type { Workspace } from "../../domain/workspaces/workspace.ts";
import { systemRandom } from "../../lib/random.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import type { BlobStore } from "../../store/ports/blobs.ts";
import type { LogStore } from "../../store/ports/logs.ts";
import { createVault } from "../core/vault.ts";
import { withArchive } from "../logs/log-archive.ts";
import { createWorkspace } from "../workspaces/workspaces.ts";
import { archiveLogs, archiveUntil } from "./archive-logs.ts";
import { collectGarbage } from "./gc.ts";
import { resealAll } from "./reseal.ts";

const dayMs = 86_400_000;
const never = AbortSignal.any([]);
let fixture: TestControl;
let workspace: Workspace;
/** Objects carry the time of the disk: a clock that is ahead of it finds them old. */
let clock: ManualClock;
let logs: LogStore;

beforeEach(async () => {
  fixture = await openTestControl({ hasLogs: true });
  clock = new ManualClock(new Date(Date.now() + 365 * dayMs));
  logs = withArchive(fixture.control.logs, fixture.control);
  ({ workspace } = await createWorkspace(fixture.control, fixture.as("owner"), newWorkspace("net")));
});
afterEach(() => fixture[Symbol.asyncDispose]());

/** A clock on which pauses are over at once. */
const control = (over: { readonly blobs?: BlobStore; readonly logs?: LogStore } = {}) => ({
  ...fixture.control,
  logs,
  clock: { ...clock, now: () => clock.now(), monotonicMs: () => clock.monotonicMs(), sleep: async () => {} },
  ...over,
});
const archive = (afterMs = 30 * dayMs, over: Parameters<typeof control>[0] = {}, signal = never) =>
  archiveLogs(control(over), afterMs, signal);

async function logOf(days: number, text: Uint8Array, over: Partial<Job> = {}): Promise<string> {
  const at = new Date(clock.now().getTime() - days * dayMs);
  const run = runRow(workspace, { status: "applied", createdAt: at, endedAt: at });
  const job = jobRow(run, {
    ...{ status: "finished", epoch: 1, attempt: 1, endedAt: at, isLogClosed: true, logBytes: text.length },
    ...over,
  });
  await fixture.control.store.write(async (tx) => {
    await tx.runs.insert(run);
    await tx.jobs.insert(job);
  });
  const stream = `${job.id}/1`;
  for (let from = 0; from < text.length; from += 65_536)
    await fixture.control.logs.append(stream, from, text.subarray(from, from + 65_536));
  return stream;
}

async function sealedLog(days: number, text: Uint8Array): Promise<string> {
  const stream = await logOf(days, text);
  await fixture.control.logs.seal(stream, text.length, sha256(text));
  return stream;
}

/** What lies in the log store itself. */
const kept = async (stream: string) => (await fixture.control.logs.read(stream, 0, 1_000_000)).bytes.length;
const objects = async () => (await fixture.control.blobs.usage()).count;

async function whole(stream: string, from = 0): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for (let next = from; ; ) {
    const read = await logs.read(stream, next, 300_000);
    if (read.bytes.length === 0) return Buffer.concat(pieces);
    pieces.push(read.bytes);
    next = read.nextOffset;
  }
}

describe("old logs", () => {
  test("that are complete move to the objects, encrypted, and are read as before, from any byte", async () => {
    const text = Buffer.from(randomBytes(1_300_000).toString("hex"));
    const old = await sealedLog(31, text);
    const young = await sealedLog(29, Buffer.from("young"));
    const before = await logs.read(old, 7, 100);
    const times = await logs.times(old, 0, text.length);
    expect(await archive()).toEqual({ logs: 1, bytes: text.length });
    expect([await kept(old), await kept(young), await objects()]).toEqual([0, 5, 1]);
    expect(await logs.read(old, 7, 100)).toStrictEqual(before);
    expect(await logs.times(old, 0, text.length)).toEqual(times);
    expect((await whole(old)).equals(text)).toBe(true);
    for (const from of [1, 1_048_575, 1_048_576, 1_048_577, text.length - 1, text.length, text.length + 5])
      expect((await whole(old, from)).equals(text.subarray(from))).toBe(true);
    for await (const { key } of fixture.control.blobs.list()) {
      const stored = Buffer.concat(await Array.fromAsync(fixture.control.blobs.get(key)));
      expect(stored.includes(text.subarray(0, 40))).toBe(false);
    }
    expect(await archive()).toEqual({ logs: 0, bytes: 0 });
  });

  test("that are not complete, empty, or not over stay where they are", async () => {
    const open = await logOf(99, Buffer.from("open"));
    const gap = await logOf(99, Buffer.from("gap"));
    await logs.sealWithGap(gap, 3);
    await sealedLog(99, Buffer.alloc(0));
    const running = await logOf(99, Buffer.from("runs"), { status: "started", endedAt: null, isLogClosed: false });
    await logs.seal(running, 4, sha256("runs"));
    expect(await archive()).toEqual({ logs: 0, bytes: 0 });
    expect([await kept(open), await kept(gap), await kept(running), await objects()]).toEqual([4, 3, 4, 0]);
  });

  test("are whole wherever the move is cut off, and it goes on where it was", async () => {
    const texts = ["one", "two", "three"].map((text) => Buffer.from(text));
    const streams: string[] = [];
    for (const text of texts) streams.push(await sealedLog(40, text));
    const { blobs } = fixture.control;
    const cutOff = new WindlassError("storage_unavailable", "cut off");
    let puts = 0;
    const dying: BlobStore = {
      ...blobs,
      put: async (...given) => {
        puts += 1;
        const stored = await blobs.put(...given);
        if (puts === 2) throw cutOff; // the object is there, and nothing names it
        return stored;
      },
    };
    await expect(archive(30 * dayMs, { blobs: dying })).rejects.toBe(cutOff);
    const texted = async () => (await Promise.all(streams.map((one) => whole(one)))).map(String).toSorted();
    expect(await texted()).toEqual(["one", "three", "two"]);
    const stuck: LogStore = { ...bound(logs), archive: () => Promise.reject(cutOff) };
    await expect(archive(30 * dayMs, { logs: stuck })).rejects.toBe(cutOff);
    expect(await texted()).toEqual(["one", "three", "two"]);
    expect(await archive()).toMatchObject({ logs: 2 });
    expect(await texted()).toEqual(["one", "three", "two"]);
    // Three that are needed, and two that attempts have left.
    expect(await objects()).toBe(5);
    const counts = await collectGarbage(control(), { retention: keepAll, isDryRun: false });
    expect(counts.find(({ kind }) => kind === "orphaned objects")?.count).toBe(2);
    expect(await texted()).toEqual(["one", "three", "two"]);
  });

  test("that are not what was sealed stay, and do not hold up others", async () => {
    const [one, two] = [await sealedLog(40, Buffer.from("one")), await sealedLog(40, Buffer.from("two"))];
    const lying: LogStore = {
      ...bound(logs),
      read: async (stream, ...range) => {
        const read = await logs.read(stream, ...range);
        return stream === one ? { ...read, bytes: read.bytes.map((byte) => byte ^ 1) } : read;
      },
    };
    expect(await archive(30 * dayMs, { logs: lying })).toEqual({ logs: 1, bytes: 3 });
    expect([await kept(one), await kept(two)]).toEqual([3, 0]);
  });

  test("move while nothing waits for them: a stop does not wait for a store that is slow", async () => {
    await sealedLog(40, Buffer.from("one"));
    const stopping = new AbortController();
    const asked = Promise.withResolvers<void>();
    const slow: BlobStore = {
      ...fixture.control.blobs,
      put: () => {
        asked.resolve();
        return new Promise(() => {});
      },
    };
    const loop = archiveUntil(control({ blobs: slow }), 30 * dayMs, stopping.signal);
    await asked.promise;
    stopping.abort();
    await loop;
  });
});

/** Its methods, to replace some of them. */
function bound(store: LogStore): LogStore {
  const names = ["append", "nextOffset", "seal", "sealWithGap", "reopen", "read", "times", "list", "archive"] as const;
  const own = Object.fromEntries(names.map((name) => [name, store[name].bind(store)]));
  return { ...store, ...own } as LogStore;
}

describe("an archived log", () => {
  test("goes with its run, and its object with it", async () => {
    const stream = await sealedLog(100, Buffer.from("old"));
    await sealedLog(99, Buffer.from("newer"));
    await archive();
    const collect = (isDryRun: boolean) =>
      collectGarbage(control(), { retention: { ...keepAll, runsMs: 90 * dayMs }, isDryRun });
    const goes = expect.arrayContaining([
      expect.objectContaining({ kind: "orphaned logs", count: 1, bytes: 3 }),
      expect.objectContaining({ kind: "orphaned objects", count: 1 }),
    ]);
    expect(await collect(true)).toEqual(goes);
    expect(await collect(false)).toEqual(goes);
    expect([await objects(), (await logs.read(stream, 0, 10)).length]).toEqual([1, 0]);
  });

  test("is emptied like any other, and its object goes", async () => {
    const stream = await sealedLog(100, Buffer.from("old"));
    await archive();
    await collectGarbage(control(), { retention: { ...keepAll, logsMs: 90 * dayMs }, isDryRun: false });
    expect(await logs.read(stream, 0, 10)).toMatchObject({ length: 0, end: { kind: "gap", missingBytes: 3 } });
    expect(await objects()).toBe(0);
  });

  test("whose object is gone or was changed says so, and nothing else suffers", async () => {
    const [one, two] = [await sealedLog(40, Buffer.from("one")), await sealedLog(40, Buffer.from("two"))];
    await archive();
    const moved = new Map((await logs.list(null, 10)).map(({ name, archive: key }) => [name, key ?? ""]));
    await fixture.control.blobs.delete(moved.get(one) ?? "");
    await expect(logs.read(one, 0, 10)).rejects.toMatchObject({
      code: "internal",
      message: expect.stringContaining("is gone: its object was deleted outside of windlassd"),
    });
    expect((await logs.read(one, 0, 0)).length).toBe(3);
    expect((await whole(two)).toString()).toBe("two");
    const swapped = await logs.archive(one, {
      ...{ key: moved.get(two) ?? "", was: moved.get(one) ?? "", sha256: sha256("one") },
    });
    expect(swapped).toBe(true);
    await expect(logs.read(one, 0, 10)).rejects.toThrow("changed outside of windlassd");
  });

  test("opens with a new master key alone once the key was changed", async () => {
    const stream = await sealedLog(40, Buffer.from("old"));
    await archive();
    const [oldKey, newKey] = [new Uint8Array(32).fill(7), new Uint8Array(32).fill(8)];
    const rotating = createVault(newKey, systemRandom, [oldKey]);
    expect(await resealAll({ ...fixture.control, vault: rotating })).toMatchObject({ resealed: 1 });
    expect(await objects()).toBe(1);
    const rotated = withArchive(fixture.control.logs, { ...fixture.control, vault: createVault(newKey, systemRandom) });
    expect(Buffer.from((await rotated.read(stream, 0, 10)).bytes).toString()).toBe("old");
    expect(await resealAll({ ...fixture.control, vault: rotating })).toMatchObject({ resealed: 0, current: 1 });
  });
});
