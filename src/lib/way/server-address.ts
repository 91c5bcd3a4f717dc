import { isIP } from "node:net";
import { pathPrefixOf } from "../net/path-prefix.ts";

/** Where a server listens. */
export interface ServerAddress {
  readonly isSecure: boolean;
  /** A name in lower case or an IP address, without brackets. */
  readonly host: string;
  readonly port: number;
  /** As the `:authority` of HTTP/2 has it: with brackets around IPv6, and without the port that goes without saying. */
  readonly authority: string;
  /** Stands before the path of each call; empty is none. */
  readonly prefix: string;
}

/** Reads `http://host:port` or `https://host[:port]`, either with a path; undefined for anything else. */
export function serverAddress(text: string): ServerAddress | undefined {
  const url = URL.parse(text);
  if (url === null || (url.protocol !== "http:" && url.protocol !== "https:")) return undefined;
  const prefix = pathPrefixOf(url.pathname);
  if (prefix === undefined || url.search !== "" || url.hash !== "" || url.username !== "" || url.password !== "") {
    return undefined;
  }
  const isSecure = url.protocol === "https:";
  const port = url.port === "" ? (isSecure ? 443 : 80) : Number(url.port);
  return { isSecure, host: url.hostname.replace(/^\[|\]$/g, ""), port, authority: url.host, prefix };
}

/** `host:port`, with brackets around IPv6. */
export const hostPort = (host: string, port: number): string =>
  isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`;

/** True for `localhost`, names below it and addresses that never leave this machine. */
export const isLoopback = (host: string): boolean =>
  /^((.+\.)?localhost\.?|127(\.\d+){3}|::1|::ffff:7f[0-9a-f]{2}:[0-9a-f]{1,4})$/i.test(host);
