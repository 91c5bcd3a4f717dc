import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer, type TlsOptions } from "node:tls";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { privatelySigned } from "../../../test/support/certificate.ts";
import { ForwardProxyServer } from "../../../test/support/forward-proxy.ts";
import { listen } from "../../../test/support/listen.ts";
import { SystemService } from "../../gen/windlass/v1/system_service_pb.ts";
import { Readiness } from "../../http/readiness.ts";
import { systemClock } from "../clock.ts";
import { silentLog } from "../program/log.ts";
import { wayFaultOf } from "../way/way-error.ts";
import { createGrpcTransport, type GrpcTransportOptions } from "./transport.ts";

let held: AsyncDisposableStack;
beforeEach(() => {
  held = new AsyncDisposableStack();
});
afterEach(() => held.disposeAsync());

const name = "tf.windlass.test";
const signed = privatelySigned(systemClock.now(), { names: [name] });
const local = privatelySigned(systemClock.now());

/** A server of gRPC with TLS. */
async function grpcServer(tls: { readonly cert: string; readonly key: string }): Promise<number> {
  const outcome = await listen({
    ...{ host: "127.0.0.1", port: 0, readiness: new Readiness(), log: silentLog(), tls },
    routes: (router) => void router.service(SystemService, { getServerInfo: () => ({ version: "1" }) }),
  });
  if (outcome.kind !== "listening") throw new Error(outcome.message);
  held.defer(() => outcome.listener.close(0));
  return outcome.listener.port;
}

async function listening(server: Server): Promise<number> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  held.defer(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise<void>((resolve) => void server.close(() => resolve()));
  });
  return (server.address() as AddressInfo).port;
}

/** A server of TLS that answers whatever it hears like this. */
function tlsServer(options: TlsOptions, answer: string): Promise<number> {
  const server = createTlsServer(options, (socket) => {
    socket.on("error", () => {});
    socket.once("data", () => socket.end(answer));
  });
  server.on("tlsClientError", () => {});
  return listening(server);
}

function clientAt(options: GrpcTransportOptions) {
  return createClient(SystemService, held.use(createGrpcTransport(options)));
}

async function failure(options: GrpcTransportOptions, timeoutMs = 10_000): Promise<ConnectError> {
  const error = await clientAt(options)
    .getServerInfo({}, { timeoutMs })
    .catch((reason: unknown) => reason);
  return error instanceof ConnectError ? error : expect.unreachable("it was answered");
}

test("calls go through the proxy, and what it refuses is why they fail, until it lets them through", async () => {
  let status: number | undefined = 403;
  const places = { [`${name}:443`]: `127.0.0.1:${await grpcServer(signed)}` };
  const proxy = held.use(await ForwardProxyServer.start({ places, refuse: () => status }));
  const client = clientAt({
    ...{ address: `https://${name}`, tls: { ca: signed.ca }, environment: { https_proxy: proxy.url } },
  });
  const printed = vi.spyOn(console, "error");
  const error = await client.getServerInfo({}).catch((reason: unknown) => reason);
  expect(error).toMatchObject({
    code: Code.Unavailable,
    rawMessage: `the proxy ${proxy.url} (https_proxy) does not allow CONNECT to ${name}:443 (HTTP 403): let it allow this host and port`,
  });
  expect(wayFaultOf(error)?.kind).toBe("proxy_refusal");
  expect(printed).not.toHaveBeenCalled();
  printed.mockRestore();
  status = undefined;
  await vi.waitFor(() => client.getServerInfo({}), { timeout: 10_000 });
});

test("the proxy of this process's own environment is not asked", async () => {
  const port = await grpcServer(local);
  const proxy = held.use(await ForwardProxyServer.start());
  vi.stubEnv("https_proxy", proxy.url);
  vi.stubEnv("grpc_proxy", proxy.url);
  held.defer(() => void vi.unstubAllEnvs());
  const client = clientAt({ address: `https://localhost:${port}`, tls: { ca: local.ca } });
  expect((await client.getServerInfo({})).version).toBe("1");
  expect(proxy.asked).toEqual([]);
});

test("a deadline says what was still under way", async () => {
  const proxy = held.use(await ForwardProxyServer.start({ mood: "mute" }));
  const error = await failure({ address: `https://${name}`, environment: { https_proxy: proxy.url } }, 200);
  expect(error.rawMessage).toBe(`https://${name} was not reached in time: the proxy has not opened the tunnel yet`);
});

test("a deadline of a server that was reached is nothing but that", async () => {
  const port = await grpcServer(local);
  const client = clientAt({ address: `https://127.0.0.1:${port}`, tls: { ca: local.ca } });
  await client.getServerInfo({});
  const error = ConnectError.from(
    await client.getServerInfo({}, { timeoutMs: 0.001 }).catch((reason: unknown) => reason),
  );
  expect(error.code).toBe(Code.DeadlineExceeded);
  expect(wayFaultOf(error)).toBeUndefined();
});

test("what takes TLS and answers in HTTP/1.1, as TLS inspection does, is told with who issued its certificate", async () => {
  const port = await tlsServer({ cert: local.cert, key: local.key }, "HTTP/1.1 400 Bad Request\r\n\r\n");
  const error = await failure({ address: `https://127.0.0.1:${port}`, tls: { ca: local.ca } });
  expect(error.rawMessage).toMatch(
    /takes TLS but speaks no HTTP\/2 there; its certificate is issued by CN=a private authority: if that is not the server's/,
  );
});

test("a client certificate that is wanted is told, also by TLS 1.3, which asks for it last", async () => {
  const wants = { requestCert: true, rejectUnauthorized: true, ca: signed.ca, ALPNProtocols: ["h2"] };
  for (const maxVersion of ["TLSv1.2", "TLSv1.3"] as const) {
    const port = await tlsServer({ ...wants, maxVersion, cert: local.cert, key: local.key }, "");
    const error = await failure({ address: `https://127.0.0.1:${port}`, tls: { ca: local.ca } });
    expect(error.rawMessage).toMatch(
      /wants a client certificate, give --cert-file|wants a client certificate: give --cert-file/,
    );
  }
});

test("plain text at a port of TLS is told", async () => {
  const port = await grpcServer(local);
  expect((await failure({ address: `http://127.0.0.1:${port}` })).rawMessage).toBe(
    `http://127.0.0.1:${port} does not speak HTTP/2 in plain text: it may want TLS, or it is no Windlass server: ` +
      "if it speaks TLS there, the address must begin with https",
  );
});

test("a connection that was there and broke is not told as one that never was", async () => {
  const outcome = await listen({
    ...{ host: "127.0.0.1", port: 0, readiness: new Readiness(), log: silentLog() },
    routes: (router) =>
      void router.service(SystemService, {
        streamProbe: async function* (_request, { signal }) {
          yield { number: 1 };
          await once(signal, "abort");
        },
      }),
  });
  if (outcome.kind !== "listening") throw new Error(outcome.message);
  held.defer(() => outcome.listener.close(0));
  const cut: (() => void)[] = [];
  const relay = createServer((socket) => {
    const upstream = connect(outcome.listener.port, "127.0.0.1");
    upstream.on("error", () => {});
    socket.pipe(upstream).pipe(socket);
    cut.push(() => socket.destroy());
  });
  const client = clientAt({ address: `http://127.0.0.1:${await listening(relay)}` });
  const reading = (async () => {
    for await (const _piece of client.streamProbe({ pieces: 1 })) for (const one of cut) one();
  })();
  const error = await reading.catch((reason: unknown) => reason);
  expect(error).toMatchObject({ code: Code.Unavailable });
  expect(wayFaultOf(error)).toBeUndefined();
});

test("a closed transport leaves no attempt behind", async () => {
  const mute = createServer();
  const port = await listening(mute);
  const ended = Promise.withResolvers<void>();
  mute.on("connection", (socket) => socket.resume().once("close", () => ended.resolve()));
  const transport = createGrpcTransport({ address: `https://127.0.0.1:${port}` });
  const call = createClient(SystemService, transport).getServerInfo({});
  await once(mute, "connection");
  transport.close();
  await expect(call).rejects.toBeInstanceOf(ConnectError);
  await ended.promise;
});

test("a call on a connection that takes everything and answers nothing ends with it, and the next one dials", async () => {
  const port = await grpcServer(local);
  const swallowed = Promise.withResolvers<void>();
  const forgotten = new Set<Socket>();
  const open: Socket[] = [];
  const relay = createServer((socket) => {
    const upstream = connect(port, "127.0.0.1");
    upstream.on("error", () => {});
    socket.once("close", () => upstream.destroy());
    socket.on("data", (bytes) => void (forgotten.has(socket) ? swallowed.resolve() : upstream.write(bytes)));
    upstream.pipe(socket);
    open.push(socket);
  });
  const address = `https://127.0.0.1:${await listening(relay)}`;
  const transport = held.use(createGrpcTransport({ address, tls: { ca: local.ca } }));
  const client = createClient(SystemService, transport);
  await client.getServerInfo({});
  for (const socket of open) forgotten.add(socket);
  const ended = expect(client.getServerInfo({})).rejects.toMatchObject({ code: Code.Unavailable });
  await swallowed.promise;
  transport.hangUp();
  await ended;
  expect((await client.getServerInfo({})).version).toBe("1");
  expect(open).toHaveLength(2);
});

test("a server that TLS without ALPN stands before is reached", async () => {
  const outcome = await listen({
    ...{ host: "127.0.0.1", port: 0, readiness: new Readiness(), log: silentLog() },
    routes: (router) => void router.service(SystemService, { getServerInfo: () => ({ version: "1" }) }),
  });
  if (outcome.kind !== "listening") throw new Error(outcome.message);
  held.defer(() => outcome.listener.close(0));
  const front = createTlsServer({ cert: local.cert, key: local.key }, (socket) => {
    const upstream = connect(outcome.listener.port, "127.0.0.1");
    for (const one of [socket, upstream]) one.on("error", () => {});
    socket.pipe(upstream).pipe(socket);
  });
  const client = clientAt({ address: `https://localhost:${await listening(front)}`, tls: { ca: local.ca } });
  expect((await client.getServerInfo({})).version).toBe("1");
});
