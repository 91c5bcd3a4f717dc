import { once } from "node:events";
import { request as requestHttp1 } from "node:http";
import {
  type ClientHttp2Session,
  connect,
  constants,
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type ServerHttp2Stream,
} from "node:http2";
import type { AddressInfo } from "node:net";

/** What the proxy does to a call. */
export type Manner =
  | { readonly kind: "pass" }
  /** It answers itself. */
  | { readonly kind: "answer"; readonly status: number; readonly headers?: OutgoingHttpHeaders; readonly body?: string }
  /** As nginx with client_max_body_size: a longer request gets 413 or, once it is answered, is ended. */
  | { readonly kind: "bound"; readonly bytes: number }
  /** It ends each call after this long. */
  | { readonly kind: "time-out"; readonly ms: number }
  /** It speaks HTTP/1.1 to the server, and waits for the end of each request. */
  | { readonly kind: "http1" };

/**
 * A proxy that speaks HTTP/2 without TLS on both sides and does to calls what a test says: to all, or to those that
 * match.
 */
export class RudeProxy implements AsyncDisposable {
  readonly #target: string;
  readonly #server: Http2Server;
  readonly #sessions = new Set<{ destroy(): void }>();
  #up: ClientHttp2Session | undefined;
  #manner: { readonly manner: Manner; readonly paths: RegExp } = { manner: { kind: "pass" }, paths: /./ };
  /** Paths of the calls that came, in their order. */
  readonly calls: string[] = [];
  /** How many calls it has ended in the middle. */
  cutStreams = 0;

  private constructor(target: string) {
    this.#target = target;
    this.#server = createServer();
    this.#server.on("session", (session) => {
      this.#sessions.add(session);
      session.on("error", () => {});
      session.once("close", () => this.#sessions.delete(session));
    });
    this.#server.on("stream", (stream, headers) => this.#serve(stream, headers));
  }

  static async open(target: string): Promise<RudeProxy> {
    const proxy = new RudeProxy(target);
    proxy.#server.listen(0, "127.0.0.1");
    await once(proxy.#server, "listening");
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** From now on; calls that are under way go on as they are. */
  behave(manner: Manner, paths = /./): void {
    this.#manner = { manner, paths };
  }

  /** Ends every connection. */
  cut(): void {
    for (const session of this.#sessions) session.destroy();
  }

  /** How many calls of a method have come. */
  count(method: string): number {
    return this.calls.filter((path) => path.endsWith(`/${method}`)).length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    this.#up?.destroy();
    this.#server.close();
    await once(this.#server, "close");
  }

  #serve(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    stream.on("error", () => {});
    const path = headers[":path"] ?? "";
    this.calls.push(path);
    const { manner, paths } = this.#manner;
    if (paths.test(path)) this.#mistreat(manner, stream, headers);
    else this.#pass(stream, headers);
  }

  #mistreat(manner: Manner, stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    if (manner.kind === "answer") answer(stream, manner);
    else if (manner.kind === "http1")
      this.#downgrade(stream, headers).catch(() => stream.close(constants.NGHTTP2_CANCEL));
    else {
      if (manner.kind === "bound") boundBody(stream, manner.bytes, () => this.cutStreams++);
      if (manner.kind === "time-out") setTimeout(() => this.#end(stream), manner.ms).unref();
      this.#pass(stream, headers);
    }
  }

  #end(stream: ServerHttp2Stream): void {
    if (stream.closed) return;
    this.cutStreams++;
    stream.close(constants.NGHTTP2_CANCEL);
  }

  #pass(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    const up = this.#upstream().request(headers as OutgoingHttpHeaders, { endStream: false });
    up.on("error", () => stream.close(constants.NGHTTP2_INTERNAL_ERROR));
    stream.pipe(up);
    stream.once("close", () => up.close(constants.NGHTTP2_CANCEL));
    up.on("response", (found, flags) => {
      if (stream.headersSent || stream.closed) return;
      const hasEnded = (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0;
      stream.respond(found as OutgoingHttpHeaders, hasEnded ? { endStream: true } : { waitForTrailers: true });
      if (!hasEnded) up.pipe(stream);
    });
    let trailers: OutgoingHttpHeaders = {};
    up.on("trailers", (found) => {
      trailers = found as OutgoingHttpHeaders;
    });
    stream.on("wantTrailers", () => stream.sendTrailers(trailers));
  }

  #upstream(): ClientHttp2Session {
    if (this.#up === undefined || this.#up.destroyed || this.#up.closed) {
      this.#up = connect(this.#target);
      this.#up.on("error", () => {});
    }
    return this.#up;
  }

  async #downgrade(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): Promise<void> {
    const own = Object.entries(headers).filter(([name]) => !name.startsWith(":"));
    const { hostname, port } = new URL(this.#target);
    const up = requestHttp1({
      ...{ hostname, port, method: "POST", path: headers[":path"] ?? "/" },
      headers: Object.fromEntries(own) as Record<string, string>,
    });
    stream.pipe(up);
    const [found] = await once(up, "response");
    const hidden = new Set(["connection", "transfer-encoding", "keep-alive", "trailer"]);
    const kept = Object.entries(found.headers).filter(([name]) => !hidden.has(name));
    if (stream.closed) return;
    const answered = { ":status": found.statusCode, ...Object.fromEntries(kept) } as OutgoingHttpHeaders;
    if (found.headers["content-length"] === "0") return stream.respond(answered, { endStream: true });
    stream.respond(answered, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers(found.trailers));
    found.pipe(stream);
  }
}

function answer(stream: ServerHttp2Stream, { status, headers, body }: Extract<Manner, { kind: "answer" }>): void {
  stream.resume();
  stream.respond({ ":status": status, server: "rude/1.0", "content-type": "text/html", ...headers });
  stream.end(body ?? `<html><body>${status}</body></html>`);
}

function boundBody(stream: ServerHttp2Stream, bytes: number, onCut: () => void): void {
  let seen = 0;
  stream.on("data", (piece: Buffer) => {
    seen += piece.length;
    if (seen <= bytes || stream.closed) return;
    onCut();
    if (stream.headersSent) stream.close(constants.NGHTTP2_INTERNAL_ERROR);
    else answer(stream, { kind: "answer", status: 413 });
  });
}
