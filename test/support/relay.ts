import { once } from "node:events";
import { type AddressInfo, createServer, connect as dial, type Server, type Socket } from "node:net";
import { Lane, Road, type Shape } from "./lane.ts";
import type { Seeded } from "./seeded.ts";

export type { Shape } from "./lane.ts";

/** `up` is from the client to the server. */
export type Direction = "up" | "down";

/** When a connection is reset. */
export type Cut =
  | { readonly kind: "bytes"; readonly direction: Direction; readonly bytes: number }
  | { readonly kind: "time"; readonly ms: number }
  /** Somewhere in so many bytes of either direction, drawn for each connection. */
  | { readonly kind: "random"; readonly random: Seeded; readonly maxBytes: number };

const directions: readonly Direction[] = ["up", "down"];

interface Connection {
  readonly client: Socket;
  readonly server: Socket;
  readonly lanes: Readonly<Record<Direction, Lane>>;
  timer: NodeJS.Timeout | undefined;
}

/** Read at a time: little, so that what waits is in the queue that a shape has, and not in the socket. */
const socketOptions = { allowHalfOpen: true, noDelay: true, highWaterMark: 16 * 1024 };

const placeOf = ({ hostname, port }: URL) => ({ host: hostname.replace(/^\[|\]$/g, ""), port: Number(port) });

/**
 * A TCP relay in front of a server, which does to its connections what a test says. The kernel's own buffers on either
 * side come on top of its queues: 64 KiB to the relay, and what the sender is given (up to 2.5 MB on loopback).
 */
export class Relay implements AsyncDisposable {
  #target: { readonly host: string; readonly port: number };
  readonly #scheme: string;
  readonly #listener: Server;
  readonly #connections = new Set<Connection>();
  readonly #roads: Readonly<Record<Direction, Road>> = { up: new Road(), down: new Road() };
  #cut: Cut | undefined;
  #isRefusing = false;

  private constructor(target: URL) {
    this.#target = placeOf(target);
    this.#scheme = target.protocol;
    this.#listener = createServer(socketOptions, (socket) => this.#accept(socket));
  }

  static async open(target: string, host: "127.0.0.1" | "::1" = "127.0.0.1"): Promise<Relay> {
    const relay = new Relay(new URL(target));
    relay.#listener.listen(0, host);
    await once(relay.#listener, "listening");
    return relay;
  }

  /** From now on new connections are to this server. */
  aim(target: string): void {
    this.#target = placeOf(new URL(target));
  }

  get port(): number {
    return this.#address().port;
  }

  /** With the scheme of the target. */
  get url(): string {
    const { address, family, port } = this.#address();
    return `${this.#scheme}//${family === "IPv6" ? `[${address}]` : address}:${port}`;
  }

  get connections(): number {
    return this.#connections.size;
  }

  /** Does something to the bytes of a direction, of present and future connections. */
  shape(direction: Direction, shape: Shape): void {
    this.#roads[direction].set(shape);
  }

  /** The same for both directions. */
  shapeBoth(shape: Shape): void {
    for (const direction of directions) this.shape(direction, shape);
  }

  /** What `clean` means from now on, for both directions: a link that is slow between its faults, too. */
  usually(shape: Shape): void {
    for (const direction of directions) this.#roads[direction].setUsual(shape);
  }

  /** Resets each connection when its time has come, counted from now or from its beginning; undefined is never. */
  cutEach(cut: Cut | undefined): void {
    this.#cut = cut;
    for (const connection of this.#connections) this.#limit(connection);
  }

  /** Resets every connection. */
  cut(): void {
    for (const connection of this.#connections) reset(connection);
  }

  /** Resets the one half of every connection; the other half goes on in the belief that somebody is there. */
  halfOpen(stays: "client" | "server"): void {
    for (const connection of this.#connections) connection[stays === "client" ? "server" : "client"].resetAndDestroy();
  }

  /**
   * Present connections are dead from now on and nobody is told, as when a NAT forgets or an address changes; new ones
   * work.
   */
  forget(): void {
    for (const { lanes } of this.#connections) for (const direction of directions) lanes[direction].forget();
  }

  /** Closes new connections at once, or serves them again. */
  refuse(isRefusing: boolean): void {
    this.#isRefusing = isRefusing;
  }

  /** Ends every fault. Connections that had a half cut off are reset, as a router does sooner or later. */
  heal(): void {
    this.#isRefusing = false;
    this.cutEach(undefined);
    this.usually({ kind: "clean" });
    this.shapeBoth({ kind: "clean" });
    for (const { client, server, lanes } of this.#connections) {
      if (!client.destroyed && !server.destroyed && !lanes.up.isForgotten && !lanes.down.isForgotten) continue;
      client.destroy();
      server.destroy();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    for (const direction of directions) this.#roads[direction].wake();
    this.#listener.close();
    await once(this.#listener, "close");
  }

  #address(): AddressInfo {
    const address = this.#listener.address();
    if (address === null || typeof address === "string") throw new Error("the relay is closed");
    return address;
  }

  #accept(client: Socket): void {
    client.on("error", () => {});
    if (this.#isRefusing) return void client.resetAndDestroy();
    const server = dial({ ...this.#target, ...socketOptions });
    server.on("error", () => client.resetAndDestroy());
    const lanes = {
      up: new Lane({ road: this.#roads.up, from: client, to: server }),
      down: new Lane({ road: this.#roads.down, from: server, to: client }),
    };
    const connection: Connection = { client, server, lanes, timer: undefined };
    this.#connections.add(connection);
    const forget = () => {
      if (!client.destroyed || !server.destroyed) return;
      clearTimeout(connection.timer);
      this.#connections.delete(connection);
    };
    client.on("close", forget);
    server.on("close", forget);
    this.#limit(connection);
    for (const direction of directions) void lanes[direction].run().catch(() => {});
  }

  #limit(connection: Connection): void {
    const cut = this.#cut;
    const end = () => reset(connection);
    clearTimeout(connection.timer);
    if (cut?.kind === "time") connection.timer = setTimeout(end, cut.ms);
    for (const direction of directions) {
      const bytes = bytesOf(cut, direction);
      connection.lanes[direction].limit(bytes === undefined ? undefined : { bytes, cut: end });
    }
  }
}

function bytesOf(cut: Cut | undefined, direction: Direction): number | undefined {
  if (cut?.kind === "random") return cut.random.between(1, cut.maxBytes);
  return cut?.kind === "bytes" && cut.direction === direction ? cut.bytes : undefined;
}

function reset({ client, server }: Connection): void {
  client.resetAndDestroy();
  server.resetAndDestroy();
}
