import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import Database from "better-sqlite3";
import type pg from "pg";
import { type Clock, systemClock } from "../lib/clock.ts";
import { inSqliteFile } from "../lib/fs/sqlite-file.ts";
import { type S3Place, s3PlaceOf } from "../lib/net/s3-url.ts";
import { type Random, systemRandom } from "../lib/random.ts";
import { WindlassError } from "../lib/words/errors.ts";
import { isId } from "../lib/words/ids.ts";
import { openFileBlobStore } from "./blobs/files.ts";
import { openPostgresBlobStore } from "./blobs/postgres.ts";
import { type Db, kitOfSqlite } from "./engine/boundary.ts";
import { type Dialect, postgresDialect, sqliteDialect } from "./engine/dialect.ts";
import { type Spacious, type StoreEngine, type StoreLog, silentLog } from "./engine/engine.ts";
import { postgresKit } from "./engine/kit.ts";
import {
  type MigrateMode,
  migratePostgres,
  migrateSqlite,
  type SchemaState,
  schemaOfPostgres,
  schemaOfSqlite,
} from "./engine/migrate.ts";
import { postgresEngine } from "./engine/postgres.ts";
import { type NoticeOptions, PostgresNotices } from "./engine/postgres-notices.ts";
import { blobTables, logTables, sizeOfDatabase, sizeOfTables } from "./engine/postgres-space.ts";
import type { SeenRows } from "./engine/seen-rows.ts";
import { openExisting } from "./engine/snapshot.ts";
import { openSqliteEngine } from "./engine/sqlite.ts";
import { openPostgresLogStore } from "./logs/postgres.ts";
import { openSqliteLogStore } from "./logs/sqlite.ts";
import type { SpareLogThread } from "./logs/thread-client.ts";
import type { BlobStore } from "./ports/blobs.ts";
import { ChangeFeed } from "./ports/change-feed.ts";
import type { LogStore } from "./ports/logs.ts";
import type { NoticeLine } from "./ports/notices.ts";
import type { Queries, Store } from "./ports/store.ts";
import { checkDatabase } from "./postgres/checkup.ts";
import { connectPostgres, openPostgresPool } from "./postgres/connections.ts";
import { DatabaseRoute } from "./postgres/route.ts";
import type { DatabasePlace } from "./postgres/settings.ts";
import { unreachable } from "./postgres/unreachable.ts";
import { buildQueries } from "./queries/index.ts";
import { scopedQueries } from "./scoped-queries.ts";
import { defineTables, type Tables } from "./tables/tables.ts";
import { type HeardStatuses, published } from "./watched-queries.ts";

/** The URL is `sqlite:<path>` (for objects `files:<directory>` or `s3://…`), or `postgres://…`. */
export interface OpenOptions extends DatabasePlace {
  readonly log?: StoreLog | undefined;
  /** `auto` if absent. Objects in files and logs in SQLite have no migrations. */
  readonly migrate?: MigrateMode | undefined;
  readonly clock?: Clock | undefined;
  readonly random?: Random | undefined;
}

export interface OpenLogsOptions extends OpenOptions {
  /** A thread that was started before; it is taken where logs have a file of their own. */
  readonly spareThread?: SpareLogThread | undefined;
}

export interface OpenBlobsOptions extends OpenOptions {
  /** Another process owns the directory of the objects. */
  readonly isShared?: boolean | undefined;
  /** Where uploads to S3 wait that do not fit into memory. */
  readonly spoolDirectory?: string | undefined;
}

export interface OpenStoreOptions extends OpenOptions {
  /** Called once if a commit failed with an unknown outcome (SQLite only): the program should end. */
  readonly onFatal?: ((error: WindlassError) => void) | undefined;
}

/** Logs and objects have a pool each beside the rows': a large upload must not hold up a claim. */
const maxByteConnections = 4;

const migrations = (name: string) => join(fileURLToPath(new URL("../../migrations", import.meta.url)), name);

/**
 * Opens the database of the rows, and brings its schema up to date. Throws `storage_unavailable` when it cannot be
 * reached, or was upgraded by a newer program. With SQLite the caller holds the directory's lock: one process.
 */
export async function openStore({
  url,
  settings,
  cutOff,
  log = silentLog,
  migrate = "auto",
  clock = systemClock,
  random = systemRandom,
  onFatal,
}: OpenStoreOptions): Promise<Store> {
  const target = parsed(url, "sqlite");
  if (target.kind === "embedded") {
    const engine = openSqliteEngine({
      path: target.path,
      queries: builder(defineTables(kitOfSqlite), sqliteDialect),
      migrate: (writer) => migrateSqlite(writer, migrations("sqlite"), migrate),
      log,
      clock,
      onFatal,
    });
    return storeOver("sqlite", { engine, place: engine, random }, async () => {
      await engine[Symbol.asyncDispose]();
    });
  }
  const pool = await openMigratedPool({ url, settings, cutOff, log, migrate });
  const queries = builder(defineTables(postgresKit), postgresDialect);
  const engine = postgresEngine({ pool, queries, scoped: scopedQueries, settings, clock, random });
  const place: Spacious = {
    space: async () => {
      const others = await sizeOfTables(pool, [...logTables, ...blobTables]);
      return { bytes: (await sizeOfDatabase(pool)) - others, freeBytes: null };
    },
    giveBack: async () => false,
  };
  return storeOver("postgres", { engine, place, random }, async () => {
    await engine[Symbol.asyncDispose]();
    await pool.end();
  });
}

/** Opens the log streams: a SQLite file of their own, or tables of the PostgreSQL database. */
export async function openLogStore({
  url,
  settings,
  cutOff,
  log = silentLog,
  migrate = "auto",
  clock = systemClock,
  spareThread,
}: OpenLogsOptions): Promise<LogStore> {
  const target = parsed(url, "sqlite");
  if (target.kind === "embedded") return openSqliteLogStore(target.path, clock, spareThread);
  const pool = await openMigratedPool({ url, settings, cutOff, log, migrate, maxConnections: maxByteConnections });
  return openPostgresLogStore(pool, clock);
}

/** Opens the objects: files under a directory, tables of the PostgreSQL database, or a bucket of S3. */
export async function openBlobStore({
  url,
  settings,
  cutOff,
  log = silentLog,
  migrate = "auto",
  isShared = false,
  spoolDirectory = tmpdir(),
  clock = systemClock,
  random = systemRandom,
}: OpenBlobsOptions): Promise<BlobStore> {
  const target = parsed(url, "files");
  if (target.kind === "s3") {
    // The SDK is large: only who uses it waits for it.
    const { openS3BlobStore } = await import("./blobs/s3/store.ts");
    return openS3BlobStore({ place: target.place, spoolDirectory, clock, random, cutOff });
  }
  if (target.kind === "embedded") return openFileBlobStore(target.path, { isShared, random });
  const pool = await openMigratedPool({ url, settings, cutOff, log, migrate, maxConnections: maxByteConnections });
  return openPostgresBlobStore({ pool, clock, random });
}

/** Opens what carries notices between the processes that serve a PostgreSQL database. */
export const openNoticeLine = (options: NoticeOptions): NoticeLine => new PostgresNotices(options);

type Target = { readonly kind: "embedded"; readonly path: string } | { readonly kind: "postgres" };
type BlobTarget = Target | { readonly kind: "s3"; readonly place: S3Place };

function parsed(url: string, scheme: "sqlite"): Target;
function parsed(url: string, scheme: "files"): BlobTarget;
function parsed(url: string, scheme: "sqlite" | "files"): BlobTarget {
  const place = scheme === "files" ? s3PlaceOf(url) : undefined;
  if (place !== undefined) return { kind: "s3", place };
  if (/^postgres(ql)?:\/\//.test(url)) return { kind: "postgres" };
  const path = url.startsWith(`${scheme}:`) ? url.slice(scheme.length + 1) : "";
  if (path !== "") return { kind: "embedded", path };
  const got = url.slice(0, url.indexOf(":") + 1); // never the rest: it may hold a password
  throw new WindlassError(
    "validation",
    `a database URL starts with ${scheme}:<path> or postgres://, got ${got || "no scheme"}`,
  );
}

const builder =
  (t: Tables, dialect: Dialect) =>
  (db: Db, seen: SeenRows): Queries =>
    buildQueries({ db, t, dialect, seen });

interface MigratedOptions extends OpenOptions {
  readonly log: StoreLog;
  readonly migrate: MigrateMode;
  /** Of what is not the rows. */
  readonly maxConnections?: number | undefined;
}

async function openMigratedPool({ log, migrate, maxConnections, ...place }: MigratedOptions): Promise<pg.Pool> {
  const route = new DatabaseRoute(place);
  await connected(route, async (client) => {
    const warn = maxConnections === undefined ? (message: string) => log.warn({}, message) : undefined;
    await checkDatabase(client, { route, isToRead: migrate === "off", warn });
    await migratePostgres(client, { folder: migrations("postgres"), mode: migrate, log });
  });
  return openPostgresPool({ route, log, maxConnections });
}

async function connected<T>(route: DatabaseRoute, run: (client: pg.Client) => Promise<T>): Promise<T> {
  try {
    const client = await connectPostgres(route, "windlassd");
    return await run(client).finally(() => client.end().catch(() => {}));
  } catch (cause) {
    throw unreachable(cause);
  }
}

/**
 * How far the schema is that `openStore` would find. Makes and changes nothing; a SQLite file that is not there has
 * none.
 */
export async function schemaState({ url, settings }: OpenOptions): Promise<SchemaState> {
  const target = parsed(url, "sqlite");
  if (target.kind === "embedded") {
    const db = openExisting(target.path);
    if (db === undefined) return schemaOfSqlite(new Database(":memory:"), migrations("sqlite"));
    try {
      return inSqliteFile(target.path, () => schemaOfSqlite(db, migrations("sqlite")));
    } finally {
      db.close();
    }
  }
  return connected(new DatabaseRoute({ url, settings }), (client) => schemaOfPostgres(client, migrations("postgres")));
}

interface StoreParts {
  readonly engine: StoreEngine<Queries>;
  readonly place: Spacious;
  readonly random: Random;
}

const storeOver = (name: Store["engine"], { engine, place, random }: StoreParts, close: () => Promise<void>): Store => {
  const changes = new ChangeFeed(random.uuid());
  const heard: HeardStatuses = new Map();
  // What another process has written of an agent is not what was heard here.
  changes.onHeard((all) => {
    for (const { kind, id } of all) if (kind === "agent" && isId("agent", id)) heard.delete(id);
  });
  return {
    engine: name,
    changes,
    read: (fn) => engine.read(fn),
    write: (fn, ...about) =>
      published(changes, heard, (watch) => engine.write((queries) => fn(watch(queries)), ...about)),
    step: (fn) => published(changes, heard, (watch) => engine.step((queries) => fn(watch(queries)))),
    space: () => place.space(),
    giveBack: (pages) => place.giveBack(pages),
    [Symbol.asyncDispose]: close,
  };
};
