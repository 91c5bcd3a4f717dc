import type { Db } from "../engine/boundary.ts";
import type { Dialect } from "../engine/dialect.ts";
import type { SeenRows } from "../engine/seen-rows.ts";
import type { Tables } from "../tables/tables.ts";

/** What every query module is built from, once per connection. */
export interface QueryContext {
  readonly db: Db;
  readonly t: Tables;
  readonly dialect: Dialect;
  /** What the transaction of this connection has read. */
  readonly seen: SeenRows;
}
