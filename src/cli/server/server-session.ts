import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type ClientSessionRequestOptions,
  connect,
  constants,
  type OutgoingHttpHeaders,
} from "node:http2";
import { Code, ConnectError } from "@connectrpc/connect";
import { abortable } from "../../lib/async/abort.ts";
import { Dialer } from "../../lib/way/dialer.ts";
import type { Way } from "../../lib/way/way.ts";
import { WayError } from "../../lib/way/way-error.ts";

/** What may be on its way: at 300 ms of round trip Node's 64 KiB allow 0.2 MB/s, these 14. */
const streamWindowBytes = 4 * 1024 * 1024;
const connectionWindowBytes = 4 * 1024 * 1024;
/** Connections of one call that may end before it is sent. */
const maxDials = 3;

/**
 * The HTTP/2 connection to the server, as Connect's transport uses one: dialed by the first call, and again when it is over.
 * Whatever answers there, an error of the connection is the error of its calls and of nothing else.
 */
export class ServerSession implements Disposable {
  /** What Connect's transport compares with the address of a call. */
  readonly authority: string;
  /** Knows why there is no connection. */
  readonly dialer: Dialer;
  readonly #headers: OutgoingHttpHeaders;
  #session: ClientHttp2Session | undefined;
  /** The one on which the server was heard. */
  #spoken: ClientHttp2Session | undefined;
  #dialing: Promise<ClientHttp2Session> | undefined;
  #stop = new AbortController();

  constructor(way: Way) {
    this.authority = new URL(way.url).origin;
    this.dialer = new Dialer(way);
    // Node itself writes IPv6 addresses without their brackets.
    this.#headers = { ":authority": way.server.authority };
  }

  /** Opens a stream; rejects with UNAVAILABLE, because of a `WayError`, if there is no connection. */
  async request(
    method: string,
    path: string,
    headers: OutgoingHttpHeaders,
    options: Omit<ClientSessionRequestOptions, "signal">,
  ): Promise<ClientHttp2Stream> {
    for (let dials = 0; dials < maxDials; dials++) {
      const session = await this.#ready();
      // It may have ended since.
      if (session.closed || session.destroyed) continue;
      return session.request({ ...this.#headers, ...headers, ":method": method, ":path": path }, options);
    }
    throw new ConnectError("the server sends each new connection away", Code.Unavailable);
  }

  /** Opens the connection, if there is none; resolves when the server has spoken on it. Rejects as `request` does. */
  async connect(signal: AbortSignal): Promise<void> {
    const session = await abortable(this.#ready(), signal);
    if (this.#spoken === session) return;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    session.once("remoteSettings", () => resolve());
    const onClose = () => {
      const why = this.dialer.whyFailed();
      reject(new ConnectError(why?.message ?? "no connection", Code.Unavailable, undefined, undefined, why));
    };
    session.once("close", onClose);
    if (session.destroyed) onClose();
    await abortable(promise, signal);
  }

  /** Part of what Connect's transport asks for; nothing here depends on it. */
  notifyResponseByteRead(): void {}

  /** Ends the connection and its streams; the next call dials again. */
  hangUp(): void {
    this.#stop.abort();
    this.#stop = new AbortController();
    this.#session?.destroy(undefined, constants.NGHTTP2_CANCEL);
    this.#session = undefined;
    this.#dialing = undefined;
  }

  [Symbol.dispose](): void {
    this.hangUp();
  }

  async #ready(): Promise<ClientHttp2Session> {
    if (this.#session !== undefined && (this.#session.closed || this.#session.destroyed)) {
      // Told to go away, it still ends its streams.
      this.#session = undefined;
      this.#dialing = undefined;
    }
    if (this.#dialing === undefined) {
      const dialing = this.#dial(this.#stop.signal);
      this.#dialing = dialing;
      dialing.catch(() => {
        if (this.#dialing === dialing) this.#dialing = undefined;
      });
    }
    return this.#dialing;
  }

  async #dial(stop: AbortSignal): Promise<ClientHttp2Session> {
    const socket = await this.dialer.dial(stop).catch((error: unknown) => {
      if (error instanceof WayError)
        throw new ConnectError(error.message, Code.Unavailable, undefined, undefined, error);
      throw stop.aborted ? new ConnectError("the connection was ended", Code.Canceled) : error;
    });
    const settings = { initialWindowSize: streamWindowBytes };
    const session = connect(this.authority, { createConnection: () => socket, settings });
    this.#session = session;
    // For its whole life: an error without a listener would end the program.
    session.on("error", () => {});
    session.once("remoteSettings", () => {
      this.#spoken = session;
      this.dialer.spoken();
    });
    const { promise, resolve } = Promise.withResolvers<void>();
    session.once("connect", resolve);
    session.once("close", resolve);
    await promise;
    if (!session.destroyed) session.setLocalWindowSize(connectionWindowBytes);
    return session;
  }
}
