import { createServer as createHttp1Server } from "node:http";
import {
  createServer as createHttp2Server,
  createSecureServer,
  type Http2SecureServer,
  type Http2Server,
  type ServerHttp2Session,
  type ServerOptions,
} from "node:http2";
import { createServer as createNetServer, type Server, type Socket } from "node:net";
import type { HttpHandler } from "./adapter.ts";
import { maxOpenStreams } from "./open-streams.ts";
import { maxHeaderBytes, maxHeaders } from "./wire/metadata.ts";

/** Server certificate and key in PEM; with `clientCa`, clients must show a certificate of that authority. */
export interface TlsFiles {
  readonly cert: string;
  readonly key: string;
  readonly clientCa?: string;
}

export interface SocketOptions {
  readonly handler: HttpHandler;
  readonly tls: TlsFiles | undefined;
  readonly onSession: (session: ServerHttp2Session) => void;
  /** How long a client may take to say its first word, or to agree on TLS. */
  readonly firstBytesMs: number;
}

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
  { handler, onSession, firstBytesMs }: SocketOptions,
  { cert, key, clientCa }: TlsFiles,
): HttpSockets {
  const clients = clientCa === undefined ? {} : { requestCert: true, rejectUnauthorized: true };
  const files = { cert, key, ...(clientCa === undefined ? {} : { ca: clientCa }) };
  const server = createSecureServer(
    { ...http2Options, ...http1Options, handshakeTimeout: firstBytesMs, allowHTTP1: true, ...files, ...clients },
    handler,
  );
  tuneHttp2(server, onSession);
  server.on("tlsClientError", () => {});
  return {
    server,
    closeIdle: () => (server as ClosesIdle).closeIdleConnections?.(),
    replaceTls: (next) =>
      server.setSecureContext({
        cert: next.cert,
        key: next.key,
        ...(next.clientCa === undefined ? {} : { ca: next.clientCa }),
      }),
  };
}

/** Present on secure HTTP/2 servers that allow HTTP/1.1, and not declared. */
type ClosesIdle = Http2SecureServer & { closeIdleConnections?(): void };

/** A TCP server that reads how a connection begins: `PRI` is HTTP/2 with prior knowledge, all else HTTP/1.1. */
function plaintextSockets({ handler, onSession, firstBytesMs }: SocketOptions): HttpSockets {
  const http1 = createHttp1Server(http1Options, handler);
  const http2 = createHttp2Server(http2Options, handler);
  tuneHttp2(http2, onSession);
  const server = createNetServer({ noDelay: true }, (socket) => {
    socket.on("error", () => {});
    socket.setTimeout(firstBytesMs, () => socket.destroy());
    readStart(socket, (start) => {
      socket.setTimeout(0);
      socket.removeAllListeners("timeout");
      (start.startsWith("PRI") ? http2 : http1).emit("connection", socket);
    });
  });
  // It never listens itself; told that it does, it watches its timeouts and knows which connections rest.
  http1.emit("listening");
  server.once("close", () => http1.close());
  return { server, closeIdle: () => http1.closeIdleConnections(), replaceTls: () => {} };
}

/** Hands over the first three bytes (fewer at the end of input) as text, and puts back all that was read. */
function readStart(socket: Socket, onStart: (start: string) => void): void {
  const chunks: Buffer[] = [];
  const onReadable = () => {
    const chunk: Buffer | null = socket.read();
    if (chunk !== null) chunks.push(chunk);
    const bytes = Buffer.concat(chunks);
    if (bytes.length < 3) return;
    socket.off("readable", onReadable);
    socket.unshift(bytes);
    onStart(bytes.toString("latin1", 0, 3));
  };
  socket.on("readable", onReadable);
}

function tuneHttp2(server: Http2Server | Http2SecureServer, onSession: (session: ServerHttp2Session) => void): void {
  server.on("session", (session: ServerHttp2Session) => {
    session.setLocalWindowSize(connectionWindowBytes);
    session.on("error", () => {});
    onSession(session);
  });
  server.on("sessionError", () => {});
}
