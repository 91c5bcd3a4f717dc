import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { defaultPostgres, type PostgresSettings } from "../src/store/postgres/settings.ts";
import { hasPgbouncer, pooledPlace } from "./pgbouncer.ts";
import { createTestDatabase, hasPostgres } from "./postgres.ts";

/** The two places where windlassd may keep what it knows, each fresh for one test. */
export interface TestEngine {
  readonly name: "sqlite" | "postgres";
  /** How a PostgreSQL database is asked, if not as usual. */
  readonly settings?: PostgresSettings | undefined;
  /** URLs for `openStore`, `openLogStore` and `openBlobStore`; what they name goes away with `held`. */
  urls(held: AsyncDisposableStack): Promise<{ readonly rows: string; readonly logs: string; readonly objects: string }>;
}

const sqlite: TestEngine = {
  name: "sqlite",
  urls: async (held) => {
    const folder = await mkdtemp(join(tmpdir(), "windlass-test-"));
    held.defer(() => rm(folder, { recursive: true, force: true }));
    return { rows: `sqlite:${folder}/rows.db`, logs: `sqlite:${folder}/logs.db`, objects: `files:${folder}/objects` };
  },
};

const postgres: TestEngine = {
  name: "postgres",
  urls: async (held) => {
    const { url } = held.use(await createTestDatabase());
    return { rows: url, logs: url, objects: url };
  },
};

/** One of them, or PostgreSQL behind a PgBouncer that shares its connections by transaction. */
export type PooledEngine = Omit<TestEngine, "name"> & { readonly name: TestEngine["name"] | "pgbouncer" };

const pgbouncer: PooledEngine = {
  name: "pgbouncer",
  settings: { ...defaultPostgres, pooling: "transaction" },
  urls: async (held) => {
    const { url } = await pooledPlace(held);
    return { rows: url, logs: url, objects: url };
  },
};

/** For `describe.each`: both engines, or only SQLite where PostgreSQL is not installed. */
export const testEngines: readonly TestEngine[] = hasPostgres ? [sqlite, postgres] : [sqlite];

/** For what the stores promise; queries that only differ in their tables need not be asked three times. */
export const pooledEngines: readonly PooledEngine[] = hasPgbouncer ? [...testEngines, pgbouncer] : testEngines;
