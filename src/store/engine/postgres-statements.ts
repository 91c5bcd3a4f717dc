import { createHash } from "node:crypto";
import type pg from "pg";
import { inLockOrder, type LockSet } from "../../lib/async/keyed-locks.ts";
import { failpoint } from "../../lib/program/failpoint.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import { idleInTransactionMs } from "../postgres/connections.ts";
import { postgresDriver } from "../postgres/driver.ts";
import type { PostgresSettings } from "../postgres/settings.ts";
import { postgresDialect } from "./dialect.ts";

/** What transactions begin with. */
export interface Beginnings {
  readonly read: string;
  readonly step: string;
  /**
   * Locks and begins, in one trip. The locks are first of the session, so that the snapshot is taken after the last of them was had:
   * what those before have committed is in it. Then they are of the transaction as well, and those of the session are given back: so
   * they end with the transaction however it ends, and nothing of it stays in a session that a pooler gives to the next.
   */
  write(locks: LockSet, waitMs: number): string;
}

const snapshot = "BEGIN ISOLATION LEVEL REPEATABLE READ";

export function beginningsFor({ pooling, statementTimeoutMs }: PostgresSettings): Beginnings {
  const timeouts = pooling === "session" ? "" : transactionTimeouts(statementTimeoutMs);
  const mostMs = statementTimeoutMs === 0 ? Number.POSITIVE_INFINITY : 0.9 * statementTimeoutMs;
  return {
    read: `${snapshot} READ ONLY${timeouts}`,
    step: `BEGIN ISOLATION LEVEL READ COMMITTED${timeouts}`,
    write: (locks, waitMs) => {
      const keys = inLockOrder(locks).map(([key, mode]) => `${mode === "shared" ? "_shared" : ""}(${numberOf(key)})`);
      const patience = `SET LOCAL lock_timeout = ${Math.max(1, Math.ceil(Math.min(waitMs, mostMs)))}`;
      const first = `BEGIN; ${patience}; SELECT ${keys.map((key) => `pg_advisory_lock${key}`).join(", ")}; COMMIT`;
      const kept = `SELECT ${keys.map((key) => `pg_advisory_xact_lock${key}`).join(", ")}; ${unlock}`;
      return `${first}; ${snapshot}${timeouts}; ${kept}`;
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

/** After a failed statement COMMIT answers ROLLBACK without an error, and a lost answer leaves the outcome unknown. */
export async function commit(client: pg.PoolClient): Promise<void> {
  failpoint("server.before-commit");
  let command: string | undefined;
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
  try {
    await client.query(hasLocks ? `ROLLBACK; ${unlock}` : "ROLLBACK");
    // A server that became a standby, or that takes no changes any more, may not be the one to ask.
    return postgresDialect.failure(because) !== "read-only";
  } catch {
    return false;
  }
}
