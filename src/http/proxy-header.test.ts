import { describe, expect, test } from "vitest";
import { binaryHeader } from "../../test/support/proxy-header.ts";
import { maxProxyHeaderBytes, readProxyHeader } from "./proxy-header.ts";

const read = (text: string) => readProxyHeader(Buffer.from(text, "latin1"));
const line = "PROXY TCP4 192.0.2.7 10.0.0.1 4711 443\r\n";

describe("version 1", () => {
  test.each([
    ["TCP4", line, "192.0.2.7"],
    ["TCP6", "PROXY TCP6 2001:db8::7 fd00::1 4711 443\r\n", "2001:db8::7"],
    ["UNKNOWN", "PROXY UNKNOWN\r\n", undefined],
    ["UNKNOWN with words", "PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n", undefined],
  ])("%s", (_, text, source) => {
    expect(read(`${text}PRI * HTTP/2.0`)).toEqual({ kind: "header", bytes: text.length, source });
  });

  test.each([
    "PROXY TCP4 2001:db8::7 10.0.0.1 4711 443\r\n",
    "PROXY TCP4 192.0.2.7 10.0.0.1 4711\r\n",
    "PROXY TCP4 192.0.2.7 10.0.0.1 4711 65536\r\n",
    "PROXY TCP4 192.0.2.7 10.0.0.1 04711 443\r\n",
    "PROXY TCP4 192.0.2.7  10.0.0.1 4711 443\r\n",
    "PROXY UDP4 192.0.2.7 10.0.0.1 4711 443\r\n",
    "PROXY TCP4 192.0.2.999 10.0.0.1 4711 443\r\n",
    `PROXY ${"x".repeat(200)}\r\n`,
    "GET / HTTP/1.1\r\n\r\n",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "\x16\x03\x01\x02\x00\x01",
    "proxy TCP4 192.0.2.7 10.0.0.1 4711 443\r\n",
  ])("%j is refused", (text) => {
    expect(read(text).kind).toBe("refused");
  });
});

describe("version 2", () => {
  test("names an IPv4 or IPv6 address, and has extensions that are passed over", () => {
    const four = binaryHeader({ source: "192.0.2.7" });
    expect(readProxyHeader(four)).toEqual({ kind: "header", bytes: 28, source: "192.0.2.7" });
    const six = binaryHeader({ source: "2001:db8:0:0:0:0:0:7", extensions: Buffer.alloc(500) });
    expect(readProxyHeader(Buffer.concat([six, Buffer.from("PRI")]))).toEqual({
      kind: "header",
      bytes: 16 + 36 + 500,
      source: "2001:db8::7",
    });
    expect(readProxyHeader(binaryHeader({ source: "0:0:0:0:0:ffff:c000:207" }))).toMatchObject({ source: "192.0.2.7" });
  });

  test("LOCAL, UNIX and unspecified callers have no address", () => {
    const local = binaryHeader({ source: "192.0.2.7", command: 0 });
    expect(readProxyHeader(local)).toEqual({ kind: "header", bytes: 28, source: undefined });
    expect(readProxyHeader(binaryHeader({ family: 0x31, extensions: Buffer.alloc(216) }))).toMatchObject({
      bytes: 232,
      source: undefined,
    });
    expect(readProxyHeader(binaryHeader({ family: 0 }))).toEqual({ kind: "header", bytes: 16, source: undefined });
  });

  test("what breaks its rules is refused", () => {
    expect(readProxyHeader(binaryHeader({ source: "192.0.2.7", version: 3 })).kind).toBe("refused");
    expect(readProxyHeader(binaryHeader({ source: "192.0.2.7", command: 2 })).kind).toBe("refused");
    expect(readProxyHeader(binaryHeader({ family: 0x11, extensions: Buffer.alloc(11) })).kind).toBe("refused");
    const long = binaryHeader({ source: "192.0.2.7", extensions: Buffer.alloc(maxProxyHeaderBytes) });
    expect(readProxyHeader(long.subarray(0, 16))).toEqual({
      kind: "refused",
      why: `it has ${maxProxyHeaderBytes + 28} bytes: at most ${maxProxyHeaderBytes} are taken`,
    });
  });
});

test("a header that comes byte by byte is waited for, and never read short", () => {
  const whole = [Buffer.from(line), binaryHeader({ source: "192.0.2.7", extensions: Buffer.alloc(9) })];
  for (const bytes of whole) {
    for (let length = 0; length < bytes.length; length++)
      expect(readProxyHeader(bytes.subarray(0, length))).toEqual({ kind: "partial" });
    expect(readProxyHeader(bytes).kind).toBe("header");
  }
});
