import type pg from "pg";
import { isWindlassError, WindlassError } from "../../lib/words/errors.ts";
import { postgresDriver } from "./driver.ts";
import type { DatabaseRoute } from "./route.ts";
import { unreachable } from "./unreachable.ts";

/** Where what happens to connections is told. */
export interface ConnectionLog {
  warn(fields: Readonly<Record<string, unknown>>, message: string): void;
}

export interface PoolOptions {
  readonly route: DatabaseRoute;
  readonly log: ConnectionLog;
  readonly maxConnections?: number | undefined;
}

/** A transaction that rests for so long has lost its program. */
export const idleInTransactionMs = 10_000;
/** What an answer may take on its way beside the time of its statement: then the connection is dead, whatever the network says. */
const answerGraceMs = 5_000;

/** A pool whose connections may die without ending the process. The caller ends it. */
export function openPostgresPool({ route, log, maxConnections }: PoolOptions): pg.Pool {
  const { statementTimeoutMs, pooling, maxConnections: most } = route.settings;
  const { Pool } = routedDriver(route);
  const pool = new Pool({
    max: maxConnections ?? most,
    // Statements are sent while the answers to those before them are on their way.
    pipeline: true,
    application_name: "windlassd",
    connectionTimeoutMillis: route.address.connectTimeoutMs,
    ...(statementTimeoutMs === 0 ? {} : { query_timeout: statementTimeoutMs + answerGraceMs }),
    ...(pooling === "session" ? sessionTimeouts(statementTimeoutMs) : {}),
    ...(route.address.isWritable ? { onConnect: (client: pg.ClientBase) => demandWritable(client, route) } : {}),
  });
  const lost = (err: unknown) => log.warn({ err }, "a connection to the database was lost");
  pool.on("error", lost);
  pool.on("connect", (client) => client.on("error", lost));
  return pool;
}

/** A pooler knows no such parameters of a session, and what a client has set in one would be the next one's. */
const sessionTimeouts = (statementTimeoutMs: number) => ({
  idle_in_transaction_session_timeout: idleInTransactionMs,
  ...(statementTimeoutMs === 0 ? {} : { statement_timeout: statementTimeoutMs }),
});

/** How long one that serves others is waited for, where it does no more than answer. */
export const promptMs = 15_000;

/**
 * One connection beside the pools, for what lasts as long as it does: a lock, a migration, notifications. It has no time-outs but the one
 * for each answer that it is given. The caller hears `end` and ends it.
 */
export async function connectPostgres(
  route: DatabaseRoute,
  applicationName: string,
  answerMs?: number,
): Promise<pg.Client> {
  const { Client } = routedDriver(route);
  return overRoute(route, async () => {
    await route.prepare();
    const timeouts = answerMs === undefined ? {} : { query_timeout: answerMs };
    const client = new Client({ application_name: applicationName, pipeline: true, ...timeouts });
    client.on("error", () => {}); // `end` follows
    try {
      await client.connect();
      if (route.address.isWritable) await demandWritable(client, route);
      return client;
    } catch (error) {
      await client.end().catch(() => {});
      throw error;
    }
  });
}

/** Ends a connection as if its cable were drawn: whoever asks politely waits for the answers that are still to come. */
export function cut(client: pg.Client): void {
  client.connection.stream.destroy();
}

const wasCutOff = () => new WindlassError("storage_unavailable", "this server stops: it has given up its database");

/** The driver, whose connections go where the route leads. */
function routedDriver(route: DatabaseRoute) {
  const driver = postgresDriver();
  class Client extends driver.Client {
    constructor(options: pg.ClientConfig = {}) {
      super({ ...options, ...route.config() });
      const onCutOff = () => cut(this);
      route.cutOff?.addEventListener("abort", onCutOff, { once: true });
      this.once("end", () => route.cutOff?.removeEventListener("abort", onCutOff));
    }
  }
  type Told = (
    error: Error | undefined,
    client: pg.PoolClient | undefined,
    done: (release?: boolean | Error) => void,
  ) => void;
  class Pool extends driver.Pool {
    constructor(options: pg.PoolConfig) {
      super({ ...options, Client });
    }
    override connect(): Promise<pg.PoolClient>;
    override connect(told: Told): void;
    override connect(told?: Told): Promise<pg.PoolClient> | undefined {
      if (route.cutOff?.aborted && told === undefined) return Promise.reject(wasCutOff());
      if (route.cutOff?.aborted && told !== undefined) return void told(wasCutOff(), undefined, () => {});
      if (route.isPlain && told === undefined) return super.connect();
      if (route.isPlain && told !== undefined) return void super.connect(told);
      const connecting = overRoute(route, async () => {
        if (this.idleCount === 0 && this.totalCount < this.options.max) await route.prepare();
        return super.connect();
      });
      if (told === undefined) return connecting;
      connecting.then(
        (client) => told(undefined, client, client.release),
        (error: Error) => told(error, undefined, () => {}),
      );
      return undefined;
    }
  }
  return { Client, Pool };
}

/** Tries each way once, beginning with the one that led somewhere the last time. */
async function overRoute<T>(route: DatabaseRoute, attempt: () => Promise<T>): Promise<T> {
  const failures: string[] = [];
  for (;;) {
    if (route.cutOff?.aborted) throw wasCutOff();
    const { at } = route;
    try {
      return await attempt();
    } catch (error) {
      if (isOfPool(error)) throw error;
      route.failed(at);
      failures.push(route.named(at, error));
      if (failures.length < route.count) continue;
      throw route.count === 1 ? error : noneLeft(failures, error);
    }
  }
}

/** Every connection of the pool is in use: none was opened. */
const isOfPool = (error: unknown): boolean =>
  error instanceof Error && error.message === "timeout exceeded when trying to connect";

function noneLeft(failures: readonly string[], last: unknown): unknown {
  const cause = unreachable(last);
  const metadata = isWindlassError(cause) ? cause.metadata : {};
  return new WindlassError(
    "storage_unavailable",
    `no host of --database-url can be used (${[...new Set(failures)].join("; ")}): look at their names and ports, and whether one runs that takes writes`,
    { cause: last, metadata, retryAfterMs: 1_000 },
  );
}

/**
 * As libpq asks for `target_session_attrs=read-write`: a standby, or a server that was told to take no changes, is not the one. Nor is
 * a former primary that came back after another one took its place: it does not have what was written since.
 */
async function demandWritable(client: pg.ClientBase, route: DatabaseRoute): Promise<void> {
  // A pooler lets in whom it has no server for yet.
  const ask = { text: "SHOW transaction_read_only", query_timeout: route.address.connectTimeoutMs };
  const { rows } = await client.query<{ transaction_read_only: string }>(ask);
  if (rows[0]?.transaction_read_only === "on")
    throw notThis("the server is read-only: a standby, or told to take no changes");
  if (route.address.hosts.length > 1 && route.isFormer(await timelineOf(client)))
    throw notThis("the server is a former primary: another one has taken its place");
}

/** Counts the promotions in its history, in hex; empty where a service does not tell. */
async function timelineOf(client: pg.ClientBase): Promise<string> {
  const asked = client.query<{ file: string }>("SELECT pg_walfile_name(pg_current_wal_lsn()) AS file");
  const { rows } = await asked.catch(() => ({ rows: [] }));
  return rows[0]?.file.slice(0, 8) ?? "";
}

const notThis = (message: string) => new WindlassError("storage_unavailable", message, { retryAfterMs: 1_000 });
