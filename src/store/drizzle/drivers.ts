import { createRequire } from "node:module";
import type Database from "better-sqlite3";
import type * as Sqlite from "drizzle-orm/better-sqlite3";
import type * as SqliteMigrator from "drizzle-orm/better-sqlite3/migrator";
import type * as Migrator from "drizzle-orm/migrator";
import type * as Postgres from "drizzle-orm/node-postgres";
import type pg from "pg";

const require = createRequire(import.meta.url);

// Each part is loaded when it is first used: a program needs the one of its engine.

/** drizzle over a connection of SQLite. */
export const overSqlite = (connection: Database.Database) => {
  const { drizzle }: typeof Sqlite = require("drizzle-orm/better-sqlite3");
  return drizzle(connection);
};

/** drizzle over a connection of PostgreSQL. */
export const overPostgres = (client: pg.PoolClient) => {
  const { drizzle }: typeof Postgres = require("drizzle-orm/node-postgres");
  return drizzle(client);
};

/** The migrations that a folder holds. */
export const migrationsIn = (migrationsFolder: string) => {
  const { readMigrationFiles }: typeof Migrator = require("drizzle-orm/migrator");
  return readMigrationFiles({ migrationsFolder });
};

/** Applies those that a SQLite database has not seen. */
export const applyToSqlite = (connection: Database.Database, migrationsFolder: string): void => {
  const { migrate }: typeof SqliteMigrator = require("drizzle-orm/better-sqlite3/migrator");
  migrate(overSqlite(connection), { migrationsFolder });
};
