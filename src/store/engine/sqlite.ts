import { setImmediate as nextTurn } from "node:timers/promises";
import Database from "better-sqlite3";
import type { Clock } from "../../lib/clock.ts";
import { inSqliteFile } from "../../lib/fs/sqlite-file.ts";
import { failpoint } from "../../lib/program/failpoint.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import { overSqlite } from "../drizzle/drivers.ts";
import { type Db, dbOfSqlite } from "./boundary.ts";
import { driverError, sqliteDialect } from "./dialect.ts";
import type { Spacious, StoreEngine, StoreLog } from "./engine.ts";
import { SeenRows } from "./seen-rows.ts";
import { freePages, keepGivingBack, spaceOf } from "./sqlite-space.ts";
import { keepingStatements, quickStatements } from "./sqlite-statements.ts";
import { type Loan, lend, refuseNested } from "./transaction.ts";

type Connection = Database.Database;
type Run<Q> = (queries: Q) => Promise<unknown>;

interface Waiting<Q> {
  readonly run: Run<Q>;
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

export interface SqliteOptions<Q extends object> {
  readonly path: string;
  /** Builds queries: once for writes and once for reads. */
  readonly queries: (db: Db, seen: SeenRows) => Q;
  /** Brings the schema up to date, before anything else is prepared. */
  readonly migrate: (writer: Connection) => void;
  readonly log: StoreLog;
  readonly clock: Clock;
  /** Called once if a commit failed with an unknown outcome: nothing works any more, and the program should end. */
  readonly onFatal?: ((error: WindlassError) => void) | undefined;
}

const maxGroupSize = 256;
/**
 * How long a group takes members: longer where commits take long, so that the disk is not waited for more often than is worked.
 */
const shortGroupMs = 5;
const longGroupMs = 50;
const groupPerCommit = 3;

function tuneWriter(writer: Connection): void {
  keepGivingBack(writer);
  writer.pragma("journal_mode = WAL");
  writer.pragma("synchronous = FULL");
  writer.pragma("busy_timeout = 5000");
  writer.pragma("foreign_keys = ON");
  writer.pragma("journal_size_limit = 67108864");
  // What is written again and again goes from the log to its place less often.
  writer.pragma("wal_autocheckpoint = 4000");
  writer.pragma("cache_size = -8192"); // KiB
}

/** Opens the database file, creating and migrating it as needed. Exactly one process may have it open. */
export const openSqliteEngine = <Q extends object>(options: SqliteOptions<Q>): StoreEngine<Q> & Spacious =>
  inSqliteFile(options.path, () => openedEngine(options));

function openedEngine<Q extends object>(options: SqliteOptions<Q>): SqliteEngine<Q> {
  const writer = new Database(options.path);
  try {
    tuneWriter(writer);
    options.migrate(writer);
    return new SqliteEngine(writer, options);
  } catch (error) {
    writer.close();
    throw error;
  }
}

/**
 * One connection: what it has written it need not read again, where a second one would forget all that it has read at each commit.
 * For the same reason rows that were seen stay true.
 * Waiting writes share `BEGIN IMMEDIATE … COMMIT`, each in its own savepoint, and settle after the commit, the refused ones
 * too: what a caller sees is durable. Reads stand between such groups, so that they see what is committed and nothing else.
 */
class SqliteEngine<Q extends object> implements StoreEngine<Q>, Spacious {
  readonly #writer: Connection;
  readonly #onWriter: (statement: string) => void;
  readonly #options: SqliteOptions<Q>;
  readonly #writing: Q;
  readonly #reading: Q;
  readonly #seen = new SeenRows({ isLasting: true });
  /** Another one once somebody else has written the file. */
  readonly #versionOfFile: Database.Statement<[], number>;
  #version: number | undefined;
  readonly #waiting: Waiting<Q>[] = [];
  #draining: Promise<void> | undefined;
  /** How long the last commit took. */
  #commitMs = 0;
  /** The last transaction that has its turn, or waits for it. */
  #last: Promise<unknown> = Promise.resolve();
  #refusal: WindlassError | undefined;

  constructor(writer: Connection, options: SqliteOptions<Q>) {
    this.#writer = writer;
    this.#onWriter = quickStatements(writer);
    this.#options = options;
    const queriesFor = (which: "all" | "reads"): Q =>
      options.queries(dbOfSqlite(overSqlite(keepingStatements(writer, which, this.#seen))), this.#seen);
    this.#writing = queriesFor("all");
    this.#reading = queriesFor("reads");
    this.#versionOfFile = writer.prepare<[], number>("PRAGMA data_version").pluck();
  }

  async read<T>(run: (queries: Q) => Promise<T>): Promise<T> {
    refuseNested();
    if (this.#refusal !== undefined) throw this.#refusal;
    return this.#inTurn(() => this.#readOne(run));
  }

  async write<T>(run: (queries: Q) => Promise<T>): Promise<T> {
    refuseNested();
    if (this.#refusal !== undefined) throw this.#refusal;
    return new Promise<T>((resolve, reject) => {
      let value: T;
      const keep = async (queries: Q) => {
        value = await run(queries);
      };
      this.#waiting.push({ run: keep, resolve: () => resolve(value), reject });
      this.#draining ??= this.#drain();
    });
  }

  step<T>(run: (queries: Q) => Promise<T>): Promise<T> {
    return this.write(run);
  }

  async space() {
    return spaceOf(this.#writer);
  }

  giveBack(pages: number): Promise<boolean> {
    return this.write(async () => freePages(this.#writer, pages));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#refusal ??= new WindlassError("storage_unavailable", "the database is closed");
    await this.#draining;
    await this.#last;
    this.#writer.close();
  }

  async #readOne<T>(run: (queries: Q) => Promise<T>): Promise<T> {
    const loan = lend(this.#reading);
    try {
      this.#begin("BEGIN");
      return await promptly(loan, run);
    } catch (error) {
      throw refused(error);
    } finally {
      loan.end();
      if (this.#writer.inTransaction) this.#onWriter("COMMIT");
    }
  }

  /** Rows that were seen are those of the file, unless somebody else has written it: what restores or repairs it may. */
  #begin(statement: "BEGIN" | "BEGIN IMMEDIATE"): void {
    this.#onWriter(statement);
    const version = this.#versionOfFile.get();
    if (version !== this.#version) this.#seen.forgetAll();
    this.#version = version;
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work);
    this.#last = result.catch(() => undefined);
    return result;
  }

  async #drain(): Promise<void> {
    try {
      while (this.#waiting.length > 0) {
        await nextTurn(); // the other sockets of this turn of the loop join the group
        await this.#inTurn(() => this.#group());
      }
    } finally {
      this.#draining = undefined;
    }
  }

  async #group(): Promise<void> {
    const members: Waiting<Q>[] = [];
    const settle: (() => void)[] = [];
    const { clock } = this.#options;
    const startedMs = clock.monotonicMs();
    const mostMs = Math.min(Math.max(shortGroupMs, groupPerCommit * this.#commitMs), longGroupMs);
    try {
      this.#begin("BEGIN IMMEDIATE");
      while (members.length < maxGroupSize && clock.monotonicMs() - startedMs < mostMs) {
        const next = this.#waiting.shift();
        if (next === undefined) break;
        members.push(next);
        settle.push(await this.#one(next));
      }
    } catch (error) {
      return this.#failGroup(members, error);
    }
    const workedMs = clock.monotonicMs();
    const isCommitted = this.#commit(members);
    this.#commitMs = clock.monotonicMs() - workedMs;
    if (isCommitted) for (const one of settle) one();
  }

  async #one({ run, resolve, reject }: Waiting<Q>): Promise<() => void> {
    const loan = lend(this.#writing);
    this.#seen.begin(true);
    this.#onWriter("SAVEPOINT one");
    try {
      const value = await promptly(loan, run);
      loan.end();
      this.#onWriter("RELEASE one");
      return () => resolve(value);
    } catch (error) {
      loan.end();
      if (!this.#writer.inTransaction) throw error; // disk full, I/O: SQLite itself rolled back the whole group
      this.#onWriter("ROLLBACK TO one");
      this.#seen.undo();
      this.#onWriter("RELEASE one");
      return () => reject(refused(error));
    }
  }

  #commit(members: readonly Waiting<Q>[]): boolean {
    try {
      failpoint("server.before-commit");
      this.#onWriter("COMMIT");
      return true;
    } catch (error) {
      if (sqliteDialect.failure(error) === "full") this.#failGroup(members, error);
      else this.#stop(members, error);
      return false;
    }
  }

  #failGroup(members: readonly Waiting<Q>[], error: unknown): void {
    this.#seen.forgetAll();
    try {
      if (this.#writer.inTransaction) this.#onWriter("ROLLBACK");
    } catch (cause) {
      this.#stop(members, cause);
      return;
    }
    // Not one member: BEGIN itself failed, and the first in line would fail in the same way for ever.
    const failed = members.length > 0 ? members : this.#waiting.splice(0);
    for (const { reject } of failed) reject(refused(error));
  }

  /** A commit whose fsync failed may or may not be there after a restart: nothing may be decided on it any more. */
  #stop(members: readonly Waiting<Q>[], cause: unknown): void {
    const message = "a commit failed and its outcome is unknown: check the disk, then restart the program";
    this.#refusal = new WindlassError("storage_unavailable", message, { cause });
    const unknown = new WindlassError("outcome_unknown", message, { cause });
    for (const { reject } of members) reject(unknown);
    for (const { reject } of this.#waiting.splice(0)) reject(this.#refusal);
    this.#tellFatal(this.#refusal);
  }

  /** Tells the log and the program. Every waiting write has been refused before: an error thrown here changes nothing. */
  #tellFatal(error: WindlassError): void {
    const { log, onFatal } = this.#options;
    quietly(() => log.error({ err: error.cause }, "a commit failed with an unknown outcome: restart the program"));
    quietly(() => onFatal?.(error));
  }
}

function quietly(tell: () => void): void {
  try {
    tell();
  } catch {
    // The store refuses everything from now on, which its callers say.
  }
}

/** SQLite's queries settle within the microtask queue: a callback still open at the next turn awaited something foreign. */
async function promptly<Q extends object, T>(loan: Loan<Q>, run: (queries: Q) => Promise<T>): Promise<T> {
  let timer: NodeJS.Immediate | undefined;
  const late = new Promise<never>((_, reject) => {
    const message = "a transaction awaited something else than its own queries";
    timer = setImmediate(() => reject(new WindlassError("internal", message)));
  });
  try {
    return await Promise.race([loan.to(run), late]);
  } finally {
    clearImmediate(timer);
  }
}

function refused(error: unknown): unknown {
  const cause = driverError(error);
  switch (sqliteDialect.failure(cause)) {
    case "full":
      return new WindlassError("storage_unavailable", "the disk of the database is full: nothing was written", {
        cause,
      });
    case "lost":
      return new WindlassError("storage_unavailable", "the database file cannot be read or written", { cause });
    default:
      return cause;
  }
}
