// biome-ignore-all lint/suspicious/noDeprecatedImports: only the positional form of primaryKey is deprecated.

import { sqliteCore } from "../drizzle/orm.ts";
import { checkedInstant, checkedInteger, checkedJson, checkedText } from "./codec.ts";

const { check, customType, foreignKey, index, primaryKey, sqliteTable, unique, uniqueIndex } = sqliteCore;

const text = customType<{ data: string; driverData: string }>({ dataType: () => "text", toDriver: checkedText });
const int = customType<{ data: number; driverData: number }>({ dataType: () => "integer", toDriver: checkedInteger });
const bool = customType<{ data: boolean; driverData: number | null }>({
  dataType: () => "integer",
  toDriver: (value: boolean | null) => (value === null ? null : Number(value)),
  fromDriver: (value) => value === 1,
});
const instant = customType<{ data: Date; driverData: number | null }>({
  dataType: () => "integer",
  toDriver: (value: Date | null) => (value === null ? null : checkedInstant(value).getTime()),
  fromDriver: (value) => new Date(value ?? Number.NaN),
});
const bytes = customType<{ data: Uint8Array; driverData: Uint8Array }>({
  dataType: () => "blob",
  fromDriver: (value) => new Uint8Array(value.buffer, value.byteOffset, value.byteLength),
});
const json = customType<{ data: unknown; driverData: string | null }>({
  dataType: () => "text",
  toDriver: checkedJson,
  fromDriver: (value): unknown => JSON.parse(value ?? "null"),
});

/** SQLite's side of `postgresKit`: instants are milliseconds since 1970, booleans 0 and 1, JSON text. */
export const sqliteKit = {
  table: sqliteTable,
  text: (name: string) => text(name),
  int: (name: string) => int(name),
  bool: (name: string) => bool(name),
  instant: (name: string) => instant(name),
  bytes: (name: string) => bytes(name),
  json: (name: string) => json(name),
  primaryKey,
  foreignKey,
  unique,
  index,
  uniqueIndex,
  check,
};
