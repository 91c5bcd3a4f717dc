import type * as Module from "drizzle-orm/node-postgres/migrator";
import { load } from "./load.ts";

export const { migrate } = load<typeof Module>("drizzle-orm/node-postgres/migrator");
