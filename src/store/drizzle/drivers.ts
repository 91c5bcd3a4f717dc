import type Database from "better-sqlite3";
import type * as Sqlite from "drizzle-orm/better-sqlite3";
import type * as SqliteMigrator from "drizzle-orm/better-sqlite3/migrator";
import type * as Migrator from "drizzle-orm/migrator";
import type * as Postgres from "drizzle-orm/node-postgres";
import type * as PostgresMigrator from "drizzle-orm/node-postgres/migrator";
import type pg from "pg";
import { load } from "./orm.ts";

// Each part is loaded when it is first used: a program needs the one of its engine.

/** drizzle over a connection of SQLite. */
export const overSqlite = (connection: Database.Database) =>
  load<typeof Sqlite>("drizzle-orm/better-sqlite3").drizzle(connection);

/** drizzle over a connection of PostgreSQL. */
export const overPostgres = (client: pg.PoolClient) =>
  load<typeof Postgres>("drizzle-orm/node-postgres").drizzle(client);

/** The migrations that a folder holds. */
export const migrationsIn = (folder: string) =>
  load<typeof Migrator>("drizzle-orm/migrator").readMigrationFiles({ migrationsFolder: folder });

/** Applies those that a SQLite database has not seen. */
export const applyToSqlite = (connection: Database.Database, folder: string): void =>
  load<typeof SqliteMigrator>("drizzle-orm/better-sqlite3/migrator").migrate(overSqlite(connection), {
    migrationsFolder: folder,
  });

/** The same for PostgreSQL. */
export const applyToPostgres = (client: pg.PoolClient, folder: string): Promise<void> =>
  load<typeof PostgresMigrator>("drizzle-orm/node-postgres/migrator").migrate(overPostgres(client), {
    migrationsFolder: folder,
  });
