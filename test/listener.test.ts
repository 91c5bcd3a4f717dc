import { once } from "node:events";
import { connect as connectHttp2, constants } from "node:http2";
import { request as httpsRequest } from "node:https";
import { connect as connectTcp, createServer } from "node:net";
import { fileURLToPath } from "node:url";
import { create } from "@bufbuild/protobuf";
import { StringValueSchema } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, type ConnectRouter, createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { execa } from "execa";
import { afterEach, describe, expect, test, vi } from "vitest";
import { ErrorInfoSchema, RetryInfoSchema } from "../src/gen/google/rpc/error_details_pb.ts";
import { Health, HealthCheckResponse_ServingStatus as Status } from "../src/gen/grpc/health/v1/health_pb.ts";
import { ServerReflection } from "../src/gen/grpc/reflection/v1/reflection_pb.ts";
import { ServerReflection as ServerReflectionAlpha } from "../src/gen/grpc/reflection/v1alpha/reflection_pb.ts";
import { defaultConnectionLimits } from "../src/http/connections.ts";
import { Readiness } from "../src/http/readiness.ts";
import { untilAborted } from "../src/lib/async/abort.ts";
import { createGrpcTransport as createGrpcJsTransport } from "../src/lib/grpc/transport.ts";
import { silentLog } from "../src/lib/program/log.ts";
import { remoteAddressKey } from "../src/rpc/calls/caller.ts";
import { healthRoutes } from "../src/rpc/services/health.ts";
import { reflectionRoutes } from "../src/rpc/services/reflection.ts";
import { selfSigned } from "./support/certificate.ts";
import { EchoService } from "./support/echo-service.ts";
import { type Listener, listen, type RpcListenOptions } from "./support/listen.ts";

const text = (value: string) => create(StringValueSchema, { value });
let handlersEnded = 0;
let release = Promise.withResolvers<void>();
const readiness = new Readiness();

const routes = (router: ConnectRouter) => {
  healthRoutes(readiness, [EchoService])(router);
  reflectionRoutes([EchoService, Health])(router);
  router.service(EchoService, {
    unary: async ({ value }, { values }) => {
      if (value === "slow") await release.promise;
      return text(value === "who" ? values.get(remoteAddressKey) : `echo ${value}`);
    },
    serverStream: async function* ({ value }, { signal }) {
      if (value === "for ever") {
        yield text(value);
        await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
        throw signal.reason;
      }
      for (let n = 1; n <= 2; n++) yield text(`${value} ${n}`);
    },
    bidi: async function* (requests, { signal }) {
      yield text("welcome");
      // A handler that does not look at its signal blocks for ever: "deaf" is one.
      for await (const { value } of requests) {
        if (value !== "deaf") continue;
        yield text("deaf");
        await new Promise(() => {});
      }
      signal.throwIfAborted();
      handlersEnded++;
    },
    clientStream: async (requests, { signal }) => {
      for await (const _ of untilAborted(requests, signal));
      handlersEnded++;
      return text("done");
    },
  });
};

let opened: Listener[] = [];
async function open(options: Partial<RpcListenOptions> = {}): Promise<Listener> {
  const outcome = await listen({ host: "127.0.0.1", port: 0, routes, readiness, log: silentLog(), ...options });
  if (outcome.kind !== "listening") throw new Error(outcome.message);
  opened.push(outcome.listener);
  return outcome.listener;
}

afterEach(async () => {
  await Promise.all(opened.map((listener) => listener.close(0)));
  opened = [];
  handlersEnded = 0;
  release = Promise.withResolvers();
  readiness.set(false);
});

describe("one plaintext port", () => {
  test("speaks gRPC, gRPC-Web, Connect over HTTP/1.1 and HTTP/2, and Connect/JSON", async () => {
    const { url: baseUrl } = await open();
    const transports = [
      createGrpcTransport({ baseUrl }),
      createGrpcWebTransport({ baseUrl, httpVersion: "1.1" }),
      createGrpcWebTransport({ baseUrl, httpVersion: "2" }),
      createConnectTransport({ baseUrl, httpVersion: "1.1" }),
      createConnectTransport({ baseUrl, httpVersion: "2", useBinaryFormat: false }),
    ];
    for (const transport of transports) {
      const client = createClient(EchoService, transport);
      expect((await client.unary(text("a"))).value).toBe("echo a");
      expect(await Array.fromAsync(client.serverStream(text("b")))).toMatchObject([{ value: "b 1" }, { value: "b 2" }]);
    }
    const headers = { "content-type": "application/json" };
    const reply = await fetch(`${baseUrl}/windlass.test.v1.EchoService/Unary`, {
      method: "POST",
      headers,
      body: '"hi"',
    });
    expect([reply.status, await reply.json()]).toEqual([200, "echo hi"]);
  });

  test("tells a handler where the call comes from", async () => {
    const { url: baseUrl } = await open();
    const client = createClient(EchoService, createGrpcTransport({ baseUrl }));
    expect((await client.unary(text("who"))).value).toBe("127.0.0.1");
  });

  test("answers health pages, and everything unknown with 404 in JSON", async () => {
    const { url } = await open();
    const get = async (path: string) => {
      const reply = await fetch(`${url}${path}`);
      return [reply.status, await reply.json()];
    };
    expect(await get("/healthz")).toEqual([200, { status: "ok" }]);
    expect(await get("/readyz")).toEqual([503, { status: "not ready", reason: expect.any(String) }]);
    readiness.set(true);
    expect(await get("/readyz?now")).toEqual([200, { status: "ready" }]);
    expect(await get("/nowhere")).toEqual([
      404,
      { code: "not_found", message: "GET /nowhere is neither an RPC nor a page of this server" },
    ]);
  });

  test("recognises a protocol whose first bytes come one by one", async () => {
    const { port } = await open();
    const socket = connectTcp({ host: "127.0.0.1", port, noDelay: true });
    for (const byte of "GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n") {
      socket.write(byte);
      await new Promise(setImmediate);
    }
    expect(Buffer.concat(await Array.fromAsync(socket)).toString()).toMatch(/^HTTP\/1.1 200 OK/);
  });

  test("survives calls without an authority and connections that end at once", async () => {
    const { port, url } = await open();
    const socket = connectTcp({ host: "127.0.0.1", port });
    socket.write("POST /windlass.test.v1.EchoService/Unary HTTP/1.0\r\ncontent-length: 0\r\n\r\n");
    expect(Buffer.concat(await Array.fromAsync(socket)).toString()).toMatch(/^HTTP\/1.1 400/);
    connectTcp({ host: "127.0.0.1", port }).destroy();
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
  });

  test("refuses a message over 4 MiB", async () => {
    const { url: baseUrl } = await open();
    const client = createClient(EchoService, createGrpcTransport({ baseUrl }));
    await expect(client.unary(text("x".repeat(5_000_000)))).rejects.toMatchObject({ code: Code.ResourceExhausted });
  });
});

describe("opening", () => {
  test("a port in use is named, with what to do", async () => {
    const { port } = await open();
    expect(await listen({ host: "127.0.0.1", port, routes, readiness, log: silentLog() })).toEqual({
      kind: "address-in-use",
      message: `127.0.0.1:${port} is in use by another program: stop it, or listen on another port`,
    });
  });

  test("an address of another machine is unavailable", async () => {
    const outcome = await listen({
      host: "192.0.2.1",
      port: 0,
      routes,
      readiness,
      log: silentLog(),
      allowPlaintext: true,
    });
    expect(outcome).toMatchObject({ kind: "address-unavailable" });
  });

  test("plaintext is refused where other machines can reach it, unless allowed", async () => {
    const options = { host: "0.0.0.0", port: 0, routes, readiness, log: silentLog() };
    expect(await listen(options)).toMatchObject({ kind: "plaintext-refused", message: expect.stringContaining("TLS") });
    expect((await open({ host: "0.0.0.0", allowPlaintext: true })).url).toMatch(/^http:\/\/localhost:\d+$/);
  });
});

describe("with TLS", () => {
  test("one port speaks HTTP/2 and HTTP/1.1, and clients check its name", async () => {
    const tls = selfSigned(new Date());
    const { url, port } = await open({ tls, host: "127.0.0.1" });
    expect(url).toBe(`https://127.0.0.1:${port}`);
    const address = `https://localhost:${port}`;
    using transport = createGrpcJsTransport({ address, tls: { ca: tls.cert } });
    expect((await createClient(EchoService, transport).unary(text("a"))).value).toBe("echo a");
    using stranger = createGrpcJsTransport({ address });
    await expect(createClient(EchoService, stranger).unary(text("a"))).rejects.toMatchObject({
      code: Code.Unavailable,
    });
    const [reply] = await once(httpsRequest(`${url}/healthz`, { ca: tls.cert, agent: false }).end(), "response");
    expect(reply.statusCode).toBe(200);
    reply.resume();
  });
});

describe("health and reflection", () => {
  test("health follows readiness, for the server and each service", async () => {
    const { url } = await open();
    using transport = createGrpcJsTransport({ address: url });
    const client = createClient(Health, transport);
    expect(await client.check({})).toMatchObject({ status: Status.NOT_SERVING });
    readiness.set(true);
    expect(await client.check({ service: EchoService.typeName })).toMatchObject({ status: Status.SERVING });
    await expect(client.check({ service: "nobody" })).rejects.toMatchObject({ code: Code.NotFound });
  });

  test("a watch tells each change", async () => {
    const { url } = await open();
    using transport = createGrpcJsTransport({ address: url });
    const stop = new AbortController();
    const watch = createClient(Health, transport).watch({}, { signal: stop.signal })[Symbol.asyncIterator]();
    expect((await watch.next()).value).toMatchObject({ status: Status.NOT_SERVING });
    readiness.set(true);
    expect((await watch.next()).value).toMatchObject({ status: Status.SERVING });
    stop.abort();
    await expect(watch.next()).rejects.toMatchObject({ code: Code.Canceled });
  });

  test.each([
    ["v1", ServerReflection],
    ["v1alpha", ServerReflectionAlpha],
  ] as const)("reflection %s lists services and gives their files with what they import", async (_version, service) => {
    const { url } = await open();
    using transport = createGrpcJsTransport({ address: url });
    const ask = async (...questions: readonly object[]) => {
      const requests = async function* () {
        for (const messageRequest of questions) yield { messageRequest } as never;
      };
      const client = createClient(service as typeof ServerReflection, transport);
      return (await Array.fromAsync(client.serverReflectionInfo(requests()))).map((reply) => reply.messageResponse);
    };
    const [list, file, missing, ...details] = await ask(
      { case: "listServices", value: "" },
      { case: "fileContainingSymbol", value: "windlass.test.v1.EchoService.Unary" },
      { case: "fileByFilename", value: "no.proto" },
      { case: "fileContainingSymbol", value: "google.rpc.BadRequest.FieldViolation" },
      { case: "fileByFilename", value: "google/rpc/error_details.proto" },
    );
    expect(JSON.stringify(list)).toContain('"windlass.test.v1.EchoService"');
    expect(file).toMatchObject({ case: "fileDescriptorResponse", value: { fileDescriptorProto: { length: 2 } } });
    expect(missing).toMatchObject({ case: "errorResponse", value: { errorCode: Code.NotFound } });
    // No service names them: tools show the details of errors by them.
    for (const answer of details) expect(answer).toMatchObject({ case: "fileDescriptorResponse" });
    expect(details).toHaveLength(2);
  });

  test("a stock client finds and calls a service by reflection alone", async () => {
    const { url } = await open();
    const buf = fileURLToPath(new URL("../node_modules/.bin/buf", import.meta.url));
    const run = async (...args: readonly string[]) => (await execa(buf, ["curl", ...args])).stdout;
    expect(await run("--http2-prior-knowledge", "--list-services", url)).toContain("windlass.test.v1.EchoService");
    const call = ["--protocol", "grpc", "--http2-prior-knowledge", "-d", '"you"'];
    expect(await run(...call, `${url}/windlass.test.v1.EchoService/Unary`)).toContain("echo you");
  });
});

describe("closing", () => {
  test("lets a call finish, ends streams that listen, and cuts what does not after the grace", async () => {
    const listener = await open();
    using transport = createGrpcJsTransport({ address: listener.url });
    const client = createClient(EchoService, transport);
    const slow = client.unary(text("slow"));
    const upload = client.clientStream(until(release.promise));
    const deaf = client.bidi(say("deaf"))[Symbol.asyncIterator]();
    expect([(await deaf.next()).value?.value, (await deaf.next()).value?.value]).toEqual(["welcome", "deaf"]);
    const cut = deaf.next().catch((error: unknown) => error);
    const closing = listener.close(400);
    await vi.waitFor(() => expect(handlersEnded).toBe(1));
    expect(await upload).toMatchObject({ value: "done" });
    release.resolve();
    expect((await slow).value).toBe("echo slow");
    await closing;
    expect(await cut).toMatchObject({ code: expect.any(Number) });
    expect(listener.connections).toBe(0);
    await expect(client.unary(text("late"))).rejects.toMatchObject({ code: Code.Unavailable });
  });

  test("tells streams that it stops, and when to come back", async () => {
    const listener = await open();
    using transport = createGrpcJsTransport({ address: listener.url });
    const stream = createClient(EchoService, transport).serverStream(text("for ever"))[Symbol.asyncIterator]();
    await stream.next();
    const end = stream.next().catch((error: unknown) => error);
    await listener.close(400);
    const failure = ConnectError.from(await end);
    expect(failure.findDetails(ErrorInfoSchema)).toMatchObject([{ reason: "SERVER_DRAINING", domain: "windlass" }]);
    expect(failure.findDetails(RetryInfoSchema)).toMatchObject([{ retryDelay: { seconds: 1n } }]);
  });

  test("does not wait for HTTP/1.1 connections that rest", async () => {
    const listener = await open();
    expect((await fetch(`${listener.url}/healthz`)).status).toBe(200);
    await listener.close(30_000);
  });
});

describe("dead connections", () => {
  test.each(["plaintext", "TLS"])("a peer that connects over %s and says nothing is cut off", async (over) => {
    const tls = over === "TLS" ? { tls: selfSigned(new Date()) } : {};
    const listener = await open({ ...tls, connectionLimits: { ...defaultConnectionLimits, firstBytesMs: 50 } });
    const peer = connectTcp({ port: listener.port, host: "127.0.0.1" });
    peer.on("error", () => {});
    peer.resume();
    await once(peer, "close");
    await vi.waitFor(() => expect(listener.connections).toBe(0));
  });

  test("a connection without a call ends, and its client connects again", async () => {
    const limits = { ...defaultConnectionLimits, strangerRestMs: 100 };
    const listener = await open({ connectionLimits: limits });
    using transport = createGrpcJsTransport({ address: listener.url });
    const client = createClient(EchoService, transport);
    expect((await client.unary(text("one"))).value).toBe("echo one");
    await vi.waitFor(() => expect(listener.connections).toBe(0), { timeout: 10_000 });
    expect((await client.unary(text("two"))).value).toBe("echo two");
  });

  test("does not wait for a peer that has no calls and does not hang up", async () => {
    const listener = await open();
    const peer = connectTcp({ port: listener.port, host: "127.0.0.1", allowHalfOpen: true });
    const emptySettings = Buffer.from("000000040000000000", "hex");
    peer.write(Buffer.concat([Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), emptySettings]));
    await once(peer, "data");
    peer.pause();
    await listener.close(3_600_000);
    peer.destroy();
  });

  test("a peer that does not answer pings is cut off", async () => {
    const listener = await open({ keepAlive: { intervalMs: 30, timeoutMs: 50 } });
    // A proxy that goes silent: bytes of the client still arrive nowhere.
    const proxy = createServer((near) => {
      const far = connectTcp({ host: "127.0.0.1", port: listener.port });
      near.pipe(far).pipe(near);
      for (const socket of [near, far]) socket.on("error", () => {});
      near.once("mute", () => {
        near.unpipe(far);
        far.unpipe(near);
        far.pause();
      });
      proxy.once("mute", () => near.emit("mute"));
      proxy.once("end", () => [near, far].forEach((socket) => void socket.destroy()));
    });
    await once(proxy.listen(0, "127.0.0.1"), "listening");
    const address = proxy.address();
    const session = connectHttp2(
      `http://127.0.0.1:${address !== null && typeof address === "object" ? address.port : 0}`,
    );
    session.on("error", () => {});
    try {
      await once(session, "remoteSettings");
      await vi.waitFor(() => expect(listener.connections).toBe(1));
      await new Promise((resolve) => session.ping((error) => resolve(error)));
      proxy.emit("mute");
      await vi.waitFor(() => expect(listener.connections).toBe(0));
    } finally {
      session.destroy(undefined, constants.NGHTTP2_NO_ERROR);
      proxy.emit("end");
      await new Promise((resolve) => proxy.close(resolve));
    }
  });

  test("a peer that answers pings stays", async () => {
    const listener = await open({ keepAlive: { intervalMs: 5, timeoutMs: 2_000 } });
    const session = connectHttp2(listener.url);
    let pings = 0;
    session.on("ping", () => {
      pings++;
    });
    await vi.waitFor(() => expect(pings).toBeGreaterThan(5));
    expect(listener.connections).toBe(1);
    session.close();
  });
});

async function* say(...words: readonly string[]) {
  for (const word of words) yield text(word);
  await new Promise(() => {});
}

async function* until(end: Promise<void>) {
  yield text("first");
  await end;
}
