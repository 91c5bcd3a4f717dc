import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type ClientSessionRequestOptions,
  connect,
  constants,
  type OutgoingHttpHeaders,
  type SecureClientSessionOptions,
} from "node:http2";
import { Code, ConnectError } from "@connectrpc/connect";

/** Node's 64 KiB allow 0.2 MB/s at 300 ms of round trip. */
const streamWindowBytes = 1024 * 1024;
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
  readonly #options: SecureClientSessionOptions;
  #session: ClientHttp2Session | undefined;
  #dialing: Promise<ClientHttp2Session> | undefined;

  constructor(address: string, options: SecureClientSessionOptions) {
    this.authority = new URL(address).origin;
    this.#options = { ...options, settings: { initialWindowSize: streamWindowBytes } };
  }

  /** Opens a stream; rejects with the error of Node if there is no connection. */
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
      return session.request({ ...headers, ":method": method, ":path": path }, options);
    }
    throw new ConnectError("the server sends each new connection away", Code.Unavailable);
  }

  /** Part of what Connect's transport asks for; nothing here depends on it. */
  notifyResponseByteRead(): void {}

  /** Ends the connection and its streams; the next call dials again. */
  hangUp(): void {
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
    this.#dialing ??= this.#dial();
    return this.#dialing;
  }

  #dial(): Promise<ClientHttp2Session> {
    const { promise, resolve, reject } = Promise.withResolvers<ClientHttp2Session>();
    const session = connect(this.authority, this.#options);
    this.#session = session;
    // For its whole life: an error without a listener would end the program.
    session.on("error", reject);
    session.once("close", () => reject(new ConnectError("the connection was ended", Code.Canceled)));
    session.once("connect", () => {
      // Told also of a session that was ended before.
      if (session.destroyed) return;
      session.setLocalWindowSize(connectionWindowBytes);
      resolve(session);
    });
    promise.catch(() => {
      if (this.#session === session) this.#dialing = undefined;
    });
    return promise;
  }
}
