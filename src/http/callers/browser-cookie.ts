import { isLoopback } from "../../lib/way/server-address.ts";
import { WindlassError } from "../../lib/words/errors.ts";

/** Browsers give it to nobody but the host that set it, over TLS. Source: RFC 6265bis, 4.1.3.2. */
const secureName = "__Host-windlass";

/**
 * The name of the cookie of a page's origin. Without TLS browsers refuse the prefix; and cookies do not tell ports apart, so
 * that two servers on this machine need two names.
 */
const nameFor = (origin: string): string => {
  const { protocol, hostname, port } = new URL(origin);
  return protocol === "http:" && isThisMachine(hostname) ? `windlass-${port === "" ? "80" : port}` : secureName;
};

const isThisMachine = (hostname: string): boolean => isLoopback(hostname.replace(/^\[|\]$/g, ""));

/** True if a page of this origin may be signed in: nobody on the way reads its cookie. */
export const mayHoldCookie = (origin: string): boolean => {
  const { protocol, hostname } = new URL(origin);
  return protocol === "https:" || isThisMachine(hostname);
};

const attributes = "Path=/; HttpOnly; SameSite=Lax";

/** A header that gives a browser the cookie, until it is closed or the session ends. */
export const cookieOf = (origin: string, secret: string): string => withAttributes(origin, secret, "");

/** A header that takes it away. */
export const noCookie = (origin: string): string => withAttributes(origin, "", "; Max-Age=0");

const withAttributes = (origin: string, value: string, more: string): string => {
  const name = nameFor(origin);
  return `${name}=${value}; ${attributes}${name === secureName ? "; Secure" : ""}${more}`;
};

/**
 * What the cookie says; undefined without one. Origins are those under which the server is known. Refuses two that differ:
 * nobody knows which one is ours.
 */
export function secretIn(cookies: string | null, origins: readonly string[]): string | undefined {
  const pairs = (cookies ?? "").split(";").map((pair) => pair.trim());
  for (const name of new Set(origins.map(nameFor))) {
    const values = new Set(
      pairs.filter((pair) => pair.startsWith(`${name}=`)).map((pair) => pair.slice(name.length + 1)),
    );
    if (values.size > 1) {
      throw new WindlassError("token_invalid", `the call has ${values.size} cookies ${name}: sign in again`);
    }
    for (const value of values) if (value !== "") return value;
  }
  return undefined;
}
