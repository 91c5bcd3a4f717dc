import type pg from "pg";
import { errnoOf, messageOf } from "../../lib/values/errors.ts";
import { isWindlassError, WindlassError } from "../../lib/words/errors.ts";
import { postgresDriver } from "./driver.ts";

/** What is thrown when a PostgreSQL database cannot be opened: a cause that is known in one sentence, else as it is. */
export function unreachable(cause: unknown): unknown {
  if (isWindlassError(cause)) return cause;
  const why = whyUnreachable(cause);
  return why === undefined ? cause : new WindlassError("storage_unavailable", why, { cause, retryAfterMs: 1_000 });
}

function whyUnreachable(cause: unknown): string | undefined {
  if (!(cause instanceof Error)) return undefined;
  if (cause instanceof postgresDriver().DatabaseError) return whyRefused(cause);
  const text = networkText(cause);
  const code = errnoOf(cause) ?? (cause instanceof AggregateError ? errnoOf(cause.errors[0]) : undefined) ?? "";
  const known = whyOfTls(code, text) ?? whyOfNetwork(code, text);
  if (known !== undefined) return known;
  if (code === "" && !/connection|timeout|SSL|SASL|password/i.test(text)) return undefined;
  return `the PostgreSQL database cannot be reached (${text}): check --database-url`;
}

function whyOfNetwork(code: string, text: string): string | undefined {
  if (code === "ENOTFOUND" || code === "EAI_AGAIN")
    return `the host of the PostgreSQL database has no address (${text}): check its name in --database-url, and DNS`;
  if (code === "ENOENT" || code === "EACCES")
    return `the socket of the PostgreSQL database cannot be opened (${text}): check that it runs, and --database-url`;
  if (/timeout expired|connection timeout|ETIMEDOUT/.test(text))
    return `the PostgreSQL database cannot be reached: it did not answer in time (${text}): check --database-url and firewalls`;
  return undefined;
}

/** What a server does without TLS, or with a certificate that is not the right one. */
function whyOfTls(code: string, text: string): string | undefined {
  if (text === "The server does not support SSL connections")
    return "PostgreSQL has no TLS here, and sslmode asks for it: switch it on there (ssl = on), or say sslmode=disable";
  if (code === "CERT_HAS_EXPIRED") return `the certificate of PostgreSQL has expired (${text}): renew it`;
  if (code === "CERT_NOT_YET_VALID")
    return `the certificate of PostgreSQL is not valid yet (${text}): check the clocks`;
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID")
    return `the certificate of PostgreSQL is for another name (${text}): use that name in --database-url, or sslmode=verify-ca`;
  if (untrusted.has(code))
    return `the certificate of PostgreSQL is not trusted (${text}): name its authority with sslrootcert=FILE in --database-url`;
  if (/alert|ERR_SSL|certificate required/i.test(`${code} ${text}`))
    return `TLS with PostgreSQL failed (${text}): it may want a client certificate, sslcert and sslkey of --database-url`;
  return undefined;
}

const untrusted = new Set([
  ...["SELF_SIGNED_CERT_IN_CHAIN", "DEPTH_ZERO_SELF_SIGNED_CERT", "UNABLE_TO_GET_ISSUER_CERT_LOCALLY"],
  ...["UNABLE_TO_VERIFY_LEAF_SIGNATURE", "UNABLE_TO_GET_ISSUER_CERT", "CERT_SIGNATURE_FAILURE", "INVALID_CA"],
]);

/** By the classes of SQLSTATE; what says that a statement is wrong is a fault of this program. */
function whyRefused({ code = "", message }: pg.DatabaseError): string | undefined {
  if (code === "28000" && /pg_hba|no encryption|SSL/i.test(message)) return whyNotLetIn(message);
  if (code === "28P01" || /password authentication/.test(message))
    return `PostgreSQL refuses the user or the password of --database-url (${message})`;
  if (code.startsWith("28")) return `PostgreSQL refuses the user or the password of --database-url (${message})`;
  if (code === "3D000") return `PostgreSQL has no such database (${message}): create it, or correct --database-url`;
  if (/unsupported startup parameter/.test(message)) return pooled(message);
  if (code === "42501")
    return `the user of --database-url may not do what windlassd needs (${message}): make it the owner of the database, and of what is in it`;
  if (code === "25006")
    return `PostgreSQL is read-only (${message}): name the primary in --database-url, or see default_transaction_read_only there`;
  if (code === "53300" || /too many connections|no more connections allowed/.test(message))
    return `PostgreSQL cannot serve windlassd now: it has no connection left (${message}): raise max_connections, or lower --database-connections`;
  if (code === "53100")
    return `PostgreSQL cannot serve windlassd now: its disk is full (${message}): make room on the volume of its data or its WAL`;
  if (code === "53200")
    return `PostgreSQL cannot serve windlassd now: it has not enough memory (${message}): see max_connections, work_mem and what else runs there`;
  if (code === "57014")
    return `PostgreSQL gave up what windlassd asked (${message}): raise --database-statement-timeout, or statement_timeout there`;
  if (code === "57P03") return `PostgreSQL cannot serve windlassd now: it starts, stops or recovers (${message})`;
  if (code === "57P01")
    return `PostgreSQL cannot serve windlassd now: it was stopped, or ended the connection (${message})`;
  if (/^(08|25|53|55|57|58)/.test(code)) return `PostgreSQL cannot serve windlassd now (${message})`;
  return undefined;
}

const whyNotLetIn = (message: string): string =>
  /no encryption|SSL off/i.test(message)
    ? `PostgreSQL does not let windlassd in without TLS (${message}): say sslmode=verify-full (or require) in --database-url, or let it in with pg_hba.conf`
    : `PostgreSQL does not let windlassd in (${message}): let its address, user and database in with pg_hba.conf`;

/** A pooler says so of parameters that a session has and a transaction has not. */
export const pooled = (message: string): string =>
  `a pooler such as PgBouncer stands before PostgreSQL (${message}): say --database-pooling transaction, with --database-direct-url past it`;

/** Several addresses of one name were tried: the error has no message of its own. */
const networkText = (cause: Error): string =>
  cause instanceof AggregateError && cause.message === "" ? cause.errors.map(messageOf).join("; ") : cause.message;
