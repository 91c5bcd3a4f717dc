import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ManualClock } from "../../../../test/support/manual-clock.ts";
import { silentLog } from "../../../lib/program/log.ts";
import { systemRandom } from "../../../lib/random.ts";
import { type CachedPackage, PackageCache } from "../../../terraform/packages/package-cache.ts";
import { jobFilesAt } from "../../jobs/files.ts";
import { makeRoom, usedPackages } from "./package-room.ts";

let dataDir: string;
let clock: ManualClock;
let cache: PackageCache;

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "windlass-room-"));
  clock = new ManualClock();
  cache = new PackageCache(join(dataDir, "packages"), { clock, random: systemRandom });
});
afterEach(() => rm(dataDir, { recursive: true, force: true }));

/** A package of so many bytes, used later than those before it. */
async function kept(version: string, bytes: number): Promise<CachedPackage> {
  const draft = await cache.draft();
  await mkdir(join(draft, "unpacked"));
  await writeFile(join(draft, "unpacked", "program"), version);
  const facts = { address: "registry.terraform.io/hashicorp/random", version, platform: "linux_amd64", h1: "h1:x" };
  const record = { ...facts, hashes: [], bytes, fetchedAtMs: 0, vouchedFor: [] };
  const made = await cache.keep(join(draft, "unpacked"), "a".repeat(64), record);
  await cache.drop(draft);
  await clock.advance(1_000);
  await cache.touch(made);
  return made;
}

/** A job that uses packages, perhaps of an earlier process. */
async function job(name: string, packages: readonly CachedPackage[]): Promise<void> {
  const files = jobFilesAt(join(dataDir, "jobs", name));
  await mkdir(join(dataDir, "jobs", name), { recursive: true });
  await writeFile(files.packages, JSON.stringify(packages.map(({ root }) => root)));
}
const room = (maxBytes: number, newest: CachedPackage) =>
  makeRoom(cache, { dataDir, maxBytes, log: silentLog(), newest });
const left = async () => (await cache.list()).map(({ version }) => version).toSorted();

describe("room for packages", () => {
  test("is there as long as they are not more than may be", async () => {
    await kept("1.0.0", 60);
    const newest = await kept("1.1.0", 40);
    await room(100, newest);
    expect(await left()).toEqual(["1.0.0", "1.1.0"]);
  });

  test("is made by what was not used for longest, and by no more than is needed", async () => {
    const first = await kept("1.0.0", 40);
    await kept("1.1.0", 40);
    const newest = await kept("1.2.0", 40);
    await clock.advance(1_000);
    await cache.touch(first);
    await room(80, newest);
    expect(await left()).toEqual(["1.0.0", "1.2.0"]);
  });

  test("is never made by what a job uses, nor by what was just fetched", async () => {
    const used = await kept("1.0.0", 40);
    await kept("1.1.0", 40);
    const newest = await kept("1.2.0", 400);
    await job("job_1-1", [used]);
    await room(80, newest);
    expect(await left()).toEqual(["1.0.0", "1.2.0"]);
  });

  test("what several jobs use is all used; jobs without packages use none", async () => {
    const [first, second] = [await kept("1.0.0", 1), await kept("1.1.0", 1)];
    expect(await usedPackages(dataDir)).toEqual(new Set());
    await job("job_1-1", [first]);
    await job("job_2-1", [first, second]);
    await mkdir(join(dataDir, "jobs", "job_3-1"));
    expect(await usedPackages(dataDir)).toEqual(new Set([first.root, second.root]));
  });

  test("nothing is removed when it cannot be told what a job uses", async () => {
    await kept("1.0.0", 400);
    const newest = await kept("1.1.0", 400);
    await job("job_1-1", []);
    await writeFile(jobFilesAt(join(dataDir, "jobs", "job_1-1")).packages, "{ broken");
    await expect(room(1, newest)).rejects.toThrow();
    expect(await left()).toEqual(["1.0.0", "1.1.0"]);
  });
});
