import type * as Module from "drizzle-orm";
import { load } from "./load.ts";

export const {
  DrizzleQueryError,
  and,
  asc,
  count,
  desc,
  eq,
  getTableColumns,
  gte,
  inArray,
  isNull,
  lt,
  lte,
  min,
  ne,
  or,
  sql,
} = load<typeof Module>("drizzle-orm");
