import { existsSync } from "node:fs";
import Database from "better-sqlite3";
import { inSqliteFile } from "../../lib/fs/sqlite-file.ts";

/** What is known of a copied database of rows, whatever its schema. */
export interface SnapshotFacts {
  /** How many migrations it has seen. */
  readonly schemaVersion: number;
  readonly meta: Readonly<Record<string, string>>;
}

/** Copies a SQLite database as it is at one moment, also while another process writes to it. `to` must not exist. */
export async function copySqlite(from: string, to: string): Promise<void> {
  const db = new Database(from, { readonly: true, fileMustExist: true });
  try {
    db.pragma("busy_timeout = 5000");
    inSqliteFile(from, () => db.pragma("schema_version"));
    // All pages in one step: a write of the other process between two steps would begin the copy anew.
    await db.backup(to, { progress: () => 2 ** 31 - 1 });
  } finally {
    db.close();
  }
  settle(to);
}

/** A copy of a database in WAL mode says so of itself, and opening it would leave files beside it. */
function settle(path: string): void {
  const db = new Database(path);
  try {
    db.pragma("journal_mode = DELETE");
  } finally {
    db.close();
  }
}

/** Reads what a copied database of rows says of itself. */
export const snapshotFacts = (path: string): SnapshotFacts =>
  readingSqlite(path, (db) => {
    const version = db.prepare<[], { count: number }>("SELECT count(*) AS count FROM __drizzle_migrations").get();
    const rows = db.prepare<[], { key: string; value: string }>("SELECT key, value FROM meta").all();
    return {
      schemaVersion: version?.count ?? 0,
      meta: Object.fromEntries(rows.map(({ key, value }) => [key, value])),
    };
  });

/** What SQLite finds wrong with a file; empty if nothing is. Reads the whole file. */
export const integrityOfSqlite = (path: string): readonly string[] =>
  readingSqlite(path, (db) => {
    const found = db.prepare<[], { quick_check: string }>("PRAGMA quick_check").all();
    return found.map((row) => row.quick_check).filter((text) => text !== "ok");
  });

/** Reads from a file that is there, and closes it. */
export const readingSqlite = <T>(path: string, read: (db: Database.Database) => T): T =>
  inSqliteFile(path, () => {
    const db = new Database(path, { readonly: true, fileMustExist: true });
    try {
      return read(db);
    } finally {
      db.close();
    }
  });

/** The database, to read; undefined if there is no such file. */
export function openExisting(path: string): Database.Database | undefined {
  return existsSync(path) ? new Database(path, { readonly: true, fileMustExist: true }) : undefined;
}
