import type * as Module from "drizzle-orm/node-postgres";
import { load } from "./load.ts";

export const { drizzle } = load<typeof Module>("drizzle-orm/node-postgres");
