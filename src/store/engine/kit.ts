// biome-ignore-all lint/suspicious/noDeprecatedImports: only the positional form of primaryKey is deprecated.

import { pgCore } from "../drizzle/orm.ts";
import { checkedInstant, checkedInteger, checkedJson, checkedText } from "./codec.ts";

const { check, customType, foreignKey, index, pgTable, primaryKey, unique, uniqueIndex } = pgCore;

// Own codecs: drizzle's crash on a null that comes through a placeholder. The collation makes text sort as SQLite sorts it.
const text = customType<{ data: string; driverData: string }>({
  dataType: () => 'text COLLATE "C"',
  toDriver: checkedText,
});
const int = customType<{ data: number; driverData: number | string }>({
  dataType: () => "bigint",
  toDriver: checkedInteger,
  fromDriver: Number,
});
const bool = customType<{ data: boolean; driverData: boolean }>({ dataType: () => "boolean" });
const instant = customType<{ data: Date; driverData: string | null }>({
  dataType: () => "timestamp (3) with time zone",
  toDriver: (value: Date | null) => (value === null ? null : checkedInstant(value).toISOString()),
  fromDriver: (value) => new Date(value ?? Number.NaN),
});
const bytes = customType<{ data: Uint8Array; driverData: Uint8Array }>({
  dataType: () => "bytea",
  fromDriver: (value) => new Uint8Array(value.buffer, value.byteOffset, value.byteLength),
});
const json = customType<{ data: unknown; driverData: unknown }>({
  dataType: () => "json",
  toDriver: checkedJson,
});

/** The columns and constraints that tables are made of, for PostgreSQL. Text sorts by code point on both engines. */
export const postgresKit = {
  table: pgTable,
  text: <T extends string = string>(name: string) => text(name).$type<T>(),
  /** A whole number within ±(2^53 - 1). */
  int: <T extends number = number>(name: string) => int(name).$type<T>(),
  bool: (name: string) => bool(name),
  /** A `Date`, to the millisecond. */
  instant: (name: string) => instant(name),
  /** A `Uint8Array`, never a `Buffer`. */
  bytes: (name: string) => bytes(name),
  /** A JSON value; neither ordered nor compared. */
  json: <T>(name: string) => json(name).$type<T>(),
  primaryKey,
  foreignKey,
  unique,
  index,
  uniqueIndex,
  check,
};

/** What a table definition is written against; PostgreSQL's kit gives the type, SQLite's has the same members. */
export type Kit = typeof postgresKit;
