import type * as Module from "drizzle-orm/better-sqlite3/migrator";
import { load } from "./load.ts";

export const { migrate } = load<typeof Module>("drizzle-orm/better-sqlite3/migrator");
