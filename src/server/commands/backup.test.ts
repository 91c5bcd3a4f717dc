import { mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { generationKey } from "../../control/system.ts";
import { openBlobStore, openStore } from "../../store/open.ts";
import { readManifest } from "../backup/unpack.ts";
import { enterMaintenance, lockDataDir } from "../data-dir.ts";
import { commandCall, hastyClock, openFilesIn, serveOnce, temporaryDirectory } from "../testing.ts";
import { backupCommand } from "./backup.ts";
import { restoreCommand } from "./restore.ts";

let held: AsyncDisposableStack;
let dir: string;
let dataDir: string;
let file: string;
beforeEach(async () => {
  held = new AsyncDisposableStack();
  dir = await temporaryDirectory(held);
  dataDir = join(dir, "data");
  file = join(dir, "backup.tar.gz");
});
afterEach(() => held.disposeAsync());

type Own = Readonly<Record<string, string>>;
const withKey = { "with-key": "true" };
const force = { force: "true" };

async function backUp(own: Own = {}, target = file) {
  const { call, noted } = commandCall({ "data-dir": dataDir }, { own, words: [target], clock: hastyClock() });
  const code = await backupCommand.run(call);
  return { code, noted: noted.join("") };
}
async function restore(to: string, own: Own = {}, flags: Own = {}) {
  const { call, said, noted } = commandCall({ "data-dir": to, ...flags }, { own, words: [file] });
  const code = await restoreCommand.run(call);
  return { code, said: said.join(""), noted: noted.join("") };
}
const startError = (exitCode: number, message: string) =>
  expect.objectContaining({ name: "StartError", exitCode, message: expect.stringContaining(message) });

/** Nothing that a command made on its way is left, nothing open, and others may go on. */
async function expectTidy(): Promise<void> {
  expect(openFilesIn(dataDir)).toEqual([]);
  const left = await readdir(join(dataDir, "maintenance")).catch(() => []);
  expect(left.filter((name) => !name.startsWith("lock."))).toEqual([]);
  const free = await enterMaintenance(dataDir);
  expect(free).toBeDefined();
  free?.release();
}

const generationIn = async (at: string) => {
  await using store = await openStore({ url: `sqlite:${join(at, "windlass.db")}` });
  return store.read((q) => q.meta.get(generationKey));
};

async function putObject(at: string, text: string): Promise<string> {
  await using blobs = await openBlobStore({ url: `files:${join(at, "blobs")}` });
  const bytes = async function* () {
    yield Buffer.from(text);
  };
  return (await blobs.put(bytes(), { maxBytes: 100 })).key;
}

async function objectIn(at: string, key: string): Promise<string> {
  await using blobs = await openBlobStore({ url: `files:${join(at, "blobs")}` });
  return Buffer.concat(await Array.fromAsync(blobs.get(key))).toString();
}

describe("a backup", () => {
  test("needs a server that was started: else it says what is missing, and makes nothing", async () => {
    await expect(backUp()).rejects.toEqual(startError(2, "there is no data directory"));
    await mkdir(dataDir);
    await expect(backUp()).rejects.toEqual(startError(2, "there is no master key"));
    await writeFile(join(dataDir, "master.key"), `${"ab".repeat(32)}\n`);
    await expect(backUp()).rejects.toEqual(startError(2, "there is no database"));
    expect([await readdir(dataDir), await readdir(dir)]).toEqual([["master.key"], ["data"]]);
  });

  test("holds everything, its owner's alone, and the key only if it is asked to", async () => {
    await serveOnce(dataDir);
    const key = await putObject(dataDir, "an object");
    const { code, noted } = await backUp();
    expect([code, noted]).toEqual([0, expect.stringMatching(/backed up 3 files of \d+ bytes, without the master key/)]);
    const manifest = await readManifest(file);
    expect(manifest.parts.map(({ name }) => name)).toEqual(["windlass.db", "logs.db", `blobs/${key}`]);
    expect(manifest).toMatchObject({ engine: "sqlite", hasMasterKey: false, generation: await generationIn(dataDir) });
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect((await backUp(withKey)).noted).toContain("backed up 4 files");
    expect((await readManifest(file)).parts.map(({ name }) => name)).toContain("master.key");
    await expectTidy();
  });

  test("is made beside a server that holds the directory", async () => {
    await serveOnce(dataDir);
    using _server = await lockDataDir(dataDir);
    expect((await backUp()).code).toBe(0);
  });

  test("that cannot be written leaves nothing, not even half, and the one before as it was", async () => {
    await serveOnce(dataDir);
    const nowhere = join(dir, "nowhere", "file");
    await expect(backUp({}, nowhere)).rejects.toEqual(startError(2, `${nowhere} cannot be written: ENOENT`));
    await backUp();
    const before = await readFile(file);
    const key = await putObject(dataDir, "an object that is damaged on the disk");
    const [damaged] = (await readdir(join(dataDir, "blobs"), { recursive: true })).filter((name) => name.endsWith(key));
    await writeFile(join(dataDir, "blobs", damaged ?? ""), "another object");
    await expect(backUp()).rejects.toThrow();
    expect((await readFile(file)).equals(before)).toBe(true);
    expect((await readdir(dir)).toSorted()).toEqual(["backup.tar.gz", "data"]);
    await expectTidy();
  });

  test("removes what one has left that was cut off", async () => {
    await serveOnce(dataDir);
    await mkdir(join(dataDir, "maintenance", "backup-1"), { recursive: true });
    await writeFile(join(dataDir, "maintenance", "backup-1", "windlass.db"), "half");
    await backUp();
    await expectTidy();
  });

  test("waits for a deletion that is under way, says so once, and gives up after two minutes", async () => {
    await serveOnce(dataDir);
    using _deletion = await enterMaintenance(dataDir);
    const { call, noted } = commandCall({ "data-dir": dataDir }, { words: [file], clock: hastyClock() });
    await expect(backupCommand.run(call)).rejects.toEqual(startError(5, "another backup, or a deletion, is under way"));
    expect(noted).toEqual(["windlassd: another backup, or a deletion, is under way: waiting for it\n"]);
    expect(call.clock.monotonicMs()).toBeGreaterThan(120_000);
  });
});

describe("a restore", () => {
  const target = () => join(dir, "restored");

  test("makes a server of the same key and objects, with a history of its own", async () => {
    await serveOnce(dataDir);
    const key = await putObject(dataDir, "an object");
    await backUp(withKey);
    const { code, said, noted } = await restore(target());
    expect([code, said]).toEqual([0, expect.stringMatching(/^restored the backup of 2026-01-01T\S+ as generation /)]);
    expect(noted).toContain("windlassd admin-token --rotate makes a new one");
    const files = (await readdir(target())).filter((name) => !/^lock\./.test(name));
    expect(files.toSorted()).toEqual(["blobs", "logs.db", "maintenance", "master.key", "windlass.db"]);
    expect(await readFile(join(target(), "master.key"))).toEqual(await readFile(join(dataDir, "master.key")));
    expect(await objectIn(target(), key)).toBe("an object");
    expect(await generationIn(target())).not.toBe(await generationIn(dataDir));
    await serveOnce(target());
  });

  test("of a server's own files is only made by force, which keeps what was there", async () => {
    await serveOnce(dataDir);
    await backUp();
    const before = await generationIn(dataDir);
    await expect(restore(dataDir)).rejects.toEqual(startError(2, "is not empty ("));
    expect(await generationIn(dataDir)).toBe(before);
    const { noted } = await restore(dataDir, force);
    expect(noted).toContain("what was there is now in");
    const [aside = ""] = (await readdir(dataDir)).filter((name) => name.startsWith("before-restore-"));
    expect(await generationIn(join(dataDir, aside))).toBe(before);
    await expectTidy();
  });

  test("is refused while a server runs, for a file that is not there, and with another engine", async () => {
    await serveOnce(dataDir);
    await expect(restore(target())).rejects.toEqual(startError(2, `there is no file ${file}`));
    await backUp();
    const onPostgres = { "database-url": "postgres://127.0.0.1:1/none" };
    await expect(restore(target(), {}, onPostgres)).rejects.toEqual(
      startError(2, "is a backup of a server with sqlite: run this without --database-url"),
    );
    await expect(stat(target())).rejects.toMatchObject({ code: "ENOENT" });
    using _server = await lockDataDir(dataDir);
    await expect(restore(dataDir, force)).rejects.toEqual(startError(5, "is in use by process"));
  });

  test("without the key that it needs changes nothing", async () => {
    await serveOnce(dataDir);
    await backUp();
    await expect(restore(target())).rejects.toEqual(startError(2, "was made without its master key"));
    dataDir = target();
    expect((await readdir(target())).filter((name) => !/^(lock\.|maintenance$)/.test(name))).toEqual([]);
    await expectTidy();
  });

  test("that was cut off is served by nobody until it is made again", async () => {
    await serveOnce(dataDir);
    await backUp(withKey);
    await restore(target());
    await writeFile(join(target(), "restore-unfinished"), "");
    await rm(join(target(), "windlass.db"));
    await expect(serveOnce(target())).rejects.toEqual(startError(2, "was not finished: run windlassd restore again"));
    await restore(target(), force);
    expect(await readdir(target())).not.toContain("restore-unfinished");
    await serveOnce(target());
  });
});
