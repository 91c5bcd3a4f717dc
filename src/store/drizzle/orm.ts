import type * as Module from "drizzle-orm";
import { load } from "./load.ts";

export const {
  DrizzleQueryError,
  and,
  asc,
  count,
  desc,
  eq,
  exists,
  getTableColumns,
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
} = load<typeof Module>("drizzle-orm");
