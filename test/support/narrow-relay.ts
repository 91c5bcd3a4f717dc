import { connect, createServer, type Server, type Socket } from "node:net";
import { setTimeout as pause } from "node:timers/promises";

export interface NarrowRelayOptions {
  /** How many bytes pass in each direction in a second, all connections together; any number if absent. */
  readonly bytesPerSecond?: number;
  /** Ends a connection when so many bytes have gone to the server over it; never if absent. */
  readonly cutAfterSent?: number;
}

/** A wire to a server that is slow, or breaks. Its numbers may be changed while bytes flow. */
export class NarrowRelay implements AsyncDisposable {
  bytesPerSecond: number;
  cutAfterSent: number;
  /** How many bytes have come from the server, and gone to it. */
  readonly passed = { down: 0, up: 0 };
  /** Connections that were ended because enough was sent. */
  cuts = 0;
  readonly #target: { readonly host: string; readonly port: number };
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** When each direction is free again. */
  readonly #freeAtMs = { down: 0, up: 0 };

  private constructor(url: string, { bytesPerSecond = Infinity, cutAfterSent = Infinity }: NarrowRelayOptions) {
    const { hostname: host, port } = new URL(url);
    this.#target = { host, port: Number(port) };
    this.bytesPerSecond = bytesPerSecond;
    this.cutAfterSent = cutAfterSent;
    this.#server = createServer((client) => this.#serve(client));
  }

  /** Opens a wire to the server at this address. */
  static async open(url: string, options: NarrowRelayOptions = {}): Promise<NarrowRelay> {
    const relay = new NarrowRelay(url, options);
    await new Promise<void>((resolve) => relay.#server.listen(0, "127.0.0.1", resolve));
    return relay;
  }

  /** What to dial in the server's place. */
  get url(): string {
    const address = this.#server.address();
    return `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}`;
  }

  /** Ends every connection. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.cut();
    await closed;
  }

  #serve(client: Socket): void {
    const server = connect(this.#target);
    let sent = 0;
    const end = () => {
      client.destroy();
      server.destroy();
    };
    for (const socket of [client, server]) {
      socket.setNoDelay(true);
      this.#sockets.add(socket);
      socket.on("error", end);
      socket.once("close", () => {
        this.#sockets.delete(socket);
        end();
      });
    }
    const onUp = (bytes: number) => {
      sent += bytes;
      if (sent < this.cutAfterSent) return;
      this.cuts += 1;
      end();
    };
    this.#pass({ from: client, to: server, way: "up" }, onUp).catch(end);
    this.#pass({ from: server, to: client, way: "down" }, () => {}).catch(end);
  }

  async #pass({ from, to, way }: Way, onPassed: (bytes: number) => void): Promise<void> {
    for await (const chunk of from) {
      const piece = chunk as Buffer;
      // Small slices, so that connections share the wire.
      for (let at = 0; at < piece.length; at += sliceBytes) {
        const slice = piece.subarray(at, at + sliceBytes);
        await this.#wait(way, slice.length);
        if (to.destroyed) return;
        to.write(slice);
        this.passed[way] += slice.length;
        onPassed(slice.length);
      }
    }
    to.end();
  }

  async #wait(way: "up" | "down", bytes: number): Promise<void> {
    const nowMs = performance.now();
    this.#freeAtMs[way] = Math.max(this.#freeAtMs[way], nowMs) + (bytes * 1000) / this.bytesPerSecond;
    const ms = this.#freeAtMs[way] - nowMs;
    if (ms >= 1) await pause(ms);
  }
}

const sliceBytes = 4 * 1024;

interface Way {
  readonly from: Socket;
  readonly to: Socket;
  readonly way: "up" | "down";
}
