import { type Networks, plainAddress } from "../../lib/net/networks.ts";

interface Seen {
  /** Who is at the other end of the connection. */
  readonly peer: string;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly isSecure: boolean;
  /** What stood before the path, for a proxy that passes it on. */
  readonly pathPrefix: string;
}

/**
 * How the caller reaches this server: `https://windlass.example.com` or, below a path, `https://example.com/windlass`. A trusted
 * proxy is believed about the scheme and the host that it was asked with; whoever lies about them misleads only themselves.
 */
export function originOf({ peer, headers, isSecure, pathPrefix }: Seen, proxies: Networks): string {
  const isTold = proxies.has(plainAddress(peer));
  const scheme = (isTold ? schemeIn(headers) : undefined) ?? (isSecure ? "https" : "http");
  const own = lastOf(headers[":authority"]) ?? lastOf(headers.host) ?? "localhost";
  const host = (isTold ? lastOf(headers["x-forwarded-host"]) : undefined) ?? own;
  const origin = `${scheme}://${host}`;
  return `${URL.canParse(origin) ? new URL(origin).origin : `${scheme}://${own}`}${pathPrefix}`;
}

/**
 * The same, over TLS when the host that was asked is that of an `https` `--public-url`: a proxy that ends TLS mostly passes the host on,
 * and says nothing of the scheme.
 */
export function asPublished(origin: string, publicUrl: string | undefined): string {
  if (publicUrl === undefined || !publicUrl.startsWith("https:")) return origin;
  const { host } = new URL(publicUrl);
  const asked = new URL(origin.replace(/^http:/, "https:"));
  return asked.host === host ? `${publicUrl}${asked.pathname === "/" ? "" : asked.pathname}` : origin;
}

function schemeIn(headers: Seen["headers"]): string | undefined {
  const told =
    lastOf(headers["x-forwarded-proto"]) ?? /(?:^|[;,\s])proto="?(https?)/i.exec(lastOf(headers.forwarded) ?? "")?.[1];
  const scheme = told?.toLowerCase();
  return scheme === "http" || scheme === "https" ? scheme : undefined;
}

/** The last of several values: the nearest proxy added it. */
function lastOf(value: string | readonly string[] | undefined): string | undefined {
  const text = typeof value === "object" ? value.at(-1) : value;
  const last = text?.split(",").at(-1)?.trim();
  return last === "" ? undefined : last;
}
