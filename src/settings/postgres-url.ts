import { didYouMean } from "../lib/did-you-mean.ts";
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
    return read.kind === "problem" ? (read.problem ?? whySchemeIsWrong(value) ?? whyHostsAreWrong(value)) : undefined;
  },
});

const schemes = ["postgres", "postgresql"];

/** Shown is only what looks like a scheme before a slash: anything else may be a user with a password. */
function whySchemeIsWrong(text: string): string | undefined {
  if (/^jdbc:postgres(ql)?:/.test(text)) return "jdbc: is of Java: leave it out, the URL begins with postgresql://";
  if (/^postgres(ql)?:\/\//i.test(text))
    return /^postgres(ql)?:/.test(text) ? undefined : "the scheme is written in small letters: postgres://";
  const scheme = /^([a-z][a-z0-9+.-]{0,19}):\//.exec(text)?.[1];
  if (scheme !== undefined && !schemes.includes(scheme)) {
    const near = didYouMean(scheme, schemes);
    return `the scheme is ${scheme}${near === "" ? ": expected postgres, as in postgres://user@host:5432/name" : near}`;
  }
  const known = /^(postgres(?:ql)?):/.exec(text)?.[1];
  return known === undefined ? undefined : `expected two slashes after ${known}:, as in postgres://user@host:5432/name`;
}

/**
 * Hosts that cannot be read. With an `@` behind them they may be a part of the password, and nothing is said of them; without one
 * before them nothing of them is shown.
 */
function whyHostsAreWrong(text: string): string | undefined {
  const [, login, hosts = ""] = /^postgres(?:ql)?:\/\/([^/?#]*@)?([^/?#@]*)(?:[/?#][^@]*)?$/.exec(text) ?? [];
  for (const host of hosts.split(",")) {
    const why = whyPortIsWrong(host, login !== undefined);
    if (why !== undefined) return why;
  }
  return undefined;
}

function whyPortIsWrong(host: string, isShown: boolean): string | undefined {
  const [, name = "", port = ""] = /^(\[[^\]]*\]|[^[\]:]*):(.*)$/.exec(host) ?? [];
  if (!name.startsWith("[") && port.includes(":"))
    return "an address with colons stands in brackets, such as postgres://user@[::1]:5432/name";
  const isNumber = /^\d{1,10}$/.test(port);
  if (port === "" || (isNumber && Number(port) >= 1 && Number(port) <= 65_535)) return undefined;
  if (!isNumber || !isShown) return "the port is no number from 1 to 65535";
  return Number(port) === 0 ? "port 0 is none: expected 1 to 65535" : `port ${Number(port)} is above 65535`;
}
