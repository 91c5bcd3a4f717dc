import type * as Module from "drizzle-orm/migrator";
import { load } from "./load.ts";

export const { readMigrationFiles } = load<typeof Module>("drizzle-orm/migrator");
