import type pg from "pg";
import { errnoOf, messageOf } from "../../lib/values/errors.ts";
import { isWindlassError, WindlassError } from "../../lib/words/errors.ts";
import { driverError } from "./dialect.ts";
import { postgresDriver } from "./driver.ts";

/** What is thrown when a PostgreSQL database cannot be opened: a cause that is known in one sentence, else as it is. */
export function unreachable(error: unknown): unknown {
  if (isWindlassError(error)) return error;
  const cause = driverError(error);
  const why = whyUnreachable(cause);
  return why === undefined ? cause : new WindlassError("storage_unavailable", why, { cause });
}

function whyUnreachable(cause: unknown): string | undefined {
  if (!(cause instanceof Error)) return undefined;
  if (cause instanceof postgresDriver().DatabaseError) return whyRefused(cause);
  const isOfNetwork = errnoOf(cause) !== undefined;
  if (!isOfNetwork && !/connection|timeout|SSL|SASL/i.test(cause.message)) return undefined;
  return `the PostgreSQL database cannot be reached (${networkText(cause)}): check --database-url`;
}

/** By the classes of SQLSTATE; what says that a statement is wrong is a fault of this program. */
function whyRefused({ code = "", message }: pg.DatabaseError): string | undefined {
  if (code.startsWith("28")) return `PostgreSQL refuses the user or the password of --database-url (${message})`;
  if (code === "3D000") return `PostgreSQL has no such database (${message}): create it, or correct --database-url`;
  if (code === "42501")
    return `the user of --database-url may not do what windlassd needs (${message}): make it the owner`;
  if (/^(08|25|53|55|57|58)/.test(code)) return `PostgreSQL cannot serve windlassd now (${message})`;
  return undefined;
}

/** Several addresses of one name were tried: the error has no message of its own. */
const networkText = (cause: Error): string =>
  cause instanceof AggregateError && cause.message === "" ? cause.errors.map(messageOf).join("; ") : cause.message;
