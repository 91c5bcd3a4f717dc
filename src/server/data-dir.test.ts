import { chmod, mkdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createTestDatabase, hasPostgres } from "../../test/postgres.ts";
import { commandCall, openFilesIn, settingsOf, temporaryDirectory } from "../../test/support/server.ts";
import { lockDatabase } from "../store/engine/postgres-lock.ts";
import {
  blobPlace,
  blobsDir,
  demandDataDir,
  ensureDataDir,
  enterMaintenance,
  lockDataDir,
  refuseUnfinishedRestore,
  restoreMark,
  storePlaces,
} from "./data-dir.ts";
import { takeData } from "./offline.ts";

let held: AsyncDisposableStack;
let dir: string;
let dataDir: string;
beforeEach(async () => {
  held = new AsyncDisposableStack();
  dir = await temporaryDirectory(held);
  dataDir = join(dir, "a", "data");
});
afterEach(() => held.disposeAsync());

const modeOf = async (path: string) => ((await stat(path)).mode & 0o777).toString(8);
const startError = (exitCode: number, message: string) =>
  expect.objectContaining({ name: "StartError", exitCode, message: expect.stringContaining(message) });

test("it is made with all that is above it, and is its owner's alone, also if it was not", async () => {
  await ensureDataDir(dataDir);
  expect(await modeOf(dataDir)).toBe("700");
  await chmod(dataDir, 0o755);
  await ensureDataDir(dataDir);
  expect(await modeOf(dataDir)).toBe("700");
});

test("a command that only looks makes none, and says how to name it", () => {
  expect(() => demandDataDir(dataDir)).toThrow(
    startError(2, `there is no data directory ${dataDir}: name the server's with --data-dir`),
  );
});

test("one process has it at a time, and whoever comes second hears who", async () => {
  const lock = await lockDataDir(dataDir);
  await expect(lockDataDir(dataDir)).rejects.toEqual(startError(5, `is in use by process ${process.pid}: stop it`));
  lock.release();
  (await lockDataDir(dataDir)).release();
});

test("backups and deletions keep out of each other's way, and out of nobody else's", async () => {
  using _server = await lockDataDir(dataDir);
  const first = await enterMaintenance(dataDir);
  expect(await enterMaintenance(dataDir)).toBeUndefined();
  first?.release();
  const second = await enterMaintenance(dataDir);
  expect(second).toBeDefined();
  second?.release();
});

test("what a restore has left half done is refused", async () => {
  await mkdir(dataDir, { recursive: true });
  expect(() => refuseUnfinishedRestore(dataDir)).not.toThrow();
  await writeFile(restoreMark(dataDir), "");
  expect(() => refuseUnfinishedRestore(dataDir)).toThrow(startError(2, "run windlassd restore again, with --force"));
});

test("everything lies in it, or in PostgreSQL", () => {
  const spoolDirectory = "/srv/maintenance";
  expect(storePlaces(settingsOf({}), "/srv")).toEqual({
    store: { url: "sqlite:/srv/windlass.db" },
    logs: { url: "sqlite:/srv/logs.db" },
  });
  expect(blobPlace(settingsOf({}), "/srv")).toEqual({ url: `files:${blobsDir("/srv")}`, spoolDirectory });
  const url = "postgres://db/windlass";
  const given = {
    ...{ "database-url": url, "database-direct-url": url },
    ...{ "database-pooling": "transaction", "database-connections": "25" },
  };
  const place = {
    url,
    settings: { pooling: "transaction", maxConnections: 25, statementTimeoutMs: 60_000, passwordFile: undefined },
  };
  expect(storePlaces(settingsOf(given), "/srv")).toEqual({ store: place, logs: place });
  expect(blobPlace(settingsOf(given), "/srv")).toEqual({ ...place, spoolDirectory });
  const blobs = "s3://objects/windlass?region=eu-central-1";
  expect(blobPlace(settingsOf({ ...given, "blob-url": blobs }), "/srv")).toEqual({ url: blobs, spoolDirectory });
});

test("a command that needs the server to stand still takes what the server would, and gives it back", async () => {
  const { call } = commandCall({ "data-dir": dataDir });
  await expect(takeData(call)).rejects.toEqual(startError(2, "there is no data directory"));
  await mkdir(dataDir, { recursive: true });
  {
    await using _taken = await takeData(call);
    await expect(takeData(call)).rejects.toEqual(startError(5, "is in use by process"));
    await expect(lockDataDir(dataDir)).rejects.toEqual(startError(5, "is in use by process"));
  }
  (await lockDataDir(dataDir)).release();
});

test.runIf(hasPostgres)(
  "a command that needs it takes the database of PostgreSQL as well, and gives both back",
  async () => {
    await mkdir(dataDir, { recursive: true });
    const { url } = held.use(await createTestDatabase());
    const { call } = commandCall({ "data-dir": dataDir, "database-url": url });
    {
      await using _taken = await takeData(call);
      await expect(lockDataDir(dataDir)).rejects.toEqual(startError(5, "is in use by process"));
    }
    (await lockDataDir(dataDir)).release();
    const outcome = await lockDatabase({ url, hold: { kind: "alone" }, onStolen: () => {} });
    expect(outcome.kind).toBe("locked");
    if (outcome.kind === "locked") await outcome.lock[Symbol.asyncDispose]();
  },
);

test("a command that cannot have the database gives the directory back", async () => {
  await mkdir(dataDir, { recursive: true });
  const { call } = commandCall({ "data-dir": dataDir, "database-url": "postgres://127.0.0.1:1/none" });
  await expect(takeData(call)).rejects.toMatchObject({ code: "storage_unavailable" });
  expect(openFilesIn(dataDir)).toEqual([]);
  (await lockDataDir(dataDir)).release();
});
