/**
 * The only file of the store that asserts a type instead of proving it: queries are written against PostgreSQL's types,
 * and SQLite's builders have the same shape at run time. `src/store/queries/index.ts` lists what queries must keep to
 * for that to hold.
 */
import type { BetterSQLite3Database } from "drizzle-orm/better-sqlite3";
import type { NodePgDatabase } from "drizzle-orm/node-postgres";
import type {
  AnyPgColumn,
  PgDatabase,
  PgInsertValue,
  PgQueryResultHKT,
  PgTable,
  PgUpdateSetSource,
} from "drizzle-orm/pg-core";
import { getTableColumns, getTableName, sql } from "../drizzle/orm.ts";
import type { Kit } from "./kit.ts";
import { sqliteKit } from "./kit-sqlite.ts";

/** The drivers disagree on what a statement without `returning` gives. */
interface NoResult extends PgQueryResultHKT {
  type: undefined;
}

/** The part of drizzle's database that both engines share. */
export type Db = Pick<PgDatabase<NoResult>, "select" | "selectDistinct" | "insert" | "update" | "delete">;

/** Every assertion of the store goes through here. */
export const asserted = <T>(value: unknown): T => value as T;

export const kitOfSqlite: Kit = asserted(sqliteKit);
export const dbOfSqlite = (db: BetterSQLite3Database): Db => asserted(db);
export const dbOfPostgres = (db: NodePgDatabase): Db => asserted(db);

/** `values(…)` of a prepared insert: every column of `table` as a placeholder of the same name. */
export function placeholdersOf<T extends PgTable>(table: T): PgInsertValue<T> {
  const names = Object.keys(getTableColumns(table));
  return asserted(Object.fromEntries(names.map((name) => [name, sql.placeholder(name)])));
}

/**
 * `set(…)` of a prepared update of whole rows: every column but `id` as a placeholder of the same name, encoded by its
 * column.
 */
export function slotsOf<T extends PgTable>(table: T): PgUpdateSetSource<T> {
  const columns = Object.entries(getTableColumns(table)).filter(([name]) => name !== "id");
  const slots = columns.map(([name, column]) => [name, sql`${sql.param(sql.placeholder(name), column)}`]);
  return asserted(Object.fromEntries(slots));
}

/** Some of these columns alone. */
export function someSlotsOf<T extends PgTable>(table: T, names: readonly string[]): PgUpdateSetSource<T> {
  const slots = asserted<Readonly<Record<string, unknown>>>(slotsOf(table));
  return asserted(Object.fromEntries(names.map((name) => [name, slots[name]])));
}

export type AnyTable = PgTable;

/** Its name in the database. */
export const tableNameOf = (table: PgTable): string => getTableName(table);

const columnLists = new WeakMap<PgTable, readonly (readonly [string, AnyPgColumn])[]>();

/** Its columns by their names in rows. */
export function columnsOf(table: PgTable): readonly (readonly [string, AnyPgColumn])[] {
  const known = columnLists.get(table) ?? Object.entries(getTableColumns(table));
  columnLists.set(table, known);
  return known;
}

/** A table whose rows have an id. */
export type TableWithId = PgTable & { readonly id: AnyPgColumn<{ data: string; notNull: true }> };

/** A column of a table, by its name in rows. */
export function columnOf<T extends PgTable>(table: T, name: keyof T["$inferSelect"] & string): AnyPgColumn {
  const column = getTableColumns(table)[name];
  if (column === undefined) throw new Error(`the table has no column ${name}`);
  return column;
}

/** What `select()` of the whole table gives: drizzle's own type is not resolved for a table that is a parameter. */
export const rowsOf = <T extends PgTable>(rows: readonly unknown[]): T["$inferSelect"][] => asserted(rows);

/** `select()` of a whole table that is a parameter: give what it finds to `rowsOf`. */
export const wholeRows = (db: Db, table: PgTable) => db.select().from(table);
