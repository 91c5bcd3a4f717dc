import { createServer as createHttp1Server } from "node:http";
import {
  createServer as createHttp2Server,
  createSecureServer,
  type Http2SecureServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
  type ServerOptions,
} from "node:http2";
import { createServer as createNetServer, type Server, type Socket } from "node:net";
import { type ProxyPeers, passProxyHeader, readStart } from "./connection-start.ts";
import type { HttpHandler } from "./messages.ts";
import { maxHeaderBytes, maxHeaders } from "./metadata.ts";
import { maxOpenStreams } from "./open-streams.ts";

/** Server certificate and key in PEM; with `clientCa`, clients must show a certificate of that authority. */
export interface TlsFiles {
  readonly cert: string;
  readonly key: string;
  readonly clientCa?: string | undefined;
}

export interface SocketOptions {
  readonly handler: HttpHandler;
  /** Answers a stream of HTTP/2 itself, or leaves it to the handler: then it is false. */
  readonly onStream: StreamHandler;
  readonly tls: TlsFiles | undefined;
  readonly onSession: (session: ServerHttp2Session) => void;
  /** How long a client may take to say its first word, or to agree on TLS. */
  readonly firstBytesMs: number;
  /** Whose connections begin with a PROXY header; undefined if nobody's do. */
  readonly proxies: ProxyPeers | undefined;
}

/** What a server says of a stream that was opened. */
export type StreamHandler = (
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  rawHeaders: readonly string[],
) => boolean;

/** One listening server that speaks HTTP/1.1 and HTTP/2. */
export interface HttpSockets {
  readonly server: Server;
  /** Closes HTTP/1.1 connections that rest between two requests. */
  closeIdle(): void;
  /** Shows another certificate to new connections; nothing without TLS. */
  replaceTls(files: TlsFiles): void;
}

/** Per-stream window: at 40 ms of round trip it allows 25 MB/s, the default of 64 KiB 1.6. */
const streamWindowBytes = 1024 * 1024;
const connectionWindowBytes = 4 * 1024 * 1024;
/** Calls that a connection has at a time; half of them may be streams that stay open. */
const maxConcurrentStreams = 2 * maxOpenStreams;

const http2Options: ServerOptions = {
  settings: { initialWindowSize: streamWindowBytes, maxConcurrentStreams, maxHeaderListSize: maxHeaderBytes },
  maxHeaderListPairs: maxHeaders,
  // The listener looks at who takes calls back; the library counts those too that were answered, and only ends real floods.
  streamResetBurst: 20_000,
  streamResetRate: 10_000,
  // In megabytes: a peer that makes a connection hold more is cut off.
  maxSessionMemory: 16,
};
const http1Options = { headersTimeout: 30_000, requestTimeout: 600_000, maxHeaderSize: maxHeaderBytes };

/** Sockets for TLS if there is a certificate, else for plaintext. */
export const httpSockets = (options: SocketOptions): HttpSockets =>
  options.tls === undefined ? plaintextSockets(options) : tlsSockets(options, options.tls);

function tlsSockets(
  { handler, onStream, onSession, firstBytesMs, proxies }: SocketOptions,
  { cert, key, clientCa }: TlsFiles,
): HttpSockets {
  const clients = clientCa === undefined ? {} : { requestCert: true, rejectUnauthorized: true };
  const files = { cert, key, ca: clientCa };
  const server = createSecureServer(
    { ...http2Options, ...http1Options, handshakeTimeout: firstBytesMs, allowHTTP1: true, ...files, ...clients },
    handler,
  );
  tuneHttp2(server, onSession);
  askFirst(server, onStream);
  server.on("tlsClientError", () => {});
  return {
    server: proxies === undefined ? server : behindProxies(server, { firstBytesMs, proxies }),
    closeIdle: () => closeIdle(server),
    replaceTls: (next) =>
      server.setSecureContext({
        cert: next.cert,
        key: next.key,
        ca: next.clientCa,
      }),
  };
}

/**
 * A TCP server that takes PROXY headers off, and leaves the rest of each connection to another server, which never
 * listens itself.
 */
function behindProxies(
  behind: Server,
  { firstBytesMs, proxies }: Pick<SocketOptions, "firstBytesMs" | "proxies">,
): Server {
  const server = createNetServer({ noDelay: true }, (socket) => {
    const start = limitStart(socket, firstBytesMs);
    passProxyHeader(socket, proxies, () => {
      start.end();
      behind.emit("connection", socket);
    });
  });
  // Told that it listens, it watches its timeouts and knows which connections rest.
  behind.emit("listening");
  server.once("close", () => behind.close());
  return server;
}

/** Cuts a connection off that takes too long over its first words. */
function limitStart(socket: Socket, firstBytesMs: number): { end(): void } {
  socket.on("error", () => {});
  const cut = () => socket.destroy();
  socket.setTimeout(firstBytesMs, cut);
  return {
    end: () => {
      socket.setTimeout(0);
      socket.off("timeout", cut);
    },
  };
}

/** Secure HTTP/2 servers that allow HTTP/1.1 have a method for it that is not declared. */
function closeIdle(server: Http2SecureServer): void {
  if ("closeIdleConnections" in server && typeof server.closeIdleConnections === "function")
    server.closeIdleConnections();
}

/** A TCP server that reads how a connection begins: `PRI` is HTTP/2 with prior knowledge, all else HTTP/1.1. */
function plaintextSockets({ handler, onStream, onSession, firstBytesMs, proxies }: SocketOptions): HttpSockets {
  const http1 = createHttp1Server(http1Options, handler);
  const http2 = createHttp2Server(http2Options, handler);
  tuneHttp2(http2, onSession);
  askFirst(http2, onStream);
  const server = createNetServer({ noDelay: true }, (socket) => {
    const start = limitStart(socket, firstBytesMs);
    passProxyHeader(socket, proxies, () =>
      readStart(socket, (word) => {
        start.end();
        (word === "PRI" ? http2 : http1).emit("connection", socket);
      }),
    );
  });
  // It never listens itself; told that it does, it watches its timeouts and knows which connections rest.
  http1.emit("listening");
  server.once("close", () => http1.close());
  return { server, closeIdle: () => http1.closeIdleConnections(), replaceTls: () => {} };
}

function tuneHttp2(server: Http2Server | Http2SecureServer, onSession: (session: ServerHttp2Session) => void): void {
  server.on("session", (session: ServerHttp2Session) => {
    session.setLocalWindowSize(connectionWindowBytes);
    session.on("error", () => {});
    onSession(session);
  });
  server.on("sessionError", () => {});
}

type StreamListener = (
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  flags: number,
  rawHeaders: string[],
) => void;

/** Asks somebody else about each stream before the library makes a request of it. */
function askFirst(server: Http2Server | Http2SecureServer, onStream: StreamHandler): void {
  const makeRequest = server.listeners("stream");
  server.removeAllListeners("stream");
  const onEach: StreamListener = (stream, headers, flags, rawHeaders) => {
    if (onStream(stream, headers, rawHeaders)) return;
    for (const listener of makeRequest) listener.call(server, stream, headers, flags, rawHeaders);
  };
  server.on("stream", onEach);
}
