import type { SQL } from "drizzle-orm";
import type { AnyPgColumn } from "drizzle-orm/pg-core";
import { errnoOf } from "../../lib/values/errors.ts";
import { keysOf } from "../../lib/values/records.ts";
import { DrizzleQueryError, sql } from "../drizzle/orm.ts";

/**
 * What a failed statement says about the data; `conflict` means another transaction won and the whole write may be
 * tried again. The database itself is `full`, `lost`, `read-only`, too `slow`, `forbidden` to the program, or behind a pooler that
 * gives its connections to others (`pooled`). `aborted` is a statement behind another one of its transaction that has failed.
 */
export type Failure =
  | ("duplicate" | "missing-reference" | "check" | "conflict")
  | ("full" | "lost" | "read-only" | "slow" | "forbidden" | "pooled")
  | ("aborted" | "other");

/** All that a query may know of its engine. */
export interface Dialect {
  readonly name: "sqlite" | "postgres";
  /** A table `given` of rows that travel as one parameter (see `asParameter`), with these columns. */
  given(rows: SQL, columns: Readonly<Record<string, AnyPgColumn>>): SQL;
  /** True where the text occurs in the column, ASCII letters in any case. */
  contains(column: AnyPgColumn, text: string): SQL;
  /** The database's own clock, at this moment, as an instant of its columns. */
  readonly now: SQL;
  failure(error: unknown): Failure;
}

/** As `lower` of both engines: they agree on ASCII letters only. */
const lowerAscii = (text: string): string => text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());

/** Rows as the parameter that `Dialect.given` reads: json, each value encoded by its column. */
export function asParameter<K extends string>(
  rows: readonly Readonly<Record<K, unknown>>[],
  columns: Readonly<Record<K, AnyPgColumn>>,
): string {
  const names = keysOf(columns);
  return JSON.stringify(
    rows.map((row) => Object.fromEntries(names.map((name) => [name, columns[name].mapToDriverValue(row[name])]))),
  );
}

/** The driver's error inside drizzle's wrapper, whose message would contain every parameter: tokens, variables. */
export function driverError(error: unknown): unknown {
  return error instanceof DrizzleQueryError ? (error.cause ?? new Error("a statement failed")) : error;
}

function codeOf(error: unknown): string {
  for (let at = error; at instanceof Error; at = at.cause) {
    const code = errnoOf(at);
    if (code !== undefined) return code;
  }
  return "";
}

function failureOfSqlite(error: unknown): Failure {
  const code = codeOf(error);
  switch (code) {
    case "SQLITE_CONSTRAINT_UNIQUE":
    case "SQLITE_CONSTRAINT_PRIMARYKEY":
    case "SQLITE_CONSTRAINT_ROWID":
      return "duplicate";
    case "SQLITE_CONSTRAINT_FOREIGNKEY":
      return "missing-reference";
    case "SQLITE_CONSTRAINT_CHECK":
    case "SQLITE_CONSTRAINT_NOTNULL":
      return "check";
    case "SQLITE_FULL":
      return "full";
    default:
      if (code.startsWith("SQLITE_BUSY")) return "conflict";
      return code.startsWith("SQLITE_IOERR") || code.startsWith("SQLITE_CANTOPEN") ? "lost" : "other";
  }
}

const lostConnection = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "ENOENT",
  "EPIPE",
  "ETIMEDOUT",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ECONNABORTED",
  "ENOTFOUND",
  "EAI_AGAIN",
]);

function failureOfPostgres(error: unknown): Failure {
  const code = codeOf(error);
  if (code === "23505") return "duplicate";
  if (code === "23503") return "missing-reference";
  if (code === "23514" || code === "23502") return "check";
  if (code === "40001" || code === "40P01" || code === "55P03") return "conflict";
  if (code.startsWith("53")) return "full";
  if (code === "25006") return "read-only";
  if (code === "25P02") return "aborted";
  if (code === "57014") return "slow";
  if (code === "42501") return "forbidden";
  if (code === "26000" || code === "42P05") return "pooled";
  if (/^(08|57P|58|28|25P0[34]|3D000)/.test(code) || lostConnection.has(code)) return "lost";
  const isOfDriver = code === "" && error instanceof Error;
  return isOfDriver && /connection|timeout exceeded|read timeout|Client was closed/i.test(error.message)
    ? "lost"
    : "other";
}

export const sqliteDialect: Dialect = {
  name: "sqlite",
  given: (rows, columns) => {
    const fields = Object.keys(columns).map(
      (name) => sql`value ->> ${sql.raw(`'${name}'`)} as ${sql.identifier(name)}`,
    );
    return sql`(select ${sql.join(fields, sql`, `)} from json_each(${rows})) as given`;
  },
  contains: (column, text) => sql`instr(lower(${column}), ${sql.param(lowerAscii(text), column)}) > 0`,
  now: sql`cast(unixepoch('subsec') * 1000 as integer)`,
  failure: failureOfSqlite,
};

export const postgresDialect: Dialect = {
  name: "postgres",
  given: (rows, columns) => {
    const fields = Object.entries(columns).map(
      ([name, column]) => sql`${sql.identifier(name)} ${sql.raw(column.getSQLType())}`,
    );
    return sql`json_to_recordset(${rows}) as given(${sql.join(fields, sql`, `)})`;
  },
  contains: (column, text) => sql`strpos(lower(${column}), ${sql.param(lowerAscii(text), column)}) > 0`,
  now: sql`clock_timestamp()`,
  failure: failureOfPostgres,
};
