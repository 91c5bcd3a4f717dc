import { chmod, mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createTestDatabase, hasPostgres } from "../../../test/postgres.ts";
import { openLogStore, openStore } from "../../store/open.ts";
import { commandCall, temporaryDirectory } from "../testing.ts";
import type { DoctorContext } from "./context.ts";
import { checkBlobs, checkDatabase, checkDataDir, checkDisk, checkIntegrity, checkRoom } from "./storage-checks.ts";

let held: AsyncDisposableStack;
let dir: string;
beforeEach(async () => {
  held = new AsyncDisposableStack();
  dir = join(await temporaryDirectory(held), "data");
});
afterEach(() => held.disposeAsync());

const contextOf = (flags: Readonly<Record<string, string>> = {}): DoctorContext => ({
  call: commandCall({ "data-dir": dir, ...flags }).call,
  ...{ dataDir: dir, isRunning: false, store: undefined },
});
const check = (status: string, detail: string, fix = "") =>
  expect.objectContaining({ status, detail: expect.stringContaining(detail), fix: expect.stringContaining(fix) });
const makeDir = () => mkdir(dir, { mode: 0o700 });

/** The files of a server that was started once. */
async function makeFiles(): Promise<void> {
  await makeDir();
  await using _store = await openStore({ url: `sqlite:${join(dir, "windlass.db")}` });
  await using _logs = await openLogStore({ url: `sqlite:${join(dir, "logs.db")}` });
}

test("before the first start there is nothing to look at, and nothing is made", async () => {
  expect(await checkDataDir(contextOf())).toEqual(check("warn", "is not there yet", "the first start makes it"));
  expect(await checkDatabase(contextOf())).toEqual(check("warn", "no database yet", "the first start makes it"));
  for (const look of [checkDisk, checkIntegrity, checkRoom, checkBlobs])
    expect((await look(contextOf())).status).toBe("skip");
  await expect(readdir(dir)).rejects.toMatchObject({ code: "ENOENT" });
});

test("the data directory is its owner's alone", async () => {
  await makeDir();
  expect(await checkDataDir(contextOf())).toEqual(check("ok", dir));
  await chmod(dir, 0o750);
  expect(await checkDataDir(contextOf())).toEqual(check("warn", "has the mode 750", `chmod 700 ${dir}`));
});

test("how much room is left is told, and what could make some", async () => {
  await makeDir();
  const { status, detail, fix } = await checkDisk(contextOf());
  expect(detail).toMatch(new RegExp(`^\\d+ MiB are free in ${dir}$`));
  expect(fix).toBe(status === "ok" ? "" : "make room: windlassd gc --dry-run tells what could go");
});

test("a database is of this program's schema, of an older one, or of a newer one", async () => {
  await makeDir();
  new Database(join(dir, "windlass.db")).close();
  expect(await checkDatabase(contextOf())).toEqual(check("warn", "schema version 0 of", "windlassd migrate"));
  await (await openStore({ url: `sqlite:${join(dir, "windlass.db")}` }))[Symbol.asyncDispose]();
  expect(await checkDatabase(contextOf())).toEqual(check("ok", "windlass.db, schema version"));
  const db = new Database(join(dir, "windlass.db"));
  db.exec("INSERT INTO __drizzle_migrations (hash, created_at) VALUES ('newer', 9999999999999)");
  db.close();
  expect(await checkDatabase(contextOf())).toEqual(check("fail", "schema version", "start the newer windlassd"));
});

test.runIf(hasPostgres)("PostgreSQL is looked at for its schema, and looks after its own files", async () => {
  const { url } = held.use(await createTestDatabase());
  const onPostgres = contextOf({ "database-url": url });
  expect(await checkDatabase(onPostgres)).toEqual(check("warn", "PostgreSQL, schema version 0 of"));
  await (await openStore({ url }))[Symbol.asyncDispose]();
  expect(await checkDatabase(onPostgres)).toEqual(check("ok", "PostgreSQL, schema version"));
  for (const look of [checkIntegrity, checkRoom]) expect(await look(onPostgres)).toEqual(check("skip", "PostgreSQL"));
  expect((await checkDatabase(onPostgres)).detail).not.toContain(url);
});

test("files are looked through, one that is damaged is named", async () => {
  await makeFiles();
  expect(await checkIntegrity(contextOf())).toEqual(check("ok", "2 files looked through: whole"));
  const db = new Database(join(dir, "windlass.db"));
  db.unsafeMode(true);
  db.pragma("writable_schema = ON");
  // An index whose pages are those of a table.
  db.exec(
    "UPDATE sqlite_master SET rootpage = (SELECT rootpage FROM sqlite_master WHERE name = 'runs') WHERE name = 'audit_at'",
  );
  db.close();
  expect(await checkIntegrity(contextOf())).toEqual(check("fail", "windlass.db: ", "windlassd restore FILE --force"));
});

test("files of an older version do not give room back until they are written anew", async () => {
  await makeFiles();
  expect(await checkRoom(contextOf())).toEqual(check("ok", "MiB are free in windlass.db, 0 MiB are free in logs.db"));
  const db = new Database(join(dir, "logs.db"));
  db.pragma("journal_mode = DELETE");
  db.pragma("auto_vacuum = NONE");
  db.exec("VACUUM");
  db.close();
  expect(await checkRoom(contextOf())).toEqual(check("warn", "which stays so", "windlassd gc --vacuum, once"));
});

test("an object is written, read and deleted; nothing of it stays", async () => {
  await makeDir();
  expect(await checkBlobs(contextOf())).toEqual(check("ok", "an object was written, read and deleted"));
  const left = (await readdir(join(dir, "blobs"), { recursive: true, withFileTypes: true })).filter((one) =>
    one.isFile(),
  );
  expect(left).toEqual([]);
});

test("where there can be no objects, the check fails", async () => {
  await makeDir();
  await writeFile(join(dir, "blobs"), "");
  await expect(checkBlobs(contextOf())).rejects.toThrow();
});
