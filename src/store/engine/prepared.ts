import type { SQL } from "drizzle-orm";
import type { AnyPgColumn, PgTable } from "drizzle-orm/pg-core";
import { sql } from "../drizzle/orm.ts";
import { type Db, placeholdersOf, type WholeRow } from "./boundary.ts";

type Params = Readonly<Record<string, unknown>>;

/** A parameter of a prepared query: typed against a column and encoded by it. Fits `eq`, `set` and `sql`. */
export type Slot<P extends Params> = <K extends keyof P & string>(
  name: K,
  column: AnyPgColumn<{ data: NonNullable<P[K]> }>,
) => SQL<P[K]>;

interface Preparable<R> {
  prepare(name: string): { execute(values?: Record<string, unknown>): Promise<R> };
}

/**
 * A query that is built once per connection and then only run: `prepared<{ id: RunId }>()("run_get", (slot) => …)`.
 * The name is the statement's name on PostgreSQL and must be unique in the store. It is built at the first call.
 */
export const prepared =
  <P extends Params>() =>
  <R>(name: string, build: (slot: Slot<P>) => Preparable<R>): ((params: P) => Promise<R>) => {
    const slot: Slot<P> = (slotName, column) => sql`${sql.param(sql.placeholder(slotName), column)}`;
    let statement: ReturnType<Preparable<R>["prepare"]> | undefined;
    return (params) => {
      statement ??= build(slot).prepare(name);
      return statement.execute(params);
    };
  };

/** A prepared insert of whole rows into `table`. */
export function preparedInsert<T extends PgTable>(db: Db, name: string, table: T): (row: WholeRow<T>) => Promise<void> {
  let statement: ReturnType<Preparable<unknown>["prepare"]> | undefined;
  return async (row) => {
    statement ??= db.insert(table).values(placeholdersOf(table)).prepare(name);
    await statement.execute(row);
  };
}
