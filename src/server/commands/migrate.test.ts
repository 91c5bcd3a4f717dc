import { mkdir, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterEach, beforeEach, expect, test } from "vitest";
import { enterMaintenance, lockDataDir } from "../data-dir.ts";
import { commandCall, openFilesIn, serveOnce, temporaryDirectory } from "../testing.ts";
import { gcCommand } from "./gc.ts";
import { migrateCommand } from "./migrate.ts";

let held: AsyncDisposableStack;
let dataDir: string;
beforeEach(async () => {
  held = new AsyncDisposableStack();
  dataDir = join(await temporaryDirectory(held), "data");
});
afterEach(() => held.disposeAsync());

type Own = Readonly<Record<string, string>>;
async function run(command: typeof migrateCommand, own: Own = {}, flags: Own = {}) {
  const { call, said } = commandCall({ "data-dir": dataDir, ...flags }, { own });
  const code = await command.run(call);
  return { code, said: said.join("") };
}
const check = { check: "true" };
const startError = (exitCode: number, message: string) =>
  expect.objectContaining({ name: "StartError", exitCode, message: expect.stringContaining(message) });

test("a look at the schema makes nothing, not even a directory", async () => {
  expect(await run(migrateCommand, check)).toEqual({
    code: 5,
    said: expect.stringMatching(/^schema version 0 of \d+: not up to date\n$/),
  });
  await expect(stat(dataDir)).rejects.toMatchObject({ code: "ENOENT" });
});

test("an upgrade needs the directory, and to have it alone", async () => {
  await expect(run(migrateCommand)).rejects.toEqual(startError(2, "there is no data directory"));
  await mkdir(dataDir);
  {
    using _server = await lockDataDir(dataDir);
    await expect(run(migrateCommand)).rejects.toEqual(startError(5, "is in use by process"));
    expect(await readdir(dataDir)).not.toContain("windlass.db");
  }
  expect(await run(migrateCommand)).toEqual({
    code: 0,
    said: expect.stringMatching(/^schema version (\d+) of \1: up to date\n$/),
  });
  expect(openFilesIn(dataDir)).toEqual([]);
});

test("a database of a newer program is told of, and left alone", async () => {
  await serveOnce(dataDir);
  const db = new Database(join(dataDir, "windlass.db"));
  db.exec("INSERT INTO __drizzle_migrations (hash, created_at) VALUES ('newer', 9999999999999)");
  db.close();
  expect(await run(migrateCommand, check)).toEqual({
    code: 5,
    said: expect.stringContaining("newer than this program"),
  });
  await expect(run(migrateCommand)).rejects.toMatchObject({ code: "storage_unavailable" });
});

test("a deletion keeps out of a backup's way, and leaves nothing of a cut-off one", async () => {
  await serveOnce(dataDir);
  {
    using _backup = await enterMaintenance(dataDir);
    await expect(run(gcCommand)).rejects.toEqual(startError(5, "a backup is under way"));
  }
  await mkdir(join(dataDir, "maintenance", "vacuum-1"));
  const { code, said } = await run(gcCommand, { vacuum: "true" });
  expect([code, said.split("\n")[0]]).toEqual([0, expect.stringMatching(/^DELETED +COUNT +BYTES$/)]);
  expect(said).toMatch(/windlass\.db had \d+ bytes and has \d+\nlogs\.db had \d+ bytes and has \d+\n$/);
  expect((await readdir(join(dataDir, "maintenance"))).filter((name) => !name.startsWith("lock."))).toEqual([]);
  expect(openFilesIn(dataDir)).toEqual([]);
});

test("what would be deleted is told beside a server, and nothing of it is", async () => {
  await expect(run(gcCommand, { "dry-run": "true" })).rejects.toEqual(startError(2, "there is no data directory"));
  await serveOnce(dataDir);
  using _server = await lockDataDir(dataDir);
  const { said } = await run(gcCommand, { "dry-run": "true", vacuum: "true" });
  expect(said).toMatch(/^WOULD BE DELETED +COUNT +BYTES\n/);
  expect(said).toMatch(/writing the files anew needs \d+ bytes of free disk; \d+ are free in/);
  await expect(run(gcCommand)).rejects.toEqual(startError(5, "is in use by process"));
});
