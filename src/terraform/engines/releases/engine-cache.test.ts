import { chmod, mkdir, mkdtemp, readdir, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { sha256 } from "../../../../test/support/release-mirror.ts";
import { systemClock } from "../../../lib/clock.ts";
import { systemRandom } from "../../../lib/random.ts";
import { EngineCache, type EngineRecord } from "./engine-cache.ts";

let dir = "";
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "windlass-cache-"));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const cacheOf = () => new EngineCache(join(dir, "engines"), { clock: systemClock, random: systemRandom });
const program = (version: string) => Buffer.from(`terraform ${version}`);

function recordOf(version: string, more: Partial<EngineRecord> = {}): EngineRecord {
  const zipSha256 = sha256(Buffer.from(`zip of ${version}`));
  const programSha256 = sha256(program(version));
  return {
    engine: "terraform",
    version,
    platform: "linux_amd64",
    zipSha256,
    programSha256,
    source: "here",
    signedBy: "me",
    ...more,
  };
}

async function keep(cache: EngineCache, version: string, more: Partial<EngineRecord> = {}) {
  const draft = await cache.draft();
  await writeFile(join(draft, more.engine ?? "terraform"), program(version), { mode: 0o555 });
  return await cache.keep(draft, recordOf(version, more));
}

test("what is kept is found, newest first, for its program and platform only", async () => {
  const cache = cacheOf();
  expect(await cache.list("terraform", "linux_amd64")).toEqual([]);
  for (const version of ["1.9.0", "1.10.0", "1.2.0"]) await keep(cache, version);
  await keep(cache, "1.8.0", { engine: "tofu" });
  await keep(cache, "1.11.0", { platform: "linux_arm64" });
  const versions = async (engine: "terraform" | "tofu") =>
    (await cacheOf().list(engine, "linux_amd64")).map(({ version }) => version);
  expect(await versions("terraform")).toEqual(["1.10.0", "1.9.0", "1.2.0"]);
  expect(await versions("tofu")).toEqual(["1.8.0"]);
});

test("a draft is seen by nobody, and gone when it is dropped", async () => {
  const cache = cacheOf();
  const draft = await cache.draft();
  await writeFile(join(draft, "terraform"), "half a prog");
  expect(await cache.list("terraform", "linux_amd64")).toEqual([]);
  await cache.drop(draft);
  expect(await readdir(join(dir, "engines"))).toEqual([]);
});

test("many that keep the same at once end with one, which is intact", async () => {
  const kept = await Promise.all(Array.from({ length: 8 }, () => keep(cacheOf(), "1.9.0")));
  expect(new Set(kept.map(({ file }) => file)).size).toBe(1);
  expect(await readdir(join(dir, "engines"))).toEqual([recordOf("1.9.0").zipSha256]);
  for (const one of kept) expect(await cacheOf().isIntact(one)).toBe(true);
});

test("a program that was changed is not intact, whatever its date and size; nor is one that is gone", async () => {
  const cache = cacheOf();
  const { file, ...rest } = await keep(cache, "1.9.0");
  const cached = { file, ...rest };
  expect(await cache.isIntact(cached)).toBe(true);
  const { atime, mtime } = await stat(file);
  await chmod(file, 0o755);
  await writeFile(file, "terraform 6.6.6");
  await utimes(file, atime, mtime);
  expect(await cache.isIntact(cached)).toBe(false);
  await rm(file);
  expect(await cache.isIntact(cached)).toBe(false);
});

test("what is not intact is replaced when the same is kept again", async () => {
  const cache = cacheOf();
  const { file } = await keep(cache, "1.9.0");
  await chmod(file, 0o755);
  await writeFile(file, "terraform 6.6.6");
  const again = await keep(cacheOf(), "1.9.0");
  expect(again.file).toBe(file);
  expect(await cache.isIntact(again)).toBe(true);
  expect(await readdir(join(dir, "engines"))).toHaveLength(1);
});

test("a directory without a record that fits its name is nothing", async () => {
  const cache = cacheOf();
  const kept = await keep(cache, "1.9.0");
  const other = join(dir, "engines", "0".repeat(64));
  await mkdir(other);
  await writeFile(join(other, "record.json"), JSON.stringify(recordOf("2.0.0")));
  expect((await cache.list("terraform", "linux_amd64")).map(({ file }) => file)).toEqual([kept.file]);
  await cache.discard(kept.zipSha256);
  expect(await cache.list("terraform", "linux_amd64")).toEqual([]);
});

test("a download that ended with its process is removed a day later", async () => {
  const cache = cacheOf();
  const [old, young] = [await cache.draft(), await cache.draft()];
  const yesterday = new Date(systemClock.now().getTime() - 25 * 3_600_000);
  await utimes(old, yesterday, yesterday);
  const third = await cache.draft();
  const left = (await readdir(join(dir, "engines"))).map((name) => join(dir, "engines", name));
  expect(left.sort()).toEqual([young, third].sort());
});
