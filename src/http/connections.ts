import type { Http2Session, ServerHttp2Session } from "node:http2";
import type { Socket } from "node:net";
import type { Clock } from "../lib/clock.ts";
import { type Networks, noNetworks, plainAddress } from "../lib/net/networks.ts";

/** How long connections may rest, and how many strangers an address may have. */
export interface ConnectionLimits {
  /** How long a client may take to say its first word, or to agree on TLS. */
  readonly firstBytesMs: number;
  /** A connection on which no credential was accepted yet ends when it has had no call for this long. */
  readonly strangerRestMs: number;
  /** Every other one; its client connects again with its next call. */
  readonly restMs: number;
  /** Connections of one address on which no credential was accepted yet; the one that rests longest makes room. */
  readonly maxStrangers: number;
}

export const defaultConnectionLimits: ConnectionLimits = {
  firstBytesMs: 10_000,
  strangerRestMs: 30_000,
  restMs: 15 * 60_000,
  maxStrangers: 256,
};

/** Who is at the other end of a connection. */
export type ConnectionPeer = Pick<Socket, "remoteAddress" | "remotePort">;

interface Connection {
  readonly socket: Socket;
  /** Of the peer, or of whom the peer stands for, as its PROXY header says. */
  address: string;
  session: ServerHttp2Session | undefined;
  /** True once a credential was accepted on it. */
  isKnown: boolean;
  calls: number;
  /** Since when it has had no call. */
  restsSinceMs: number;
}

const lookEveryMs = 1_000;

/**
 * The open connections of a port. A connection costs a descriptor, of which there are few: those that rest too long are
 * ended, politely (GOAWAY) where a client may only be quiet.
 */
export class Connections {
  readonly #limits: ConnectionLimits;
  readonly #clock: Clock;
  readonly #proxies: Networks;
  readonly #byPeer = new Map<string, Connection>();
  readonly #bySession = new WeakMap<Http2Session, Connection>();
  /** Those on which no credential was accepted yet by their address, in the order in which they came. */
  readonly #strangers = new Map<string, Set<Connection>>();

  /** The connections of `proxies` are not counted together: each brings many callers. */
  constructor(clock: Clock, limits: ConnectionLimits, proxies: Networks = noNetworks) {
    this.#clock = clock;
    this.#limits = limits;
    this.#proxies = proxies;
  }

  get size(): number {
    return this.#byPeer.size;
  }

  /** The socket of this connection, as far as it is still open; a session does not give its own away. */
  socketOf(session: ServerHttp2Session): Socket | undefined {
    return session.destroyed ? undefined : this.#byPeer.get(peerOf(session.socket))?.socket;
  }

  sockets(): readonly Socket[] {
    return [...this.#byPeer.values()].map(({ socket }) => socket);
  }

  /** A connection was accepted. */
  add(socket: Socket): void {
    const peer = peerOf(socket);
    const address = plainAddress(socket.remoteAddress ?? "");
    const restsSinceMs = this.#clock.monotonicMs();
    const connection = { socket, address, session: undefined, isKnown: false, calls: 0, restsSinceMs };
    this.#byPeer.set(peer, connection);
    socket.once("close", () => {
      this.#byPeer.delete(peer);
      this.#isNoStranger(connection);
    });
    this.#makeRoom(connection);
  }

  /** The proxy at the other end stands for somebody else, who is counted from now on. */
  standsFor(socket: ConnectionPeer, address: string): void {
    const connection = this.#byPeer.get(peerOf(socket));
    if (connection === undefined) return;
    this.#isNoStranger(connection);
    connection.address = address;
    this.#makeRoom(connection);
  }

  /** Whose connection it is: `10.1.2.3` or `fe80::1`, without what HTTP headers say; empty if it is over. */
  addressOf(socket: ConnectionPeer): string {
    return this.#byPeer.get(peerOf(socket))?.address ?? plainAddress(socket.remoteAddress ?? "");
  }

  /** The same for a connection that speaks HTTP/2. */
  addressOfSession(session: Http2Session): string {
    return this.#bySession.get(session)?.address ?? "";
  }

  /** A connection has turned out to speak HTTP/2. */
  addSession(session: ServerHttp2Session): void {
    const connection = this.#byPeer.get(peerOf(session.socket));
    if (connection === undefined) return;
    connection.session = session;
    this.#bySession.set(session, connection);
    session.on("stream", (stream) => {
      connection.calls += 1;
      stream.once("close", () => {
        connection.calls -= 1;
        connection.restsSinceMs = this.#clock.monotonicMs();
      });
    });
  }

  /** A credential was accepted on the connection with this peer. */
  recognize(socket: ConnectionPeer): void {
    this.#recognize(this.#byPeer.get(peerOf(socket)));
  }

  /** The same for a connection that speaks HTTP/2. */
  recognizeSession(session: Http2Session): void {
    this.#recognize(this.#bySession.get(session));
  }

  #recognize(connection: Connection | undefined): void {
    if (connection === undefined || connection.isKnown) return;
    connection.isKnown = true;
    this.#isNoStranger(connection);
  }

  /** Ends what rests too long, until the signal is aborted. HTTP/1.1 has time-outs of its own. */
  async watch(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      for (const connection of this.#byPeer.values()) this.#endIfTired(connection);
      await this.#clock.sleep(lookEveryMs, signal).catch(() => {});
    }
  }

  #endIfTired(connection: Connection): void {
    const { session, calls, isKnown, restsSinceMs } = connection;
    if (session === undefined || calls > 0) return;
    const mayRestMs = isKnown ? this.#limits.restMs : this.#limits.strangerRestMs;
    const restedMs = this.#clock.monotonicMs() - restsSinceMs;
    if (restedMs < mayRestMs) return;
    // A peer that does not hang up after a GOAWAY is no client.
    if (restedMs < mayRestMs + 2 * lookEveryMs) session.close();
    else connection.socket.destroy();
  }

  /** Whoever opens connections and says nothing on them takes room from nobody but itself. */
  #makeRoom(newest: Connection): void {
    if (this.#proxies.has(newest.address)) return;
    const strangers = this.#strangers.get(newest.address) ?? new Set();
    this.#strangers.set(newest.address, strangers.add(newest));
    if (strangers.size <= this.#limits.maxStrangers) return;
    const [first] = strangers;
    const longest = [...strangers].find(({ calls }) => calls === 0) ?? first;
    longest?.socket.destroy();
  }

  #isNoStranger(connection: Connection): void {
    const strangers = this.#strangers.get(connection.address);
    strangers?.delete(connection);
    if (strangers?.size === 0) this.#strangers.delete(connection.address);
  }
}

/** Of an HTTP/2 session's stand-in for its socket, too. */
const peerOf = ({ remoteAddress, remotePort }: ConnectionPeer): string => `${remoteAddress} ${remotePort}`;
