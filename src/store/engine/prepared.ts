import { createHash } from "node:crypto";
import type { SQL } from "drizzle-orm";
import type { AnyPgColumn } from "drizzle-orm/pg-core";
import { sql } from "../drizzle/orm.ts";

type Params = Readonly<Record<string, unknown>>;

/** A parameter of a prepared query: typed against a column and encoded by it. Fits `eq`, `set` and `sql`. */
export type Slot<P extends Params> = <K extends keyof P & string>(
  name: K,
  column: AnyPgColumn<{ data: NonNullable<P[K]> }>,
) => SQL<P[K]>;

export interface Preparable<R> {
  toSQL(): { readonly sql: string };
  prepare(name: string): { execute(values?: Record<string, unknown>): Promise<R> };
}

/**
 * A query that is built once per connection, at its first call, and then only run:
 * `prepared<{ id: RunId }>()((slot) => …)`. Its name on PostgreSQL is made of its text, so that no two have one.
 */
export const prepared =
  <P extends Params>() =>
  <R>(build: (slot: Slot<P>) => Preparable<R>): ((params: P) => Promise<R>) => {
    const slot: Slot<P> = (slotName, column) => sql`${sql.param(sql.placeholder(slotName), column)}`;
    let statement: ReturnType<Preparable<R>["prepare"]> | undefined;
    return (params) => {
      statement ??= named(build(slot));
      return statement.execute(params);
    };
  };

const named = <R>(query: Preparable<R>): ReturnType<Preparable<R>["prepare"]> =>
  query.prepare(createHash("sha256").update(query.toSQL().sql).digest("hex").slice(0, 32));
