import { parsed, type SettingSchema } from "../lib/setting-schemas.ts";

const expected =
  "a PostgreSQL URL such as postgres://user:password@host:5432/name, in which special characters of the password are " +
  "written as %23 for #, %40 for @, %2F for /, %3A for :, %3F for ? and %25 for %";

/** The URL of a PostgreSQL database that can be read in one way only. It holds a password: messages never show it. */
export const postgresUrl = (): SettingSchema<string> =>
  parsed(expected, (value) => (isPostgresUrl(value) ? value : undefined), "URL");

/** A character of the password that is not escaped ends the part that it stands in: then there is an @ behind the host. */
function isPostgresUrl(value: string): boolean {
  if (!/^postgres(ql)?:\/\//.test(value) || !URL.canParse(value)) return false;
  const { username, password, pathname, search, hash } = new URL(value);
  return hash === "" && !/@/.test(pathname + search) && [username, password, pathname].every(isEscaped);
}

function isEscaped(part: string): boolean {
  try {
    decodeURIComponent(part);
    return true;
  } catch {
    return false;
  }
}
