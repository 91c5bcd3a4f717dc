import type * as Module from "drizzle-orm/pg-core";
import { load } from "./load.ts";

export const { check, customType, foreignKey, index, pgTable, primaryKey, unique, uniqueIndex } =
  load<typeof Module>("drizzle-orm/pg-core");
