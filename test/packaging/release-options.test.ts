import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { readReleaseOptions } from "../../scripts/releasing/options.ts";

const root = resolve(import.meta.dirname, "../..");
const committed = 1_700_000_000;
let dir: string;
let previous: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "windlass-release-options-"));
  previous = join(dir, "manifest.json");
  vi.stubEnv("SOURCE_DATE_EPOCH", String(committed));
  vi.stubEnv("WINDLASS_RELEASE_KEYS", undefined);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(dir, { recursive: true, force: true });
});

const releaseOf = (version: string) => ({ version, min_server: "0.1.0", journal_format: 1, artifacts: [] });
const publish = (sequence: number, ...versions: readonly string[]) =>
  writeFile(previous, JSON.stringify({ sequence, releases: versions.map(releaseOf) }));
const read = (...args: readonly string[]) => readReleaseOptions(root, ["9.9.2", ...args]);

test("a manifest has the commit's time as its sequence, and none before it", async () => {
  expect(await read()).toMatchObject({ sequence: committed, earlier: [] });
});

test.each([
  ["older", committed - 5, committed],
  ["of the same commit", committed, committed + 1],
  ["newer", committed + 5, committed + 6],
])("the next manifest is above one that is %s", async (_, before, sequence) => {
  await publish(before, "9.9.2", "9.9.1");
  expect(await read("--previous", previous)).toMatchObject({ sequence, earlier: [releaseOf("9.9.1")] });
});

test("a sequence that was asked for is taken, or refused before anything is built", async () => {
  await publish(7, "9.9.1");
  expect(await read("--previous", previous, "--sequence", "8")).toMatchObject({ sequence: 8 });
  await expect(read("--previous", previous, "--sequence", "7")).rejects.toThrow("--sequence has to be above 7");
});

test.each([
  ["{", "is no manifest of agent versions"],
  ["{}", "is no manifest of agent versions"],
])("what is no manifest is refused before anything is built: %s", async (text, why) => {
  await writeFile(previous, text);
  await expect(read("--previous", previous)).rejects.toThrow(why);
  await expect(read("--previous", join(dir, "nothing"))).rejects.toThrow("ENOENT");
});

test("keys that cannot sign a manifest are refused before anything is built, and needed for nothing else", async () => {
  vi.stubEnv("WINDLASS_RELEASE_KEYS", join(root, "packaging/keys/test-1.pem"));
  await expect(read()).rejects.toThrow("a manifest needs 2 signatures of different keys, and there are 1");
  expect(await read("--only", "deb")).toMatchObject({ kinds: ["deb"] });
});
