import { createHash } from "node:crypto";
import type pg from "pg";
import { inLockOrder, type LockSet } from "../../lib/async/keyed-locks.ts";
import { failpoint } from "../../lib/program/failpoint.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import { idleInTransactionMs } from "../postgres/connections.ts";
import { postgresDriver } from "../postgres/driver.ts";
import type { PostgresSettings } from "../postgres/settings.ts";
import { postgresDialect } from "./dialect.ts";

/** What a transaction begins with, sent in one trip; each with how long its answer may take, in milliseconds. */
export type Beginning = readonly { readonly text: string; readonly query_timeout: number }[];

/** What transactions begin with. */
export interface Beginnings {
  readonly read: Beginning;
  readonly step: Beginning;
  /**
   * Locks and begins. The locks are first of the session, so that the snapshot is taken after the last of them was had:
   * what those before have committed is in it. Then they are of the transaction as well, and those of the session are given back: so
   * they end with the transaction however it ends, and nothing of it stays in a session that a pooler gives to the next.
   */
  write(locks: LockSet, waitMs: number): Beginning;
}

const snapshot = "BEGIN ISOLATION LEVEL REPEATABLE READ";

/**
 * A beginning does nothing that takes time, but for the locks that it waits for: a connection that does not answer it by then is dead.
 * A pooler that has lost its server keeps the first who asks it (PgBouncer: for two minutes), and tells only those behind it.
 */
const beginMs = 5_000;

const prompt = (text: string, waitMs = 0): Beginning[number] => ({ text, query_timeout: waitMs + beginMs });

export function beginningsFor({ pooling, statementTimeoutMs }: PostgresSettings): Beginnings {
  const timeouts = pooling === "session" ? "" : transactionTimeouts(statementTimeoutMs);
  const mostMs = statementTimeoutMs === 0 ? Number.POSITIVE_INFINITY : 0.9 * statementTimeoutMs;
  return {
    read: [prompt(`${snapshot} READ ONLY${timeouts}`)],
    step: [prompt(`BEGIN ISOLATION LEVEL READ COMMITTED${timeouts}`)],
    write: (locks, waitMs) => {
      const keys = inLockOrder(locks).map(([key, mode]) => `${mode === "shared" ? "_shared" : ""}(${numberOf(key)})`);
      const lockMs = Math.max(1, Math.ceil(Math.min(waitMs, mostMs)));
      const patience = `SET LOCAL lock_timeout = ${lockMs}`;
      const first = `${patience}; SELECT ${keys.map((key) => `pg_advisory_lock${key}`).join(", ")}; COMMIT`;
      const kept = `SELECT ${keys.map((key) => `pg_advisory_xact_lock${key}`).join(", ")}; ${unlock}`;
      const locking = `${first}; ${snapshot}${timeouts}; ${kept}`;
      // Whether a pooler has a server is known before the locks are.
      return pooling === "session" ? [prompt(`BEGIN; ${locking}`, lockMs)] : [prompt("BEGIN"), prompt(locking, lockMs)];
    },
  };
}

/** In the place of those that a session has from its beginning. */
const transactionTimeouts = (statementTimeoutMs: number): string =>
  `; SET LOCAL idle_in_transaction_session_timeout = ${idleInTransactionMs}` +
  (statementTimeoutMs === 0 ? "" : `; SET LOCAL statement_timeout = ${statementTimeoutMs}`);

/** Advisory locks have a number; two keys of one number wait for each other without need. */
const numberOf = (key: string): bigint => createHash("sha256").update(key).digest().readBigInt64BE();

const unlock = "SELECT pg_advisory_unlock_all()";

/**
 * Called before a statement is sent: it goes to the socket together with those that follow it before this turn of the loop has nothing
 * left to do. Each write is a call of the kernel, which wakes the database.
 */
export function inOneWrite(client: pg.ClientBase): void {
  if (!(client instanceof postgresDriver().Client)) return;
  const { stream } = client.connection;
  if (stream.writableCorked > 0) return;
  stream.cork();
  process.nextTick(() => stream.uncork());
}

/** After a failed statement COMMIT answers ROLLBACK without an error, and a lost answer leaves the outcome unknown. */
export async function commit(client: pg.PoolClient): Promise<void> {
  failpoint("server.before-commit");
  let command: string | undefined;
  inOneWrite(client);
  try {
    command = commandOf(await client.query("COMMIT"));
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

const commandOf = (answer: unknown): string | undefined =>
  typeof answer === "object" && answer !== null && "command" in answer ? String(answer.command) : undefined;

/** False if the connection is of no use any more. Locks of a write that did not come to its snapshot go in the same message. */
export async function rolledBack(client: pg.PoolClient, hasLocks: boolean, because?: unknown): Promise<boolean> {
  inOneWrite(client);
  try {
    await client.query(hasLocks ? `ROLLBACK; ${unlock}` : "ROLLBACK");
    // A server that became a standby, or that takes no changes any more, may not be the one to ask.
    return postgresDialect.failure(because) !== "read-only";
  } catch {
    return false;
  }
}
