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
 * `prepared<{ id: RunId }>()((slot) => …)`. Its name on PostgreSQL is made of its text, so that no two have one. `tellText` is told
 * the text before it is run for the first time.
 */
export const prepared =
  <P extends Params>() =>
  <R>(
    build: (slot: Slot<P>) => Preparable<R>,
    tellText: (text: string) => void = () => {},
  ): ((params: P) => Promise<R>) => {
    const slot: Slot<P> = (slotName, column) => sql`${sql.param(sql.placeholder(slotName), column)}`;
    let statement: ReturnType<Preparable<R>["prepare"]> | undefined;
    return (params) => {
      statement ??= named(build(slot), tellText);
      return statement.execute(params);
    };
  };

function named<R>(query: Preparable<R>, tellText: (text: string) => void): ReturnType<Preparable<R>["prepare"]> {
  const text = query.toSQL().sql;
  tellText(text);
  return query.prepare(createHash("sha256").update(text).digest("hex").slice(0, 32));
}
