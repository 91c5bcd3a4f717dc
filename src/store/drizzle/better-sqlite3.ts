import type * as Module from "drizzle-orm/better-sqlite3";
import { load } from "./load.ts";

export const { drizzle } = load<typeof Module>("drizzle-orm/better-sqlite3");
