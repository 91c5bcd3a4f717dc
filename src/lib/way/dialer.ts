import type { Socket } from "node:net";
import { linkSignals } from "../async/abort.ts";
import { plainAddress } from "../net/networks.ts";
import { messageOf } from "../values/errors.ts";
import { type Dialed, dial, type WayProgress } from "./dial.ts";
import type { AddressHost } from "./endpoints.ts";
import { http2Error, unfinished } from "./http2-words.ts";
import type { Way } from "./way.ts";
import { WayError, type WayStep } from "./way-error.ts";

type Attempt =
  | { readonly kind: "none" }
  | { readonly kind: "going"; readonly step: WayStep }
  | { readonly kind: "opened" }
  /** HTTP/2 has begun. */
  | { readonly kind: "spoken" };

/** Opens connections on one way, and remembers how the newest went: libraries lose the reason, and it is asked for here. */
export class Dialer {
  readonly way: Way;
  readonly #closing = new AbortController();
  #attempt: Attempt = { kind: "none" };
  /** Of the newest attempt that failed, until one went well. */
  #error: WayError | undefined;
  /** The newest one that was handed out. */
  #socket: Socket | undefined;
  /** Where that leads. */
  #host: string | undefined;
  /** Why it broke, where that was told on the socket alone. */
  #broke: Error | undefined;
  /** The newest connection on which the server has not been heard: another attempt may have begun before its failure is told. */
  #unheard: Dialed | undefined;

  constructor(way: Way) {
    this.way = way;
  }

  /** A socket on which HTTP/2 can begin. Rejects with a `WayError`, or with the reason of the signal or of `close`. */
  async dial(signal?: AbortSignal): Promise<Socket> {
    using linked = linkSignals(this.#closing.signal, signal);
    this.#attempt = { kind: "going", step: "address" };
    try {
      const dialed = await dial(this.way, linked.signal, (step) => this.#passed(step));
      this.#attempt = { kind: "opened" };
      this.#unheard = dialed;
      this.#socket = dialed.socket;
      this.#broke = undefined;
      this.#host = this.way.proxy.kind === "direct" ? hostOf(dialed.socket) : undefined;
      dialed.socket.once("error", (error) => {
        this.#broke = error;
      });
      return dialed.socket;
    } catch (error) {
      this.#attempt = { kind: "none" };
      if (error instanceof WayError) this.#error = error;
      throw error;
    }
  }

  /** Where the connection leads that was handed out last: the host is not known behind a proxy. */
  get endpoint(): AddressHost {
    return { url: this.way.url, host: this.#host };
  }

  /** To be told when the server has said the first thing in HTTP/2. */
  spoken(): void {
    this.#attempt = { kind: "spoken" };
    this.#error = undefined;
    this.#unheard = undefined;
  }

  /** Why there is no connection, when a library says that there is none, in these words; undefined if it is not known here. */
  whyNone(cause: unknown): WayError | undefined {
    const isOfDialing = this.#error !== undefined && messageOf(cause).includes(this.#error.message);
    if (!isOfDialing && this.#unheard !== undefined) this.#error = http2Error(this.way, this.#unheard, cause);
    return this.#error;
  }

  /** The same, when a library says no more than that there is none. */
  whyFailed(): WayError | undefined {
    return this.whyNone(this.#broke ?? new Error("the connection was closed"));
  }

  /** What was still under way, when a deadline has passed; undefined if the connection was there. */
  whyLate(): WayError | undefined {
    if (this.#attempt.kind === "going") return this.#error ?? unfinished(this.way, this.#attempt.step);
    return this.#attempt.kind === "opened" ? unfinished(this.way, "http2") : this.#error;
  }

  /** Ends the connection that was handed out last: what is called next dials. */
  hangUp(): void {
    this.#socket?.destroy();
    this.#socket = undefined;
  }

  /** Ends attempts that are under way, and those to come; connections that were handed out stay. */
  close(): void {
    this.#closing.abort(new Error("the connection is not wanted any more"));
  }

  #passed(progress: WayProgress): void {
    const isSecure = this.way.server.isSecure;
    const next: Readonly<Record<WayProgress["kind"], WayStep>> = {
      resolved: "tcp",
      connected: this.way.proxy.kind === "proxy" ? "proxy" : isSecure ? "tls" : "http2",
      tunneled: isSecure ? "tls" : "http2",
      secured: "http2",
    };
    this.#attempt = { kind: "going", step: next[progress.kind] };
  }
}

const hostOf = ({ remoteAddress }: Socket): string | undefined =>
  remoteAddress === undefined ? undefined : plainAddress(remoteAddress);
