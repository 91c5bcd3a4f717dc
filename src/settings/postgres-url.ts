import { readDatabaseUrl } from "../lib/net/database-url.ts";
import { parsed, type SettingSchema } from "../lib/setting-schemas.ts";

const expected =
  "a PostgreSQL URL such as postgres://user:password@host:5432/name, in which special characters of the password are " +
  "written as %23 for #, %40 for @, %2F for /, %3A for :, %3F for ? and %25 for %";

/** The URL of a PostgreSQL database that can be read in one way only. It holds a password: messages never show it. */
export const postgresUrl = (): SettingSchema<string> => ({
  ...parsed(expected, (value) => (readDatabaseUrl(value).kind === "address" ? value : undefined), "URL"),
  why: (value) => {
    const read = readDatabaseUrl(value);
    return read.kind === "problem" ? read.problem : undefined;
  },
});
