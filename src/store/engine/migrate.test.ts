import { cp, rm } from "node:fs/promises";
import { join } from "node:path";
import Database from "better-sqlite3";
import { execa } from "execa";
import type pg from "pg";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { testEngines } from "../../../test/engines.ts";
import { createTestDatabase, hasPostgres } from "../../../test/postgres.ts";
import {
  journalOf,
  migrationsRoot,
  newerMigrations,
  olderMigrations,
} from "../../../test/support/store/migration-sets.ts";
import { at, organization } from "../../../test/support/store/rows.ts";
import { openStore } from "../open.ts";
import { connectPostgres } from "../postgres/connections.ts";
import { DatabaseRoute } from "../postgres/route.ts";
import { migratePostgres, migrateSqlite } from "./migrate.ts";

async function onPostgres(url: string, run: (client: pg.Client) => Promise<void>): Promise<void> {
  const client = await connectPostgres(new DatabaseRoute({ url }), "a test");
  try {
    await run(client);
  } finally {
    await client.end();
  }
}

/** A database that an older program has left, with these statements run in it. */
async function leftByOlder(url: string, engine: string, { tag, sql }: { readonly tag: string; readonly sql: string }) {
  const folder = await olderMigrations(held, engine, tag);
  if (engine === "sqlite") {
    const db = new Database(url.slice("sqlite:".length));
    migrateSqlite(db, folder);
    db.exec(sql);
    db.close();
    return;
  }
  await onPostgres(url, async (client) => {
    await migratePostgres(client, { folder });
    await client.query(sql);
  });
}

let held: AsyncDisposableStack;
beforeEach(() => {
  held = new AsyncDisposableStack();
});
afterEach(() => held.disposeAsync());

async function migrateAsNewer(url: string, engine: string, statements: string): Promise<void> {
  const folder = await newerMigrations(held, engine, statements);
  if (engine === "sqlite") {
    const db = new Database(url.slice("sqlite:".length));
    migrateSqlite(db, folder);
    db.close();
    return;
  }
  await onPostgres(url, (client) => migratePostgres(client, { folder }));
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
    const known = (await journalOf(join(migrationsRoot, engine.name))).entries.length;
    await expect(openStore({ url })).rejects.toMatchObject({
      code: "storage_unavailable",
      message: expect.stringContaining(`schema version ${known + 1} and this windlassd knows versions up to ${known}`),
    });
  });

  test("they make what the tables say: nothing is left to generate", { timeout: 60_000 }, async () => {
    const copy = join("node_modules", ".cache", `windlass-drift-${process.pid}-${engine.name}`); // relative: drizzle-kit wants it so
    held.defer(() => rm(copy, { recursive: true, force: true }));
    await cp(join(migrationsRoot, engine.name), copy, { recursive: true });
    const dialect = engine.name === "sqlite" ? "sqlite" : "postgresql";
    const schema = `./src/store/schema.${engine.name}.ts`;
    const generate = ["drizzle-kit", "generate", "--dialect", dialect, "--schema", schema, "--out", `./${copy}`];
    const { stdout } = await execa("npx", ["--no-install", ...generate]);
    expect(stdout).toContain("No schema changes");
  });

  test("why the states of a job are not believed goes from its key into its job", async () => {
    const { rows: url } = await engine.urls(held);
    const [no, now] = engine.name === "sqlite" ? ["0", "0"] : ["false", "now()"];
    const sql = `
      INSERT INTO organizations (id, name, max_agents, created_at, updated_at, version)
        VALUES ('org_1', 'acme', 0, ${now}, ${now}, 1);
      INSERT INTO workspaces (id, organization_id, name, description, execution_mode, engine, engine_version,
          working_directory, is_auto_apply, created_at, updated_at, version)
        VALUES ('ws_1', 'org_1', 'network', '', 'remote', 'terraform', '', '', ${no}, ${now}, ${now}, 1);
      INSERT INTO runs (id, organization_id, workspace_id, configuration_id, status, options, message, created_by, created_at,
          status_at, has_changes, decided_by, decision_comment, error_message, resources_in_flight, version)
        VALUES ('run_1', 'org_1', 'ws_1', 'cv_1', 'applying', '{}', '', '', ${now}, ${now}, ${no}, '', '', '', '[]', 1);
      INSERT INTO jobs (id, organization_id, workspace_id, run_id, phase, status, rank, epoch, attempt, desired, queued_at,
          error_message, is_log_closed)
        VALUES ('job_1', 'org_1', 'ws_1', 'run_1', 'apply', 'started', 0, 1, 1, 'cancel', ${now}, '', ${no}),
          ('job_2', 'org_1', 'ws_1', 'run_1', 'plan', 'finished', 1, 1, 1, 'run', ${now}, '', ${no});
      INSERT INTO meta (key, value) VALUES ('distrusted/job_1', 'atok_1'), ('distrusted/job_9', 'atok_1'), ('other', 'x');`;
    await leftByOlder(url, engine.name, { tag: "0011_job_facts", sql });
    await using store = await openStore({ url });
    const found = await store.read(async (q) => ({
      doubts: [(await q.jobs.get("job_1"))?.distrustedBy, (await q.jobs.get("job_2"))?.distrustedBy],
      keys: [await q.meta.get("distrusted/job_1"), await q.meta.get("distrusted/job_9"), await q.meta.get("other")],
    }));
    expect(found).toEqual({ doubts: ["atok_1", null], keys: [undefined, undefined, "x"] });
  });

  test("they are applied in the order of their dates, without which one would be skipped", async () => {
    const whens = (await journalOf(join(migrationsRoot, engine.name))).entries.map(({ when }) => when);
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
