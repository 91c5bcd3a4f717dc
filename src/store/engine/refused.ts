import { errnoOf } from "../../lib/values/errors.ts";
import { isWindlassError, WindlassError } from "../../lib/words/errors.ts";
import { postgresDialect } from "./dialect.ts";

/** What a caller is told of a statement that failed because of the database itself; the cause, for the log, says more. */
export function refused(cause: unknown): unknown {
  if (isWindlassError(cause)) return cause;
  const [message, retryAfterMs] = toldOfCode[errnoOf(cause) ?? ""] ?? told[postgresDialect.failure(cause)] ?? [];
  if (message === undefined) return cause;
  return new WindlassError("storage_unavailable", message, { cause, retryAfterMs });
}

type Told = readonly [message: string, retryAfterMs: number] | undefined;

/** What PostgreSQL lacks, by SQLSTATE: somebody has to see to it, and each to something else. */
const toldOfCode: { readonly [code: string]: Told } = {
  "53100": ["the disk of the database is full", 5_000],
  "53200": ["the database has not enough memory", 5_000],
  "53300": ["the database has no free connection", 5_000],
};

const told: { readonly [failure: string]: Told } = {
  full: ["the database has no room or no free connection", 5_000],
  lost: ["the database cannot be reached by the server: its log and /readyz say why", 1_000],
  "read-only": ["the database is read-only for now", 1_000],
  slow: ["the database took too long", 5_000],
  forbidden: ["the database does not let this server do what it needs: see the server's log", 30_000],
  pooled: [
    "a pooler gives the connections of the database to others: the server needs --database-pooling transaction",
    30_000,
  ],
};
