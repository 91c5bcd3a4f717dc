import { once } from "node:events";
import { connect as connectTcp } from "node:net";
import { create } from "@bufbuild/protobuf";
import { StringValueSchema } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import { afterEach, describe, expect, test, vi } from "vitest";
import { defaultConnectionLimits } from "../src/http/connections.ts";
import { Readiness } from "../src/http/readiness.ts";
import { networksOf, noNetworks } from "../src/lib/net/networks.ts";
import { memoryLog, silentLog } from "../src/lib/program/log.ts";
import { remoteAddressKey } from "../src/rpc/calls/caller.ts";
import { selfSigned } from "./support/certificate.ts";
import { EchoService } from "./support/echo-service.ts";
import { type Listener, listen, type ProxyTrust, type RpcListenOptions } from "./support/listen.ts";
import { binaryHeader } from "./support/proxy-header.ts";
import { tcpFront } from "./support/tcp-front.ts";

const text = (value: string) => create(StringValueSchema, { value });
let opened: Listener[] = [];

const trusting = (given: string, more: Partial<ProxyTrust> = {}): ProxyTrust => ({
  proxies: networksOf(given.split(",")) ?? noNetworks,
  header: "auto",
  hasProxyProtocol: false,
  ...more,
});
const spoken = (given: string) => trusting(given, { hasProxyProtocol: true });

/** A port whose calls are answered with where they come from. */
async function open(trust: ProxyTrust, options: Partial<RpcListenOptions> = {}): Promise<Listener> {
  const outcome = await listen({
    ...{ host: "127.0.0.1", port: 0, readiness: new Readiness(), log: silentLog(), trust },
    routes: (router) =>
      void router.service(EchoService, {
        unary: async (_, { values }) => text(values.get(remoteAddressKey)),
      }),
    ...options,
  });
  if (outcome.kind !== "listening") throw new Error(outcome.message);
  opened.push(outcome.listener);
  return outcome.listener;
}

afterEach(async () => {
  await Promise.all(opened.map((listener) => listener.close(0)));
  opened = [];
});

type Headers = Readonly<Record<string, string>>;

async function seenBy(baseUrl: string, headers: Headers = {}, nodeOptions = {}): Promise<string> {
  const client = createClient(EchoService, createGrpcTransport({ baseUrl, nodeOptions }));
  return (await client.unary(text(""), { headers, timeoutMs: 5_000 })).value;
}

const listed = { "x-forwarded-for": "1.1.1.1, 192.0.2.7" };
const lineOf = (source: string) => Buffer.from(`PROXY TCP4 ${source} 10.0.0.1 4711 443\r\n`);

describe("headers of proxies", () => {
  test("name the caller of a trusted proxy, over HTTP/1.1 and HTTP/2, with and without TLS", async () => {
    const plain = await open(trusting("127.0.0.0/8"));
    expect(await seenBy(plain.url, listed)).toBe("192.0.2.7");
    expect(await seenBy(plain.url, { forwarded: 'for="[2001:db8::7]:99"' })).toBe("2001:db8::7");
    expect(await seenBy(plain.url)).toBe("127.0.0.1");
    const old = createClient(EchoService, createConnectTransport({ baseUrl: plain.url, httpVersion: "1.1" }));
    expect((await old.unary(text(""), { headers: listed })).value).toBe("192.0.2.7");
    const tls = await open(trusting("127.0.0.0/8"), { tls: selfSigned(new Date()) });
    expect(await seenBy(tls.url, listed, { rejectUnauthorized: false })).toBe("192.0.2.7");
  });

  test("are believed from nobody else", async () => {
    const { url } = await open(trusting("10.0.0.0/8"));
    expect(await seenBy(url, listed)).toBe("127.0.0.1");
    expect(await seenBy(url, { forwarded: "for=192.0.2.7" })).toBe("127.0.0.1");
  });
});

describe("the PROXY protocol", () => {
  test.each([
    ["version 1", lineOf("192.0.2.7"), false],
    ["version 1, byte by byte", lineOf("192.0.2.7"), true],
    ["version 2", binaryHeader({ source: "192.0.2.7", extensions: Buffer.alloc(300) }), false],
    ["version 2, byte by byte", binaryHeader({ source: "192.0.2.7" }), true],
  ])("%s names the caller, before TLS and without it, and before HTTP/1.1", async (_, header, inPieces) => {
    const plain = await open(spoken("127.0.0.1"));
    await using front = await tcpFront(plain.port, header, { inPieces });
    expect(await seenBy(`http://127.0.0.1:${front.port}`)).toBe("192.0.2.7");
    const baseUrl = `http://127.0.0.1:${front.port}`;
    const old = createClient(EchoService, createConnectTransport({ baseUrl, httpVersion: "1.1" }));
    expect((await old.unary(text(""))).value).toBe("192.0.2.7");
    const tls = await open(spoken("127.0.0.1"), { tls: selfSigned(new Date()) });
    await using secure = await tcpFront(tls.port, header, { inPieces });
    const options = { rejectUnauthorized: false };
    expect(await seenBy(`https://127.0.0.1:${secure.port}`, {}, options)).toBe("192.0.2.7");
  });

  test("LOCAL and UNKNOWN are the proxy itself", async () => {
    const { port } = await open(spoken("127.0.0.1"));
    for (const header of [Buffer.from("PROXY UNKNOWN\r\n"), binaryHeader({ source: "192.0.2.7", command: 0 })]) {
      await using front = await tcpFront(port, header);
      expect(await seenBy(`http://127.0.0.1:${front.port}`)).toBe("127.0.0.1");
    }
  });

  test("its caller's headers are believed only if it is a trusted proxy, too", async () => {
    const { port } = await open(spoken("127.0.0.1,10.0.0.0/8"));
    await using stranger = await tcpFront(port, lineOf("192.0.2.7"));
    expect(await seenBy(`http://127.0.0.1:${stranger.port}`, { "x-forwarded-for": "8.8.8.8" })).toBe("192.0.2.7");
    await using proxy = await tcpFront(port, lineOf("10.0.0.9"));
    expect(await seenBy(`http://127.0.0.1:${proxy.port}`, { "x-forwarded-for": "8.8.8.8" })).toBe("8.8.8.8");
  });

  test.each([
    ["without a header", Buffer.alloc(0)],
    ["with a broken one", Buffer.from("PROXY TCP4 nobody\r\n")],
    ["with one that is too long", binaryHeader({ source: "192.0.2.7", extensions: Buffer.alloc(5_000) })],
  ])("a trusted proxy %s is refused, and the log says what to do", async (_, header) => {
    const { log, records } = memoryLog();
    const { port } = await open(spoken("127.0.0.1"), { log });
    await using front = await tcpFront(port, header);
    const failure = ConnectError.from(await seenBy(`http://127.0.0.1:${front.port}`).catch((error: unknown) => error));
    expect(failure.code).not.toBe(Code.DeadlineExceeded);
    await seenBy(`http://127.0.0.1:${front.port}`).catch(() => {});
    expect(records.map(({ msg }) => msg)).toEqual([expect.stringContaining("send-proxy-v2")]);
  });

  test("is believed from nobody but trusted proxies: to others its header is rubbish", async () => {
    const { port, url } = await open(spoken("10.0.0.0/8"));
    await using front = await tcpFront(port, lineOf("192.0.2.7"));
    expect(await seenBy(`http://127.0.0.1:${front.port}`).catch(() => "refused")).toBe("refused");
    expect(await seenBy(url)).toBe("127.0.0.1");
  });

  test("is not understood unless it was asked for, also from trusted proxies", async () => {
    const { port } = await open(trusting("127.0.0.1"));
    await using front = await tcpFront(port, lineOf("192.0.2.7"));
    expect(await seenBy(`http://127.0.0.1:${front.port}`).catch(() => "refused")).toBe("refused");
  });

  test("a proxy that does not finish its header is cut off", async () => {
    const connectionLimits = { ...defaultConnectionLimits, firstBytesMs: 50 };
    for (const tls of [{}, { tls: selfSigned(new Date()) }]) {
      const listener = await open(spoken("127.0.0.1"), { connectionLimits, ...tls });
      const socket = connectTcp({ host: "127.0.0.1", port: listener.port });
      socket.write("PROXY TCP4 192");
      await once(socket, "close");
      await vi.waitFor(() => expect(listener.connections).toBe(0));
    }
  });
});

describe("strangers", () => {
  const connectionLimits = { ...defaultConnectionLimits, maxStrangers: 2 };
  const connected = async (port: number) => {
    const socket = connectTcp({ host: "127.0.0.1", port });
    socket.on("error", () => {});
    await once(socket, "connect");
    return socket;
  };

  test("that come through a trusted proxy are not counted as one address", async () => {
    const listener = await open(trusting("127.0.0.1"), { connectionLimits });
    const sockets = await Promise.all(Array.from({ length: 6 }, () => connected(listener.port)));
    await vi.waitFor(() => expect(listener.connections).toBe(6));
    for (const socket of sockets) socket.destroy();
  });

  test("are counted by the address that the PROXY header names", async () => {
    const listener = await open(spoken("127.0.0.1"), { connectionLimits });
    const sockets = await Promise.all(Array.from({ length: 5 }, () => connected(listener.port)));
    for (const [index, socket] of sockets.entries()) socket.write(lineOf(index < 4 ? "192.0.2.7" : "192.0.2.8"));
    await vi.waitFor(() => expect(listener.connections).toBe(3));
    for (const socket of sockets) socket.destroy();
  });
});
