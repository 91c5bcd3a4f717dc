import { createRequire } from "node:module";
import type Pg from "pg";

const require = createRequire(import.meta.url);

/** The driver of PostgreSQL. It is loaded when it is first asked for: with SQLite it is not needed. */
export const postgresDriver = (): typeof Pg => require("pg");
