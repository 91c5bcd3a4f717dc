import type pg from "pg";
import { deadlineAfter } from "../../lib/async/abort.ts";
import { type BackoffPolicy, backoffMs } from "../../lib/async/backoff.ts";
import { KeyedLocks, type LockSet } from "../../lib/async/keyed-locks.ts";
import { Places } from "../../lib/async/places.ts";
import { retry } from "../../lib/async/retry.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Random } from "../../lib/random.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import { overPostgres } from "../drizzle/drivers.ts";
import { defaultPostgres, type PostgresSettings } from "../postgres/settings.ts";
import { type Db, dbOfPostgres } from "./boundary.ts";
import { driverError, postgresDialect } from "./dialect.ts";
import type { StoreEngine } from "./engine.ts";
import { LockMemory } from "./lock-memory.ts";
import {
  type Beginning,
  type Beginnings,
  beginningsFor,
  commit,
  inOneWrite,
  rolledBack,
} from "./postgres-statements.ts";
import { refused } from "./refused.ts";
import { SeenRows } from "./seen-rows.ts";
import { lend, refuseNested } from "./transaction.ts";
import { alone, beside, WiderLocksNeeded, WriteScope, widened } from "./write-scope.ts";

export interface PostgresOptions<Q extends object> {
  readonly pool: pg.Pool;
  /** Builds the queries of one connection. */
  readonly queries: (db: Db, seen: SeenRows) => Q;
  /** The same queries, telling the scope what they touch; absent: no write says what it is about, and each is alone. */
  readonly scoped?: ((queries: Q, scope: WriteScope) => Q) | undefined;
  readonly settings?: PostgresSettings | undefined;
  readonly clock: Clock;
  readonly random: Random;
}

/** How long a transaction waits for other servers, and is tried again, before its caller is told to come back. */
const patienceMs = 10_000;
/** How long a write waits for those before it in this process: each of them is done, or gives up, in its own time. */
const turnMs = 60_000;
const conflictBackoff: BackoffPolicy = { firstMs: 2, capMs: 100 };
/** So many writes may wait in this process for one key. */
const maxWaiting = 5_000;
/** A write that has found so often that it needs more takes all. */
const maxWidenings = 4;
/** Connections that writes leave to reads, also while all of them wait for another server. */
const sparedForReads = 2;

/** Runs transactions on a pool; the pool stays the caller's. */
export const postgresEngine = <Q extends object>(options: PostgresOptions<Q>): StoreEngine<Q> =>
  new PostgresEngine(options);

/** The queries of one connection. */
interface Built<Q> {
  readonly plain: Q;
  readonly scope: WriteScope;
  /** The same, watched by the scope. */
  readonly scoped: Q;
  readonly trouble: Trouble;
  readonly seen: SeenRows;
}

/** The statement that failed first in a transaction: those behind it say no more than that one did. */
interface Trouble {
  first: unknown;
}

class PostgresEngine<Q extends object> implements StoreEngine<Q> {
  readonly #options: PostgresOptions<Q>;
  readonly #built = new WeakMap<pg.PoolClient, Built<Q>>();
  readonly #open = new Set<Promise<unknown>>();
  readonly #locks = new KeyedLocks(maxWaiting);
  readonly #memory = new LockMemory();
  readonly #writers: Places;
  readonly #settings: PostgresSettings;
  readonly #begin: Beginnings;

  constructor(options: PostgresOptions<Q>) {
    this.#options = options;
    this.#settings = options.settings ?? defaultPostgres;
    this.#begin = beginningsFor(this.#settings);
    this.#writers = new Places(Math.max(1, options.pool.options.max - sparedForReads));
  }

  read<T>(run: (queries: Q) => Promise<T>): Promise<T> {
    return this.#owned(() => this.#retried(this.#deadlineMs(), () => this.#read(run)));
  }

  write<T>(run: (queries: Q) => Promise<T>, ...about: readonly string[]): Promise<T> {
    return this.#owned(() => this.#write(run, about));
  }

  step<T>(run: (queries: Q) => Promise<T>): Promise<T> {
    return this.#owned(() => this.#retried(this.#deadlineMs(), () => this.#step(run)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    while (this.#open.size > 0) await Promise.allSettled(this.#open);
  }

  async #owned<T>(begin: () => Promise<T>): Promise<T> {
    refuseNested();
    const result = begin();
    this.#open.add(result);
    try {
      return await result;
    } finally {
      this.#open.delete(result);
    }
  }

  #step<T>(run: (queries: Q) => Promise<T>): Promise<T> {
    return this.#connected(false, async (client, { plain, trouble, seen }) => {
      seen.begin(false);
      const begun = sent(client, this.#begin.step);
      const value = await explained({ begun, trouble }, lent(plain, run));
      await commit(client);
      return value;
    });
  }

  /** What was read does not wait for the end of its snapshot. */
  async #read<T>(run: (queries: Q) => Promise<T>): Promise<T> {
    const client = await this.#options.pool.connect();
    try {
      const { plain, trouble, seen } = this.#builtOn(client);
      seen.begin(true);
      const begun = sent(client, this.#begin.read);
      const value = await explained({ begun, trouble }, lent(plain, run));
      this.#own(rolledBack(client, false).then((isUsable) => client.release(!isUsable)));
      return value;
    } catch (error) {
      client.release(!(await rolledBack(client, false, error)));
      throw error;
    }
  }

  #own(ending: Promise<unknown>): void {
    this.#open.add(ending);
    void ending.finally(() => this.#open.delete(ending));
  }

  /** Waits for its turn in this process, and then, in the database, for other servers. */
  async #write<T>(run: (queries: Q) => Promise<T>, about: readonly string[]): Promise<T> {
    let locks = about.length === 0 || this.#options.scoped === undefined ? alone : this.#memory.guess(about);
    for (let widenings = 0; ; widenings += 1) {
      using _turn = await this.#turn(locks);
      const deadlineMs = this.#deadlineMs();
      const held = locks;
      try {
        return await this.#retried(deadlineMs, () => this.#attempt(run, { locks: held, about, deadlineMs }));
      } catch (error) {
        if (!(error instanceof WiderLocksNeeded)) throw error;
        locks = widenings < maxWidenings ? widened(locks, error.wanted) : alone;
      }
    }
  }

  async #turn(locks: LockSet): Promise<Disposable> {
    using deadline = deadlineAfter(this.#options.clock, turnMs);
    try {
      return await this.#locks.take(locks, deadline.signal);
    } catch (error) {
      throw deadline.signal.aborted ? contended(error) : error;
    }
  }

  async #attempt<T>(run: (queries: Q) => Promise<T>, { locks, about, deadlineMs }: Attempt): Promise<T> {
    using _place = await this.#writers.take();
    // Others may have learned meanwhile what such a write needs.
    const known = locks === beside ? this.#memory.guess(about) : beside;
    if (known !== beside) throw new WiderLocksNeeded(known);
    return this.#connected(true, async (client, { scope, scoped, trouble, seen }) => {
      scope.begin(locks);
      seen.begin(true);
      const begun = sent(client, this.#begin.write(locks, this.#leftMs(deadlineMs)));
      // A statement that was sent without waiting fails those behind it: its error is the one that tells.
      const value = await explained({ begun, trouble, earlier: () => scope.settled() }, lent(scoped, run));
      scope.demandAllLocks();
      const committed = commit(client);
      committed.catch(() => {});
      await scope.settled();
      await committed;
      this.#learn(about, scope);
      return value;
    });
  }

  #learn(about: readonly string[], { used, places }: WriteScope): void {
    for (const [id, key] of places) this.#memory.set(id, new Map([...beside, [key, "alone"]]));
    for (const name of about) this.#memory.set(name, used);
  }

  #retried<T>(deadlineMs: number, attempt: () => Promise<T>): Promise<T> {
    const { clock, random } = this.#options;
    const waitMs = (error: unknown, failures: number) => {
      const cause = driverError(error);
      if (postgresDialect.failure(cause) !== "conflict") throw refused(cause);
      if (this.#leftMs(deadlineMs) <= 0) throw contended(cause);
      return backoffMs(conflictBackoff, failures, random);
    };
    return retry({ clock, waitMs }, attempt);
  }

  async #connected<T>(hasLocks: boolean, work: (client: pg.PoolClient, built: Built<Q>) => Promise<T>): Promise<T> {
    const client = await this.#options.pool.connect();
    let isUsable = false;
    try {
      const value = await work(client, this.#builtOn(client));
      isUsable = true;
      return value;
    } catch (error) {
      isUsable = await rolledBack(client, hasLocks, error);
      throw error;
    } finally {
      client.release(!isUsable);
    }
  }

  #builtOn(client: pg.PoolClient): Built<Q> {
    const known = this.#built.get(client);
    if (known !== undefined) {
      known.trouble.first = undefined;
      return known;
    }
    const { queries, scoped } = this.#options;
    const trouble: Trouble = { first: undefined };
    const seen = new SeenRows({ isLasting: false });
    const asked = watched(client, { trouble, seen, isNamed: this.#settings.pooling === "session" });
    const plain = queries(dbOfPostgres(overPostgres(asked)), seen);
    const scope = new WriteScope();
    const built = { plain, scope, scoped: scoped?.(plain, scope) ?? plain, trouble, seen };
    this.#built.set(client, built);
    return built;
  }

  #deadlineMs(): number {
    return this.#options.clock.monotonicMs() + patienceMs;
  }

  #leftMs(deadlineMs: number): number {
    return deadlineMs - this.#options.clock.monotonicMs();
  }
}

interface Attempt {
  readonly locks: LockSet;
  readonly about: readonly string[];
  readonly deadlineMs: number;
}

function lent<Q extends object, T>(queries: Q, run: (queries: Q) => Promise<T>): Promise<T> {
  const loan = lend(queries);
  return loan.to(run).finally(loan.end);
}

/** Sends what begins a transaction; what follows is sent before its answer has come. */
function sent(client: pg.PoolClient, begin: Beginning): Promise<unknown> {
  inOneWrite(client);
  const begun = Promise.all(begin.map((statement) => client.query(statement)));
  begun.catch(() => {});
  return begun;
}

interface Before {
  readonly begun: Promise<unknown>;
  readonly trouble: Trouble;
  readonly earlier?: () => Promise<void>;
}

/** The result of the work; if that failed because of what went before it, with that error. */
async function explained<T>({ begun, trouble, earlier }: Before, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    await begun;
    await earlier?.();
    throw postgresDialect.failure(driverError(error)) === "aborted" ? (trouble.first ?? error) : error;
  } finally {
    await begun;
  }
}

interface Watched extends Pick<Built<unknown>, "trouble" | "seen"> {
  readonly isNamed: boolean;
}

/**
 * A connection whose first failure is kept. A pooler gives what was prepared on one connection to nobody: there statements are sent
 * without a name, whole each time.
 */
function watched(client: pg.PoolClient, { trouble, seen, isNamed }: Watched): pg.PoolClient {
  const query = (statement: pg.QueryConfig, values: unknown[]) => {
    seen.note(statement.text);
    inOneWrite(client);
    const answer = client.query(isNamed ? statement : { ...statement, name: undefined }, values);
    answer.catch((error: unknown) => {
      trouble.first ??= error;
    });
    return answer;
  };
  return Object.create(client, { query: { value: query } });
}

const contended = (cause: unknown) =>
  new WindlassError("storage_unavailable", "too many writes to the same rows at once: try again", {
    cause,
    retryAfterMs: 100,
  });
