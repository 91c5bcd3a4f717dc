import type * as Module from "drizzle-orm/sqlite-core";
import { load } from "./load.ts";

export const { check, customType, foreignKey, index, primaryKey, sqliteTable, unique, uniqueIndex } =
  load<typeof Module>("drizzle-orm/sqlite-core");
