import type { Db } from "../boundary.ts";
import type { Dialect } from "../dialect.ts";
import type { Tables } from "../tables.ts";

/** What every query module is built from, once per connection. */
export interface QueryContext {
  readonly db: Db;
  readonly t: Tables;
  readonly dialect: Dialect;
}
