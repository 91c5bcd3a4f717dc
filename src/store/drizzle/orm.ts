import { createRequire } from "node:module";
import type * as Orm from "drizzle-orm";
import type * as PgCore from "drizzle-orm/pg-core";
import type * as SqliteCore from "drizzle-orm/sqlite-core";

const require = createRequire(import.meta.url);

/**
 * Loads a part of drizzle in its CommonJS form. As ES modules its hundreds of files take 1.5 s of CPU, because Node looks
 * up the package's export map of 180 kB again for each of them; this way they take 0.1 s.
 */
export const load = <Module>(name: string): Module => require(name) as Module;

export const {
  DrizzleQueryError,
  and,
  asc,
  count,
  countDistinct,
  desc,
  eq,
  exists,
  getTableColumns,
  getTableName,
  gt,
  gte,
  inArray,
  isNotNull,
  isNull,
  lt,
  lte,
  min,
  ne,
  not,
  or,
  sql,
  sum,
} = load<typeof Orm>("drizzle-orm");

/** What PostgreSQL's tables are made of. */
export const pgCore = load<typeof PgCore>("drizzle-orm/pg-core");
/** The same for SQLite. */
export const sqliteCore = load<typeof SqliteCore>("drizzle-orm/sqlite-core");
