import type pg from "pg";
import { type BackoffPolicy, backoffMs } from "../../lib/async/backoff.ts";
import { retry } from "../../lib/async/retry.ts";
import type { Clock } from "../../lib/clock.ts";
import { failpoint } from "../../lib/program/failpoint.ts";
import type { Random } from "../../lib/random.ts";
import { isWindlassError, WindlassError } from "../../lib/words/errors.ts";
import { overPostgres } from "../drizzle/drivers.ts";
import { type Db, dbOfPostgres } from "./boundary.ts";
import { driverError, postgresDialect } from "./dialect.ts";
import { postgresDriver } from "./driver.ts";
import type { StoreEngine, StoreLog } from "./engine.ts";
import { lend, refuseNested } from "./transaction.ts";

export interface PostgresOptions<Q extends object> {
  readonly pool: pg.Pool;
  /** Builds the queries of one connection. */
  readonly queries: (db: Db) => Q;
  readonly clock: Clock;
  readonly random: Random;
}

const maxAttempts = 30;
const conflictBackoff: BackoffPolicy = { firstMs: 2, capMs: 25 };

/** A pool whose connections may die without ending the process. The caller ends it. */
export function openPostgresPool(url: string, log: StoreLog, maxConnections = 10): pg.Pool {
  const { Pool } = postgresDriver();
  const pool = new Pool({
    connectionString: url,
    max: maxConnections,
    connectionTimeoutMillis: 10_000,
    idle_in_transaction_session_timeout: 10_000,
    application_name: "windlassd",
  });
  const lost = (err: unknown) => log.warn({ err }, "a connection to the database was lost");
  pool.on("error", lost);
  pool.on("connect", (client) => client.on("error", lost));
  return pool;
}

/** Runs transactions on a pool; the pool stays the caller's. */
export const postgresEngine = <Q extends object>(options: PostgresOptions<Q>): StoreEngine<Q> =>
  new PostgresEngine(options);

class PostgresEngine<Q extends object> implements StoreEngine<Q> {
  readonly #options: PostgresOptions<Q>;
  readonly #built = new WeakMap<pg.PoolClient, Q>();
  readonly #open = new Set<Promise<unknown>>();

  constructor(options: PostgresOptions<Q>) {
    this.#options = options;
  }

  read<T>(run: (queries: Q) => Promise<T>): Promise<T> {
    return this.#retried("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", run);
  }

  write<T>(run: (queries: Q) => Promise<T>): Promise<T> {
    return this.#retried("BEGIN ISOLATION LEVEL SERIALIZABLE", run);
  }

  step<T>(run: (queries: Q) => Promise<T>): Promise<T> {
    return this.#retried("BEGIN ISOLATION LEVEL READ COMMITTED", run);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled(this.#open);
  }

  async #retried<T>(begin: string, run: (queries: Q) => Promise<T>): Promise<T> {
    refuseNested();
    const result = this.#attempts(begin, run);
    this.#open.add(result);
    try {
      return await result;
    } finally {
      this.#open.delete(result);
    }
  }

  #attempts<T>(begin: string, run: (queries: Q) => Promise<T>): Promise<T> {
    const { clock, random } = this.#options;
    const waitMs = (error: unknown, failures: number) => {
      const cause = driverError(error);
      if (postgresDialect.failure(cause) !== "conflict") throw refused(cause);
      if (failures + 1 === maxAttempts) throw contended(cause);
      return backoffMs(conflictBackoff, failures, random);
    };
    return retry({ clock, waitMs }, () => this.#once(begin, run));
  }

  async #once<T>(begin: string, run: (queries: Q) => Promise<T>): Promise<T> {
    const client = await this.#options.pool.connect();
    let isUsable = false;
    const loan = lend(this.#queriesOf(client));
    try {
      await client.query(begin);
      const value = await loan.to(run).finally(loan.end);
      await commit(client);
      isUsable = true;
      return value;
    } catch (error) {
      isUsable = await rolledBack(client);
      throw error;
    } finally {
      client.release(!isUsable);
    }
  }

  #queriesOf(client: pg.PoolClient): Q {
    const known = this.#built.get(client);
    if (known !== undefined) return known;
    const built = this.#options.queries(dbOfPostgres(overPostgres(client)));
    this.#built.set(client, built);
    return built;
  }
}

/** After a failed statement COMMIT answers ROLLBACK without an error, and a lost answer leaves the outcome unknown. */
async function commit(client: pg.PoolClient): Promise<void> {
  failpoint("server.before-commit");
  let command: string;
  try {
    ({ command } = await client.query("COMMIT"));
  } catch (cause) {
    if (cause instanceof postgresDriver().DatabaseError && postgresDialect.failure(cause) !== "lost") throw cause;
    throw new WindlassError(
      "outcome_unknown",
      "the database's answer to a commit was lost: look at the current state before trying again",
      { cause },
    );
  }
  if (command !== "COMMIT") {
    throw new WindlassError("internal", "a failed statement was caught inside a transaction: nothing was written");
  }
}

async function rolledBack(client: pg.PoolClient): Promise<boolean> {
  try {
    await client.query("ROLLBACK");
    return true;
  } catch {
    return false;
  }
}

function refused(cause: unknown): unknown {
  if (isWindlassError(cause)) return cause;
  switch (postgresDialect.failure(cause)) {
    case "full":
      return new WindlassError("storage_unavailable", "the database has no room or no free connection", { cause });
    case "lost":
      return new WindlassError("storage_unavailable", "the database cannot be reached", { cause, retryAfterMs: 1_000 });
    default:
      return cause;
  }
}

const contended = (cause: unknown) =>
  new WindlassError("storage_unavailable", "too many writes to the same rows at once: try again", {
    cause,
    retryAfterMs: 100,
  });
