import { createRequire } from "node:module";
import type * as Orm from "drizzle-orm";
import type * as PgCore from "drizzle-orm/pg-core";
import type * as SqliteCore from "drizzle-orm/sqlite-core";

const require = createRequire(import.meta.url);

// As ES modules drizzle's hundreds of files take 1.5 s of CPU, because Node looks up the package's export map of 180 kB
// again for each of them; in their CommonJS form they take 0.1 s.
const orm: typeof Orm = require("drizzle-orm");

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
  notInArray,
  or,
  sql,
  sum,
} = orm;

/** What PostgreSQL's tables are made of. */
export const pgCore: typeof PgCore = require("drizzle-orm/pg-core");
/** The same for SQLite. */
export const sqliteCore: typeof SqliteCore = require("drizzle-orm/sqlite-core");
