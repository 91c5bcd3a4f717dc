import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ManualClock } from "../../../test/support/manual-clock.ts";
import { systemRandom } from "../../lib/random.ts";
import { hashPackage, lookAtPackage } from "./dir-hash.ts";
import { type CachedPackage, digestOfHashes, isAcceptable, PackageCache, type PackageRecord } from "./package-cache.ts";

let directory: string;
let clock: ManualClock;
let cache: PackageCache;
const circle = "a".repeat(64);
const random = "registry.terraform.io/hashicorp/random";

beforeEach(async () => {
  directory = join(await mkdtemp(join(tmpdir(), "windlass-packages-")), "cache");
  clock = new ManualClock();
  cache = new PackageCache(directory, { clock, random: systemRandom });
});
afterEach(async () => {
  await rm(join(directory, ".."), { recursive: true, force: true });
});

const record = (change: Partial<PackageRecord> = {}): PackageRecord => ({
  ...{ address: random, version: "3.9.0", platform: "linux_amd64", h1: "", hashes: ["zh:1"], bytes: 7 },
  ...{ fetchedAtMs: 0, vouchedFor: [] },
  ...change,
});

/** Fetches a package with these files, and keeps it. */
async function kept(
  files: Readonly<Record<string, string>>,
  change: Partial<PackageRecord> = {},
): Promise<CachedPackage> {
  const draft = await cache.draft();
  const unpacked = join(draft, "unpacked");
  await mkdir(unpacked);
  for (const [name, text] of Object.entries(files)) await writeFile(join(unpacked, name), text, { mode: 0o755 });
  const h1 = await hashPackage(unpacked, await lookAtPackage(unpacked));
  const made = await cache.keep(unpacked, circle, record({ h1, ...change }));
  await cache.drop(draft);
  return made;
}
const provider = { "terraform-provider-random": "a program", LICENSE: "text" };
const name = { domain: circle, address: random, version: "3.9.0" };
/** Another process with the same directory. */
const reopened = () => new PackageCache(directory, { clock, random: systemRandom });

describe("a package that was fetched", () => {
  test("is found again, by this process and the next, whole and with what is known of it", async () => {
    const made = await kept(provider);
    for (const one of [cache, reopened()]) {
      const found = await one.find(name);
      expect(found).toEqual(made);
      expect(await readFile(join(found?.root ?? "", "terraform-provider-random"), "utf8")).toBe("a program");
      expect(found !== undefined && (await one.isIntact(found))).toBe(true);
    }
  });

  test("is found by its domain, its address and its version alone", async () => {
    await kept(provider);
    for (const other of [{ domain: "b".repeat(64) }, { address: `${random}s` }, { version: "3.9.1" }])
      expect(await cache.find({ ...name, ...other })).toBeUndefined();
  });

  test("takes the place of an earlier one at once, and leaves nothing of it", async () => {
    const first = await kept({ "terraform-provider-random": "old" });
    const second = await kept({ "terraform-provider-random": "new" });
    expect(second.entry).toBe(first.entry);
    expect(await readdir(second.root)).toEqual(["terraform-provider-random"]);
    expect(await cache.isIntact(second)).toBe(true);
    expect(await cache.isIntact(first)).toBe(false);
    expect((await cache.list()).length).toBe(1);
  });

  test("can be run and read by everybody, and written by nobody", async () => {
    const unpacked = join(await cache.draft(), "unpacked");
    await mkdir(unpacked);
    await writeFile(join(unpacked, "program"), "x", { mode: 0o755 });
    await writeFile(join(unpacked, "text"), "x", { mode: 0o644 });
    const { root } = await cache.keep(unpacked, circle, record());
    expect([(await stat(join(root, "program"))).mode & 0o777, (await stat(join(root, "text"))).mode & 0o777]).toEqual([
      0o555, 0o444,
    ]);
  });

  test("is listed with those of its domain, and of all", async () => {
    const first = await kept(provider);
    const second = await kept(provider, { version: "3.9.1" });
    expect((await cache.list(circle)).map(({ entry }) => entry).toSorted()).toEqual(
      [first.entry, second.entry].toSorted(),
    );
    expect(await cache.list("b".repeat(64))).toEqual([]);
    expect(await reopened().list()).toHaveLength(2);
  });
});

describe("a package that was changed since", () => {
  const program = (one: CachedPackage) => join(one.root, "terraform-provider-random");

  test.each<readonly [string, (one: CachedPackage) => Promise<void>]>([
    [
      "in a byte",
      async (one) => {
        await chmod(program(one), 0o755);
        await writeFile(program(one), "another program");
      },
    ],
    [
      "in a byte, with its time put back",
      async (one) => {
        const { atime, mtime } = await stat(program(one));
        await chmod(program(one), 0o755);
        await writeFile(program(one), "b program");
        await utimes(program(one), atime, mtime);
      },
    ],
    ["by another file", (one) => writeFile(join(one.root, "more"), "")],
    ["by a file less", (one) => rm(join(one.root, "LICENSE"))],
    [
      "by a link in the place of a file",
      async (one) => {
        await rm(program(one), { force: true });
        await symlink("/bin/true", program(one));
      },
    ],
    ["by a directory that is gone", (one) => rm(one.root, { recursive: true, force: true })],
  ])("%s is not used: what was seen before does not count", async (_how, spoil) => {
    const made = await kept(provider);
    expect(await cache.isIntact(made)).toBe(true);
    await spoil(made);
    expect([await cache.isIntact(made), await reopened().isIntact(made)]).toEqual([false, false]);
  });

  test("and put back as it was is used again, after another look at every byte", async () => {
    const made = await kept(provider);
    await cache.isIntact(made);
    await chmod(program(made), 0o755);
    await writeFile(program(made), "a program");
    expect(await cache.isIntact(made)).toBe(true);
  });
});

describe("what stands in the way of the cache", () => {
  test("is no package: files, other names, and records that cannot be read", async () => {
    const made = await kept(provider);
    await writeFile(join(directory, "README"), "x");
    await mkdir(join(directory, "not-a-domain", "x"), { recursive: true });
    await writeFile(join(made.entry, "record.json"), "{ broken");
    expect([await cache.list(), await cache.find(name)]).toEqual([[], undefined]);
    await writeFile(join(made.entry, "record.json"), JSON.stringify({ ...record(), bytes: "many" }));
    expect(await cache.find(name)).toBeUndefined();
  });

  test("downloads that ended with their process are removed after an hour, and no younger ones", async () => {
    const draft = await cache.draft();
    await writeFile(join(draft, "half"), "x");
    const made = new Date((await stat(draft)).mtimeMs);
    const later = new PackageCache(directory, {
      clock: new ManualClock(new Date(made.getTime() + 3_600_000)),
      random: systemRandom,
    });
    await later.drop(await later.draft());
    expect((await readdir(directory)).length).toBe(1);
    const latest = new PackageCache(directory, {
      clock: new ManualClock(new Date(made.getTime() + 3_600_001)),
      random: systemRandom,
    });
    const fresh = await latest.draft();
    expect(await readdir(directory)).toEqual([fresh.slice(directory.length + 1)]);
  });

  test("a cache without a directory is empty", async () => {
    expect([await cache.list(), await cache.list(circle), await cache.find(name)]).toEqual([[], [], undefined]);
  });
});

describe("what is known of a package", () => {
  test("can become more, and is there after a restart", async () => {
    const made = await kept(provider);
    const { entry: _entry, root: _root, ...known } = made;
    const amended = await cache.amend(made, { ...known, vouchedFor: [digestOfHashes(["h1:x"])] });
    expect(amended).toMatchObject({ entry: made.entry, root: made.root });
    expect(await reopened().find(name)).toEqual(amended);
    expect(await cache.isIntact(amended)).toBe(true);
  });

  test("when it was used last is told, and 0 of what is not there", async () => {
    const made = await kept(provider);
    await clock.advance(5_000);
    await cache.touch(made);
    expect(await cache.usedAtMs(made)).toBe(clock.now().getTime());
    await cache.discard(made.entry);
    expect(await cache.usedAtMs(made)).toBe(0);
    await cache.touch(made);
    expect(await cache.find(name)).toBeUndefined();
  });

  test("a lock file takes it by its own hash, or because terraform took it under the same hashes before", () => {
    const own = record({ h1: "h1:own" });
    expect(isAcceptable(own, ["zh:1", "h1:own"])).toBe(true);
    expect(isAcceptable(own, ["zh:1", "h1:other"])).toBe(false);
    const vouched = record({ h1: "h1:own", vouchedFor: [digestOfHashes(["zh:1", "zh:2"])] });
    expect(isAcceptable(vouched, ["zh:2", "zh:1"])).toBe(true);
    expect(isAcceptable(vouched, ["zh:1"])).toBe(false);
    expect(isAcceptable(vouched, ["zh:1", "zh:2", "zh:3"])).toBe(false);
  });

  test("a package that is discarded is gone, and so is what is not there", async () => {
    const made = await kept(provider);
    await cache.discard(made.entry);
    await cache.discard(made.entry);
    expect([await cache.list(), await readdir(directory)]).toEqual([[], [circle]]);
  });
});
