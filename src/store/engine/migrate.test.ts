import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { execa } from "execa";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { testEngines } from "../../../test/engines.ts";
import { createTestDatabase, hasPostgres } from "../../../test/postgres.ts";
import { at, organization } from "../../../test/support/store/rows.ts";
import { openStore } from "../open.ts";
import { silentLog } from "./engine.ts";
import { migratePostgres, migrateSqlite } from "./migrate.ts";
import { openPostgresPool } from "./postgres.ts";

const root = new URL("../../../migrations/", import.meta.url).pathname;
const journalShape = z.object({
  version: z.string(),
  dialect: z.string(),
  entries: z.array(z.looseObject({ idx: z.number(), when: z.number(), tag: z.string() })),
});

const journalOf = async (folder: string) =>
  journalShape.parse(JSON.parse(await readFile(join(folder, "meta", "_journal.json"), "utf8")));

/** A copy of an engine's migrations with one more, as a newer program would bring it. */
async function newerMigrations(engine: string, statements: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "windlass-migrations-"));
  await cp(join(root, engine), folder, { recursive: true });
  const journal = await journalOf(folder);
  const last = journal.entries.at(-1);
  const entry = { ...last, idx: journal.entries.length, tag: "newer", when: (last?.when ?? 0) + 1 };
  await writeFile(join(folder, "newer.sql"), statements);
  await writeFile(
    join(folder, "meta", "_journal.json"),
    JSON.stringify({ ...journal, entries: [...journal.entries, entry] }),
  );
  return folder;
}

let held: AsyncDisposableStack;
beforeEach(() => {
  held = new AsyncDisposableStack();
});
afterEach(() => held.disposeAsync());

async function migrateAsNewer(url: string, engine: string, statements: string): Promise<void> {
  const folder = await newerMigrations(engine, statements);
  held.defer(() => rm(folder, { recursive: true, force: true }));
  if (engine === "sqlite") {
    const db = new Database(url.slice("sqlite:".length));
    migrateSqlite(db, folder);
    db.close();
    return;
  }
  const pool = openPostgresPool(url, silentLog);
  await migratePostgres(pool, folder);
  await pool.end();
}

describe.each(testEngines)("migrations of $name", (engine) => {
  test("a database is opened again and again", async () => {
    const { rows: url } = await engine.urls(held);
    await (await openStore({ url }))[Symbol.asyncDispose]();
    await (await openStore({ url }))[Symbol.asyncDispose]();
  });

  test("a database that a newer program upgraded is refused, naming both versions", async () => {
    const { rows: url } = await engine.urls(held);
    await (await openStore({ url }))[Symbol.asyncDispose]();
    await migrateAsNewer(url, engine.name, "CREATE TABLE later (id text)");
    const known = (await journalOf(join(root, engine.name))).entries.length;
    await expect(openStore({ url })).rejects.toMatchObject({
      code: "storage_unavailable",
      message: expect.stringContaining(`schema version ${known + 1} and this windlassd knows versions up to ${known}`),
    });
  });

  test("they make what the tables say: nothing is left to generate", { timeout: 60_000 }, async () => {
    const copy = join("node_modules", ".cache", `windlass-drift-${process.pid}-${engine.name}`); // relative: drizzle-kit wants it so
    held.defer(() => rm(copy, { recursive: true, force: true }));
    await cp(join(root, engine.name), copy, { recursive: true });
    const dialect = engine.name === "sqlite" ? "sqlite" : "postgresql";
    const schema = `./src/store/schema.${engine.name}.ts`;
    const generate = ["drizzle-kit", "generate", "--dialect", dialect, "--schema", schema, "--out", `./${copy}`];
    const { stdout } = await execa("npx", ["--no-install", ...generate]);
    expect(stdout).toContain("No schema changes");
  });

  test("they are applied in the order of their dates, without which one would be skipped", async () => {
    const whens = (await journalOf(join(root, engine.name))).entries.map(({ when }) => when);
    expect(whens).toEqual(whens.toSorted((a, b) => a - b));
    expect(new Set(whens).size).toBe(whens.length);
  });
});

test("a sqlite migration that rebuilds a table keeps the rows that refer to it", async () => {
  const sqlite = testEngines[0];
  if (sqlite === undefined) throw new Error("SQLite is always there");
  const { rows: url } = await sqlite.urls(held);
  const store = await openStore({ url });
  await store.write(async (tx) => {
    await tx.organizations.insert(organization());
    await tx.apiKeys.insert({
      id: "key_1",
      organizationId: "org_1",
      name: "ci",
      role: "owner",
      hash: "h",
      prefix: "p",
      createdAt: at(0),
      expiresAt: null,
      createdBy: "",
      lastUsedAddress: "",
      replacedBy: null,
      lastUsedAt: null,
      revokedAt: null,
    });
  });
  await store[Symbol.asyncDispose]();
  await migrateAsNewer(
    url,
    "sqlite",
    `CREATE TABLE __new AS SELECT * FROM organizations;
--> statement-breakpoint
DROP TABLE organizations;
--> statement-breakpoint
CREATE TABLE organizations (id text PRIMARY KEY NOT NULL, name text NOT NULL);
--> statement-breakpoint
INSERT INTO organizations SELECT id, name FROM __new;
--> statement-breakpoint
DROP TABLE __new;`,
  );
  const db = new Database(url.slice("sqlite:".length), { readonly: true });
  expect(db.prepare("SELECT id FROM api_keys").all()).toEqual([{ id: "key_1" }]);
  db.close();
});

describe.runIf(hasPostgres)("migrations of postgres", () => {
  test("five replicas may start at once", async () => {
    const { url } = held.use(await createTestDatabase());
    const stores = await Promise.all([1, 2, 3, 4, 5].map(() => openStore({ url })));
    for (const store of stores) await store[Symbol.asyncDispose]();
  });

  test("a server that cannot be reached is a clear error", async () => {
    const opening = openStore({ url: "postgres://nobody@127.0.0.1:1/none" });
    await expect(opening).rejects.toMatchObject({
      code: "storage_unavailable",
      message: expect.stringContaining("reached"),
    });
  });
});

test("a URL of another kind is refused without repeating it", async () => {
  const opening = openStore({ url: "mysql://user:secret@host/db" });
  await expect(opening).rejects.toMatchObject({ code: "validation" });
  await expect(openStore({ url: "mysql://user:secret@host/db" })).rejects.not.toThrow(/secret/);
});
