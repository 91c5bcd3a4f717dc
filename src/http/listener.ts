import type { ServerHttp2Session } from "node:http2";
import type { Server, Socket } from "node:net";
import { type Clock, systemClock } from "../lib/clock.ts";
import { type Networks, noNetworks } from "../lib/net/networks.ts";
import { isBelow, withoutPrefix } from "../lib/net/path-prefix.ts";
import { portOf } from "../lib/net/port-of.ts";
import type { Log } from "../lib/program/log.ts";
import { WindlassError } from "../lib/words/errors.ts";
import { callerAddress, type ForwardedHeader } from "./callers/forwarded.ts";
import { originOf } from "./callers/origin.ts";
import type { ProxyPeers } from "./connection-start.ts";
import { type ConnectionLimits, Connections, defaultConnectionLimits } from "./connections.ts";
import { drained } from "./drain.ts";
import { type KeepAlive, keepAlive } from "./keep-alive.ts";
import type { HttpHandler } from "./messages.ts";
import { endRapidResets } from "./rapid-resets.ts";
import { type MountedTenant, routeTo } from "./router.ts";
import { type HttpSockets, httpSockets, type StreamHandler, type TlsFiles } from "./sockets.ts";
import type { StreamTenant } from "./tenant.ts";

export interface ListenOptions {
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
  /** Who answers what comes in. */
  readonly tenants: readonly MountedTenant[];
  /** Who is asked about streams of HTTP/2 first. */
  readonly streams?: StreamTenant | undefined;
  readonly log: Log;
  readonly tls?: TlsFiles | undefined;
  /** Serves without TLS on addresses that other machines reach. */
  readonly allowPlaintext?: boolean | undefined;
  readonly keepAlive?: KeepAlive | undefined;
  readonly connectionLimits?: ConnectionLimits | undefined;
  readonly trust?: ProxyTrust | undefined;
  /** Callers may put it before every path, for a proxy that passes it on: `/windlass`. */
  readonly pathPrefix?: string | undefined;
  readonly clock?: Clock | undefined;
}

/** Who is believed about where calls come from. */
export interface ProxyTrust {
  /** Proxies: nobody else is believed. */
  readonly proxies: Networks;
  readonly header: ForwardedHeader;
  /** Their connections begin with a header of the PROXY protocol, or are refused. */
  readonly hasProxyProtocol: boolean;
}

const trustsNobody: ProxyTrust = { proxies: noNetworks, header: "auto", hasProxyProtocol: false };

export type ListenOutcome =
  | { readonly kind: "listening"; readonly listener: Listener }
  | { readonly kind: "plaintext-refused"; readonly message: string }
  | { readonly kind: "address-in-use"; readonly message: string }
  /** No such address on this machine, or a port that this user may not open. */
  | { readonly kind: "address-unavailable"; readonly message: string };

/** One open port that serves every RPC. */
export interface Listener extends AsyncDisposable {
  readonly port: number;
  /** What a client on this machine dials, for example `http://127.0.0.1:7070`. */
  readonly url: string;
  /** How many connections are open. */
  readonly connections: number;
  /** Shows another certificate to those who connect from now on; open connections stay. Does nothing without TLS. */
  replaceTls(files: TlsFiles): void;
  /**
   * Takes no more connections, tells clients to go elsewhere (GOAWAY), aborts the signal of every handler so that streams
   * end, lets calls finish, and after `graceMs` cuts what is left. Call it once; disposing is closing without grace.
   */
  close(graceMs: number): Promise<void>;
}

/** Enough for a fleet that reconnects at once; the kernel may cap it (net.core.somaxconn). */
const backlog = 4096;
/** A peer gets at least this long to hang up after its last call. */
const lingerMs = 500;
/** How long the callers of a server that stops wait before they call again. */
const reconnectMs = 1_000;
const defaultKeepAlive: KeepAlive = { intervalMs: 30_000, timeoutMs: 20_000 };

/** Opens the port, or says why that cannot be. */
export async function listen(options: ListenOptions): Promise<ListenOutcome> {
  const { host, port, tls } = options;
  if (tls === undefined && !options.allowPlaintext && !isLoopback(host)) {
    const message = `${host} can be reached from other machines: give a TLS certificate and key, listen on 127.0.0.1, or allow plaintext explicitly`;
    return { kind: "plaintext-refused", message };
  }
  const open = openSockets(options);
  const failure = await bind(open.sockets.server, host, port);
  if (failure !== undefined) return failure;
  return { kind: "listening", listener: listenerOf(open, host, tls === undefined ? "http" : "https") };
}

/** True for addresses that only this machine reaches. */
export const isLoopback = (host: string): boolean =>
  host === "localhost" || host === "::1" || /^127\.\d+\.\d+\.\d+$/.test(host);

interface OpenSockets {
  readonly sockets: HttpSockets;
  readonly sessions: ReadonlySet<ServerHttp2Session>;
  readonly connections: Connections;
  /** Ends connections that rest, until the port closes. */
  readonly watching: Promise<void>;
  readonly shutdown: AbortController;
  readonly clock: Clock;
}

function openSockets({
  tenants,
  log,
  tls,
  clock = systemClock,
  connectionLimits = defaultConnectionLimits,
  trust = trustsNobody,
  pathPrefix = "",
  streams = nobody,
  ...options
}: ListenOptions): OpenSockets {
  const shutdown = new AbortController();
  const sessions = new Set<ServerHttp2Session>();
  const connections = new Connections(clock, connectionLimits, trust.proxies);
  const route = routeTo(tenants, { shutdown: shutdown.signal, clock, log });
  const prefixOf = (url: string) => (isBelow(url, pathPrefix) ? pathPrefix : "");
  const handler: HttpHandler = (request, response) => {
    // A connection that finished its call while the server stops is closed instead of kept.
    response.once("close", () => {
      if (shutdown.signal.aborted) setImmediate(sockets.closeIdle);
    });
    const asked = request.url ?? "";
    if (pathPrefix !== "") request.url = withoutPrefix(asked, pathPrefix);
    drained(request, response, clock);
    const { socket, headers } = request;
    const peer = connections.addressOf(socket);
    void route({
      request,
      response,
      path: request.url?.split("?", 1)[0] ?? "",
      address: callerAddress({ peer, headers }, trust),
      origin: originOf({ peer, headers, isSecure: tls !== undefined, pathPrefix: prefixOf(asked) }, trust.proxies),
      recognize: () => connections.recognize(socket),
    });
  };
  const takeStream = streams({ prefix: "", shutdown: shutdown.signal, clock, log });
  const onStream: StreamHandler = (stream, headers, rawHeaders) => {
    const { session } = stream;
    if (session === undefined) return false;
    const path = withoutPrefix(headers[":path"] ?? "", pathPrefix).split("?", 1)[0] ?? "";
    const address = () => callerAddress({ peer: connections.addressOfSession(session), headers }, trust);
    const recognize = () => connections.recognizeSession(session);
    return takeStream({ stream, headers, rawHeaders, path, address, recognize }) === "answered";
  };
  const onSession = (session: ServerHttp2Session) => {
    sessions.add(session);
    connections.addSession(session);
    session.once("close", () => sessions.delete(session));
    // A proxy takes calls back for many callers: none of them may end the calls of the others.
    if (!trust.proxies.has(connections.addressOf(session.socket))) endRapidResets(session, clock);
    keepAlive(session, clock, options.keepAlive ?? defaultKeepAlive).catch((err: unknown) => {
      log.error({ err }, "pinging a connection failed");
      session.destroy();
    });
  };
  const { firstBytesMs } = connectionLimits;
  const proxies = trust.hasProxyProtocol ? proxyPeers(trust.proxies, connections, { log, clock }) : undefined;
  const sockets = httpSockets({ handler, onStream, tls, onSession, firstBytesMs, proxies });
  sockets.server.on("connection", (socket: Socket) => connections.add(socket));
  return { sockets, sessions, connections, watching: connections.watch(shutdown.signal), shutdown, clock };
}

/** Makes a request of every stream. */
const nobody: StreamTenant = () => () => "not-mine";

/** How often it is told that proxies do not speak the PROXY protocol. */
const tellEveryMs = 60_000;

function proxyPeers(
  proxies: Networks,
  connections: Connections,
  { log, clock }: { readonly log: Log; readonly clock: Clock },
): ProxyPeers {
  let toldMs = Number.NEGATIVE_INFINITY;
  return {
    isProxy: ({ remoteAddress = "" }) => proxies.has(remoteAddress),
    standsFor: (socket, address) => connections.standsFor(socket, address),
    refused: ({ remoteAddress }, why) => {
      const now = clock.monotonicMs();
      if (now - toldMs < tellEveryMs) return;
      toldMs = now;
      log.warn(
        { address: remoteAddress, why },
        "a connection of a trusted proxy was refused: with --proxy-protocol each begins with a PROXY header (HAProxy: send-proxy-v2, nginx: proxy_protocol on)",
      );
    },
  };
}

function bind(
  server: Server,
  host: string,
  port: number,
): Promise<Exclude<ListenOutcome, { kind: "listening" }> | undefined> {
  const { promise, resolve } = Promise.withResolvers<Exclude<ListenOutcome, { kind: "listening" }> | undefined>();
  const onError = (error: NodeJS.ErrnoException) => resolve(bindFailure(error, `${host}:${port}`));
  server.once("error", onError);
  server.listen({ host, port, backlog }, () => {
    server.off("error", onError);
    resolve(undefined);
  });
  return promise;
}

function bindFailure(error: NodeJS.ErrnoException, address: string): Exclude<ListenOutcome, { kind: "listening" }> {
  if (error.code === "EADDRINUSE") {
    const message = `${address} is in use by another program: stop it, or listen on another port`;
    return { kind: "address-in-use", message };
  }
  return { kind: "address-unavailable", message: `cannot listen on ${address}: ${error.message}` };
}

function listenerOf(open: OpenSockets, host: string, scheme: string): Listener {
  const port = portOf(open.sockets.server);
  const name = isAnyAddress(host) ? "localhost" : host;
  const close = (graceMs: number) => closeGracefully(open, graceMs);
  return {
    port,
    url: `${scheme}://${name.includes(":") ? `[${name}]` : name}:${port}`,
    get connections() {
      return open.connections.size;
    },
    replaceTls: open.sockets.replaceTls,
    close,
    [Symbol.asyncDispose]: () => close(0),
  };
}

const isAnyAddress = (host: string) => host === "0.0.0.0" || host === "::";

async function closeGracefully(
  { sockets, sessions, connections, watching, shutdown, clock }: OpenSockets,
  graceMs: number,
): Promise<void> {
  const closed = new Promise<void>((resolve) => sockets.server.close(() => resolve()));
  const peers = pairs(sessions, connections);
  for (const session of sessions) session.close();
  shutdown.abort(stopping());
  sockets.closeIdle();
  const done = new AbortController();
  const grace = clock.sleep(graceMs, done.signal).then(
    () => {
      for (const session of sessions) session.destroy();
      for (const socket of connections.sockets()) socket.destroy();
    },
    () => {},
  );
  const hangingUp = hangUp(peers, clock, done.signal).catch(() => {});
  await closed;
  done.abort();
  await Promise.all([grace, hangingUp, watching]);
}

/** What the callers of open streams are told. */
const stopping = () =>
  new WindlassError("server_draining", "the server is stopping: connect again", { retryAfterMs: reconnectMs });

type Peers = readonly (readonly [ServerHttp2Session, Socket])[];

/** Each HTTP/2 session with the socket below it. */
const pairs = (sessions: ReadonlySet<ServerHttp2Session>, connections: Connections): Peers =>
  [...sessions].flatMap((session) => {
    const socket = connections.socketOf(session);
    return socket === undefined ? [] : [[session, socket] as const];
  });

/** A peer whose calls are all over and that does not hang up is not waited for: some clients keep a dead connection. */
async function hangUp(peers: Peers, clock: Clock, signal: AbortSignal): Promise<void> {
  for (let lingering = new Set<Socket>(); ; ) {
    await clock.sleep(lingerMs, signal);
    for (const socket of lingering) socket.destroy();
    lingering = new Set(peers.filter(([session]) => session.destroyed).map(([, socket]) => socket));
  }
}
