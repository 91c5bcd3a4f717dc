import { isIPv4, isIPv6 } from "node:net";
import { plainAddress } from "../lib/net/networks.ts";

/** What the beginning of a connection says. */
export type ProxyHeader =
  /** More bytes are needed. */
  | { readonly kind: "partial" }
  | { readonly kind: "refused"; readonly why: string }
  /** `source` is undefined if the proxy speaks for itself (LOCAL), or for a caller without an IP address. */
  | { readonly kind: "header"; readonly bytes: number; readonly source: string | undefined };

/** Source of both forms: https://www.haproxy.org/download/2.6/doc/proxy-protocol.txt, 2.1 and 2.2. */
const signature = Buffer.from("\r\n\r\n\0\r\nQUIT\n", "latin1");
const word = Buffer.from("PROXY ", "latin1");
/** Longest line of version 1, by its definition. */
const maxLineBytes = 107;
/** Longest header of version 2 that is read, extensions included; nginx takes as much. */
export const maxProxyHeaderBytes = 4096;
const fixedBytes = 16;

const refused = (why: string): ProxyHeader => ({ kind: "refused", why });

/** Reads the header of the PROXY protocol, version 1 or 2, that a connection begins with. Extensions are passed over. */
export function readProxyHeader(bytes: Buffer): ProxyHeader {
  if (beginsWith(bytes, signature)) return bytes.length < fixedBytes ? { kind: "partial" } : readBinary(bytes);
  if (beginsWith(bytes, word)) return bytes.length < word.length ? { kind: "partial" } : readLine(bytes);
  return refused("it does not begin with a PROXY protocol header");
}

/** As far as there are bytes. */
function beginsWith(bytes: Buffer, start: Buffer): boolean {
  const length = Math.min(bytes.length, start.length);
  return bytes.compare(start, 0, length, 0, length) === 0;
}

function readLine(bytes: Buffer): ProxyHeader {
  const end = bytes.subarray(0, maxLineBytes).indexOf("\r\n");
  if (end < 0)
    return bytes.length < maxLineBytes ? { kind: "partial" } : refused(`its line has over ${maxLineBytes} bytes`);
  const [, family, source = "", target = "", ...ports] = bytes.toString("latin1", 0, end).split(" ");
  const header = (address?: string): ProxyHeader => ({ kind: "header", bytes: end + 2, source: address });
  if (family === "UNKNOWN") return header();
  const isAddress = family === "TCP4" ? isIPv4 : family === "TCP6" ? isIPv6 : () => false;
  if (!isAddress(source) || !isAddress(target) || ports.length !== 2 || !ports.every(isPort))
    return refused("its line is not understood");
  return header(plainAddress(source));
}

const isPort = (text: string): boolean => /^(0|[1-9]\d{0,4})$/.test(text) && Number(text) <= 65_535;

const inet = 0x1;
const inet6 = 0x2;

function readBinary(bytes: Buffer): ProxyHeader {
  const [version, command] = [bytes.readUInt8(12) >> 4, bytes.readUInt8(12) & 0xf];
  if (version !== 2) return refused(`its version is ${version}`);
  if (command > 1) return refused(`its command is ${command}`);
  const length = fixedBytes + bytes.readUInt16BE(14);
  if (length > maxProxyHeaderBytes) return refused(`it has ${length} bytes: at most ${maxProxyHeaderBytes} are taken`);
  if (bytes.length < length) return { kind: "partial" };
  if (command === 0) return { kind: "header", bytes: length, source: undefined };
  return readAddress(bytes.subarray(fixedBytes, length), { family: bytes.readUInt8(13) >> 4, length });
}

/** Callers that come through a UNIX socket, or through what nobody knows, have no address. */
function readAddress(
  body: Buffer,
  { family, length }: { readonly family: number; readonly length: number },
): ProxyHeader {
  const needed = family === inet ? 12 : family === inet6 ? 36 : 0;
  if (body.length < needed) return refused("its addresses are cut off");
  const source = family === inet ? [...body.subarray(0, 4)].join(".") : family === inet6 ? textOf(body) : undefined;
  return { kind: "header", bytes: length, source };
}

/** In the shortest form, as sockets have it. */
function textOf(body: Buffer): string {
  const groups = Array.from({ length: 8 }, (_, index) => body.readUInt16BE(2 * index).toString(16));
  const { hostname } = new URL(`http://[${groups.join(":")}]`);
  return mappedIn(body) ?? hostname.slice(1, -1);
}

/** `10.0.0.1` of `::ffff:10.0.0.1`. */
const mappedIn = (body: Buffer): string | undefined =>
  body.subarray(0, 10).every((byte) => byte === 0) && body.readUInt16BE(10) === 0xffff
    ? [...body.subarray(12, 16)].join(".")
    : undefined;
