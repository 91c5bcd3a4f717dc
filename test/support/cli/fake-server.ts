import {
  createSecureServer,
  createServer,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type ServerHttp2Session,
} from "node:http2";
import type { AddressInfo } from "node:net";
import { Code, ConnectError, type ConnectRouter } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import type { ReasonName } from "../../../src/cli/problems/hints.ts";
import { ErrorInfoSchema } from "../../../src/gen/google/rpc/error_details_pb.ts";

/** What a server shows, in PEM. */
interface Certificate {
  readonly cert: string;
  readonly key: string;
}

/** A server that speaks the real protocol on a real port of this machine; what it answers is up to the routes. */
export class FakeServer implements AsyncDisposable {
  readonly #routes: (router: ConnectRouter) => void;
  readonly #tls: Certificate | undefined;
  readonly #sessions = new Set<ServerHttp2Session>();
  #server: ReturnType<typeof createServer> | ReturnType<typeof createSecureServer> | undefined;
  readonly #host: string;
  /** The status with which a proxy in front of the server answers each new call, with a page. */
  proxyAnswers: number | undefined;
  /** How many calls it has answered so. */
  proxyAnswered = 0;
  #port = 0;
  #shutdown = new AbortController();

  constructor(routes: (router: ConnectRouter) => void, tls?: Certificate, host = "127.0.0.1") {
    this.#host = host;
    this.#routes = routes;
    this.#tls = tls;
  }

  get address(): string {
    return `${this.#tls === undefined ? "http" : "https"}://${this.#host.includes(":") ? `[${this.#host}]` : this.#host}:${this.#port}`;
  }

  get port(): number {
    return this.#port;
  }

  /** Listens; after a stop, on the same port again. */
  async start(): Promise<this> {
    this.#shutdown = new AbortController();
    const adapter = connectNodeAdapter({ routes: this.#routes, shutdownSignal: this.#shutdown.signal });
    const handler = (request: Http2ServerRequest, response: Http2ServerResponse) => {
      if (this.proxyAnswers === undefined) return adapter(request, response);
      this.proxyAnswered += 1;
      response.writeHead(this.proxyAnswers, { "content-type": "text/html", server: "nginx" });
      response.end("<html>");
    };
    this.#server = this.#tls === undefined ? createServer(handler) : createSecureServer(this.#tls, handler);
    this.#server.on("session", (session) => {
      this.#sessions.add(session);
      session.on("close", () => this.#sessions.delete(session));
      session.on("error", () => {});
    });
    await new Promise<void>((resolve, reject) => {
      this.#server?.once("error", reject);
      this.#server?.listen(this.#port, this.#host, resolve);
    });
    this.#port = (this.#server.address() as AddressInfo).port;
    return this;
  }

  /** Cuts every connection, as a crash or a broken network does. */
  cutConnections(): void {
    for (const session of this.#sessions) session.destroy();
  }

  /** Cuts every connection and listens no more. */
  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    this.#shutdown.abort();
    this.cutConnections();
    await closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

/** An error as our server sends it. */
export function refusal(code: Code, reason: ReasonName, message: string, metadata: Record<string, string> = {}) {
  const detail = { desc: ErrorInfoSchema, value: { reason, domain: "windlass", metadata } };
  return new ConnectError(message, code, undefined, [detail]);
}

export { Code };
