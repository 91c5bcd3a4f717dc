import { isIP } from "node:net";
import { type Networks, plainAddress } from "../../lib/net/networks.ts";

/** Which header of a trusted proxy is read: with `auto` X-Forwarded-For, and Forwarded only where the former is not there. */
export type ForwardedHeader = "auto" | "x-forwarded-for" | "forwarded";

interface Hops {
  /** Who is at the other end of the connection. */
  readonly peer: string;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
}

interface Trust {
  readonly proxies: Networks;
  readonly header: ForwardedHeader;
}

/** A chain of proxies that all are trusted is not followed further. */
const mostHops = 32;

/**
 * The address of whoever called, as far as it can be believed: a trusted proxy is believed about the one before it, from the
 * last hop to the first. A hop that is `unknown`, hidden or no address leaves the proxy that said so. Whatever a caller writes
 * into the headers stands before what its proxy adds, and is never reached.
 */
export function callerAddress({ peer, headers }: Hops, { proxies, header }: Trust): string {
  let address = plainAddress(peer);
  if (!proxies.has(address)) return address;
  let hops = 0;
  for (const hop of hopsOf(headers, header)) {
    if (hop === undefined || ++hops > mostHops) return address;
    address = hop;
    if (!proxies.has(address)) return address;
  }
  return address;
}

/** From the last to the first; undefined is a hop that names no address. */
function hopsOf(headers: Hops["headers"], wanted: ForwardedHeader): Iterable<string | undefined> {
  const [listed, described] = [textOf(headers["x-forwarded-for"]), textOf(headers.forwarded)];
  if (wanted === "x-forwarded-for" || (wanted === "auto" && listed !== "")) return listedHops(listed);
  return describedHops(described);
}

const textOf = (value: string | readonly string[] | undefined): string =>
  typeof value === "object" ? value.join(",") : (value ?? "");

/** Of X-Forwarded-For. */
function* listedHops(text: string): Generator<string | undefined> {
  for (const item of fromTheEnd(text, ",", "")) {
    if (item !== "") yield addressIn(item);
  }
}

/** Of Forwarded (RFC 7239). */
function* describedHops(text: string): Generator<string | undefined> {
  for (const element of fromTheEnd(text, ",", '"')) {
    if (element !== "") yield forIn(element);
  }
}

/** What its `for` names; undefined without one, or with two. */
function forIn(element: string): string | undefined {
  const values = [...fromTheEnd(element, ";", '"')].flatMap((pair) => {
    const [, name, value] = /^([^=\s]+)=(.*)$/s.exec(pair) ?? [];
    return name?.toLowerCase() === "for" ? [value ?? ""] : [];
  });
  const [value, ...more] = values;
  return value === undefined || more.length > 0 ? undefined : addressIn(unquoted(value));
}

const unquoted = (value: string): string =>
  /^".*"$/s.test(value) ? value.slice(1, -1).replace(/\\(.)/gs, "$1") : value;

/**
 * The parts from the last to the first. What stands in quotes is not cut; quotes are paired from the end, so that one that a
 * caller leaves open hides nothing of what a proxy adds.
 */
function* fromTheEnd(text: string, separator: string, quote: string): Generator<string> {
  let end = text.length;
  let isQuoted = false;
  for (let at = text.length - 1; at >= 0; at--) {
    if (text[at] === quote) isQuoted = !isQuoted;
    if (isQuoted || text[at] !== separator) continue;
    yield text.slice(at + 1, end).trim();
    end = at;
  }
  if (text !== "") yield text.slice(0, end).trim();
}

/** `192.0.2.7`, `192.0.2.7:4711`, `2001:db8::7`, `[2001:db8::7]` or `[2001:db8::7]:4711`; a port may be hidden (`:_p`). */
function addressIn(text: string): string | undefined {
  const [, bracketed, plain] = /^(?:\[([^\]]*)\](?::[\w.-]+)?|([\d.]+):[\w.-]+)$/.exec(text) ?? [];
  const address = bracketed ?? plain ?? text;
  return isIP(address) === 0 ? undefined : plainAddress(address);
}
