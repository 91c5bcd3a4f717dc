import { mkdtemp, readdir, rm, stat, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ManualClock } from "../../../test/support/manual-clock.ts";
import { silentLog } from "../../lib/program/log.ts";
import { systemRandom } from "../../lib/random.ts";
import { DiskReserve, type DiskReserveOptions } from "./disk-reserve.ts";

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "windlass-reserve-"));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const bytes = 2_500_000;
const path = () => join(dir, "own", "reserve");
const reserve = (over: Partial<DiskReserveOptions> = {}) =>
  new DiskReserve({
    path: path(),
    bytes,
    minFreeBytes: 0,
    clock: new ManualClock(),
    random: systemRandom,
    log: silentLog(),
    ...over,
  });

test("takes real space, for this user alone, once", async () => {
  expect(await reserve().ensure()).toBe(true);
  const found = await stat(path());
  expect(found).toMatchObject({ size: bytes });
  expect(found.blocks * 512).toBeGreaterThanOrEqual(bytes);
  expect(found.mode & 0o777).toBe(0o600);
  await reserve().ensure();
  expect((await stat(path())).mtimeMs).toBe(found.mtimeMs);
});

test("is given away at most once, and taken back when it is asked for again", async () => {
  const held = reserve();
  await held.ensure();
  expect(await held.release("a test")).toBe(true);
  expect(await readdir(join(dir, "own"))).toEqual([]);
  expect(await held.release("a test")).toBe(false);
  expect(await held.ensure()).toBe(true);
  expect((await stat(path())).size).toBe(bytes);
});

test("is not taken when too little would be left beside it", async () => {
  const held = reserve({ minFreeBytes: Number.MAX_SAFE_INTEGER });
  expect(await held.ensure()).toBe(false);
  expect(await readdir(join(dir, "own"))).toEqual([]);
});

test("one that a crash has cut off is made whole", async () => {
  await reserve().ensure();
  await truncate(path(), 1_000);
  expect(await reserve().ensure()).toBe(true);
  expect((await stat(path())).size).toBe(bytes);
});

test("one of no bytes is always there, and has nothing to give", async () => {
  const none = reserve({ bytes: 0 });
  expect(await none.ensure()).toBe(true);
  expect(await none.release("a test")).toBe(false);
});

test("a file that cannot be written is no reserve", async () => {
  await writeFile(join(dir, "own"), "");
  expect(await reserve().ensure()).toBe(false);
});
