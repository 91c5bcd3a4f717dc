import type Database from "better-sqlite3";
import type pg from "pg";
import { WindlassError } from "../../lib/words/errors.ts";
import { applyToSqlite, migrationsIn } from "../drizzle/drivers.ts";
import { postgresDialect } from "./dialect.ts";
import { type StoreLog, silentLog } from "./engine.ts";

/** What a database says of itself: how many migrations it has seen, and the time stamp of the last (0 for none). */
interface Applied {
  readonly count: number;
  readonly lastMs: number;
}

/** What opening a database does with migrations it has not seen: apply them, refuse it, or take it as it is. */
export type MigrateMode = "auto" | "check" | "off";

/** How many migrations a database has seen, and how many this program knows. */
export interface SchemaState {
  readonly applied: number;
  readonly known: number;
}

/** Any fixed number: replicas that start at once wait for each other on it. */
const migrationLock = 7_345_901;

/** True if there is something to apply that the mode allows. Refuses a database of a newer program in any mode. */
function isToMigrate(folder: string, applied: Applied, mode: MigrateMode): boolean {
  const known = migrationsIn(folder);
  if (applied.lastMs > (known.at(-1)?.folderMillis ?? 0)) throw newer(applied.count, known.length);
  const pending = known.filter(({ folderMillis }) => folderMillis > applied.lastMs).length;
  if (pending === 0 || mode === "off") return false;
  if (mode === "auto") return true;
  throw new WindlassError(
    "storage_unavailable",
    `the database has schema version ${applied.count} and this windlassd needs version ${known.length}: run windlassd migrate, or start with --migrate auto`,
    { metadata: { databaseVersion: String(applied.count), programVersion: String(known.length) } },
  );
}

function newer(applied: number, known: number): WindlassError {
  return new WindlassError(
    "storage_unavailable",
    `the database has schema version ${applied} and this windlassd knows versions up to ${known}: ` +
      "start the newer windlassd that upgraded it, or restore a backup from before the upgrade",
    { metadata: { databaseVersion: String(applied), programVersion: String(known) } },
  );
}

/**
 * Brings a SQLite database up to date. Foreign keys are off meanwhile: a migration that rebuilds a table drops the old
 * one, which would delete the rows that refer to it.
 */
export function migrateSqlite(writer: Database.Database, folder: string, mode: MigrateMode = "auto"): void {
  if (!isToMigrate(folder, appliedToSqlite(writer), mode)) return;
  writer.pragma("foreign_keys = OFF");
  applyToSqlite(writer, folder);
  const broken = writer.pragma("foreign_key_check");
  writer.pragma("foreign_keys = ON");
  if (Array.isArray(broken) && broken.length > 0) {
    throw new WindlassError("storage_unavailable", `${broken.length} rows of the database refer to rows that are gone`);
  }
}

export interface PostgresMigration {
  readonly folder: string;
  readonly mode?: MigrateMode | undefined;
  readonly log?: StoreLog | undefined;
}

/** Brings a PostgreSQL database up to date: one replica does it, and the others wait for it. */
export async function migratePostgres(
  client: pg.ClientBase,
  { folder, mode = "auto", log = silentLog }: PostgresMigration,
): Promise<void> {
  if (!isToMigrate(folder, await appliedToPostgres(client), mode)) return;
  try {
    await client.query(`BEGIN; SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0`);
    await waitForTurn(client, log);
    const applied = await appliedToPostgres(client);
    if (isToMigrate(folder, applied, mode)) await applyToPostgres(client, folder, applied);
    await client.query("COMMIT");
  } catch (error) {
    await client.query("ROLLBACK").catch(() => {}); // closing the connection does it, too
    throw postgresDialect.failure(error) === "conflict" ? inUse(error) : error;
  }
}

async function waitForTurn(client: pg.ClientBase, log: StoreLog): Promise<void> {
  const { rows } = await client.query<{ had: boolean }>("SELECT pg_try_advisory_xact_lock($1) AS had", [migrationLock]);
  if (rows[0]?.had === true) return;
  log.warn({}, "another windlassd upgrades the database: waiting for it");
  await client.query("SELECT pg_advisory_xact_lock($1)", [migrationLock]);
}

/** As drizzle's own migrator writes it down; in one transaction. A table that somebody dumps is not waited for by all who use it. */
async function applyToPostgres(client: pg.ClientBase, folder: string, { lastMs }: Applied): Promise<void> {
  await client.query(`SET LOCAL lock_timeout = '30s'; ${migrationsTable}`);
  for (const { sql, hash, folderMillis } of migrationsIn(folder)) {
    if (folderMillis <= lastMs) continue;
    for (const statement of sql) await client.query(statement);
    await client.query("INSERT INTO drizzle.__drizzle_migrations (hash, created_at) VALUES ($1, $2)", [
      hash,
      folderMillis,
    ]);
  }
}

const migrationsTable = `
  CREATE SCHEMA IF NOT EXISTS drizzle;
  CREATE TABLE IF NOT EXISTS drizzle.__drizzle_migrations (id serial PRIMARY KEY, hash text NOT NULL, created_at bigint)`;

const inUse = (cause: unknown) =>
  new WindlassError(
    "storage_unavailable",
    "the database cannot be upgraded while others use its tables, such as pg_dump: try again when they have ended",
    { cause },
  );

/** How far the schema of a SQLite database is. */
export const schemaOfSqlite = (db: Database.Database, folder: string): SchemaState => ({
  applied: appliedToSqlite(db).count,
  known: migrationsIn(folder).length,
});

/** The same for PostgreSQL. */
export async function schemaOfPostgres(client: pg.ClientBase, folder: string): Promise<SchemaState> {
  const { count } = await appliedToPostgres(client);
  return { applied: count, known: migrationsIn(folder).length };
}

function appliedToSqlite(writer: Database.Database): Applied {
  const table = writer.prepare("SELECT 1 FROM sqlite_master WHERE name = '__drizzle_migrations'").get();
  if (table === undefined) return { count: 0, lastMs: 0 };
  return (
    writer
      .prepare<[], Applied>(
        "SELECT count(*) AS count, coalesce(max(created_at), 0) AS lastMs FROM __drizzle_migrations",
      )
      .get() ?? { count: 0, lastMs: 0 }
  );
}

async function appliedToPostgres(client: pg.ClientBase): Promise<Applied> {
  const table = await client.query("SELECT 1 WHERE to_regclass('drizzle.__drizzle_migrations') IS NOT NULL");
  if (table.rows.length === 0) return { count: 0, lastMs: 0 };
  const { rows } = await client.query<{ count: string; last_ms: string }>(
    "SELECT count(*) AS count, coalesce(max(created_at), 0) AS last_ms FROM drizzle.__drizzle_migrations",
  );
  return { count: Number(rows[0]?.count), lastMs: Number(rows[0]?.last_ms) };
}
