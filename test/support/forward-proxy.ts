import { once } from "node:events";
import { createServer } from "node:http";
import { createServer as createSecureServer } from "node:https";
import { type AddressInfo, connect, type Socket } from "node:net";
import type { Duplex } from "node:stream";

interface Rules {
  /** `user:password`; without it anybody may come. */
  readonly credentials?: string;
  /** The status for this target; undefined opens the tunnel. */
  readonly refuse?: (target: string) => number | undefined;
  /** Speaks TLS itself. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** Takes the request and says nothing, or closes. */
  readonly mood?: "mute" | "closes";
  /** Headers of a refusal. */
  readonly headers?: readonly string[];
  /** Where the targets really are, as `host:port`: names that no resolver knows. */
  readonly places?: Readonly<Record<string, string>>;
}

/** A forward proxy for tests: opens tunnels on CONNECT, or refuses as its rules say. */
export class ForwardProxyServer implements AsyncDisposable {
  /** What was asked for, in order, as `host:port`. */
  readonly asked: string[] = [];
  readonly #rules: Rules;
  readonly #sockets = new Set<Duplex>();
  readonly #server: ReturnType<typeof createServer>;

  private constructor(rules: Rules) {
    this.#rules = rules;
    this.#server = rules.tls === undefined ? createServer() : createSecureServer(rules.tls);
    this.#server.on("connection", (socket: Socket) => this.#keep(socket));
    this.#server.on("connect", ({ url = "", headers }, socket, head) => {
      this.asked.push(url);
      this.#keep(socket);
      this.#answer({ target: url, authorization: headers["proxy-authorization"] }, socket, head);
    });
  }

  static async start(rules: Rules = {}): Promise<ForwardProxyServer> {
    const proxy = new ForwardProxyServer(rules);
    await once(proxy.#server.listen(0, "127.0.0.1"), "listening");
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Without credentials. */
  get url(): string {
    return `${this.#rules.tls === undefined ? "http" : "https"}://127.0.0.1:${this.port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => void this.#server.close(() => resolve()));
  }

  #keep(socket: Duplex): void {
    this.#sockets.add(socket);
    socket.on("error", () => {});
    socket.once("close", () => this.#sockets.delete(socket));
  }

  #answer(asked: { target: string; authorization: string | undefined }, socket: Duplex, head: Buffer): void {
    const { mood, headers = [] } = this.#rules;
    if (mood === "mute") return;
    if (mood === "closes") return void socket.destroy();
    const status = this.#refusal(asked);
    if (status === undefined) return void this.#tunnel(asked.target, socket, head);
    const more = status === 407 && headers.length === 0 ? ['Proxy-Authenticate: Basic realm="test"'] : headers;
    socket.end([`HTTP/1.1 ${status} No`, ...more, "Content-Length: 0", "", ""].join("\r\n"));
  }

  #refusal({ target, authorization }: { target: string; authorization: string | undefined }): number | undefined {
    const { credentials, refuse } = this.#rules;
    const wanted = credentials === undefined ? undefined : `Basic ${Buffer.from(credentials).toString("base64")}`;
    return wanted !== undefined && authorization !== wanted ? 407 : refuse?.(target);
  }

  #tunnel(target: string, socket: Duplex, head: Buffer): void {
    const url = new URL(`http://${this.#rules.places?.[target] ?? target}`);
    const upstream = connect(Number(url.port || 80), url.hostname.replace(/^\[|\]$/g, ""));
    this.#keep(upstream);
    upstream.once("error", () => socket.end("HTTP/1.1 503 No\r\nX-Squid-Error: ERR_CONNECT_FAIL 111\r\n\r\n"));
    upstream.once("connect", () => {
      socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
      upstream.write(head);
      upstream.pipe(socket).pipe(upstream);
    });
    socket.once("close", () => upstream.destroy());
    upstream.once("close", () => socket.destroy());
  }
}
