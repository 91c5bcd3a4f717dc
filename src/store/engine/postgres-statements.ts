import { createHash } from "node:crypto";
import type pg from "pg";
import { inLockOrder, type LockSet } from "../../lib/async/keyed-locks.ts";
import { failpoint } from "../../lib/program/failpoint.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import { postgresDialect } from "./dialect.ts";
import { postgresDriver } from "./driver.ts";

const snapshot = "BEGIN ISOLATION LEVEL REPEATABLE READ";
export const beginRead = `${snapshot} READ ONLY`;
export const beginStep = "BEGIN ISOLATION LEVEL READ COMMITTED";

/** Advisory locks have a number; two keys of one number wait for each other without need. */
const numberOf = (key: string): bigint => createHash("sha256").update(key).digest().readBigInt64BE();

/**
 * Locks and begins, in one trip. The locks are of the session, so that the snapshot is taken after the last of them was had:
 * what those before have committed is in it. All of it is in transactions: a session that stands still in one is ended by
 * the server, and its locks with it.
 */
export function beginWrite(locks: LockSet, waitMs: number): string {
  const taken = inLockOrder(locks).map(
    ([key, mode]) => `pg_advisory_lock${mode === "shared" ? "_shared" : ""}(${numberOf(key)})`,
  );
  const patience = `SET LOCAL lock_timeout = ${Math.max(1, Math.ceil(waitMs))}`;
  return `BEGIN; ${patience}; SELECT ${taken.join(", ")}; COMMIT; ${snapshot}`;
}

const unlock = "SELECT pg_advisory_unlock_all()";

/** After a failed statement COMMIT answers ROLLBACK without an error, and a lost answer leaves the outcome unknown. */
export async function commit(client: pg.PoolClient, hasLocks: boolean): Promise<void> {
  failpoint("server.before-commit");
  let command: string | undefined;
  try {
    const answers: unknown = await client.query(hasLocks ? `COMMIT; ${unlock}` : "COMMIT");
    command = commandOf(Array.isArray(answers) ? answers[0] : answers);
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

/** False if the connection is of no use any more. */
export async function rolledBack(client: pg.PoolClient, hasLocks: boolean): Promise<boolean> {
  try {
    await client.query(hasLocks ? `ROLLBACK; ${unlock}` : "ROLLBACK");
    return true;
  } catch {
    return false;
  }
}
