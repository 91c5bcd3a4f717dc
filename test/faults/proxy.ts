import { once } from "node:events";
import { createServer, connect as dial, type Server, type Socket } from "node:net";
import { setTimeout as pause } from "node:timers/promises";

/** `up` is from the agent to the server. */
export type Direction = "up" | "down";

/** What happens to the bytes of one direction; each kind ends when another one is set. */
export type Shape =
  | { readonly kind: "clean" }
  /** Nothing passes, and nobody is told. */
  | { readonly kind: "stall" }
  | { readonly kind: "delay"; readonly ms: number }
  | { readonly kind: "throttle"; readonly bytesPerSecond: number }
  /** Each byte travels alone. */
  | { readonly kind: "slice" };

const clean: Shape = { kind: "clean" };
const directions: readonly Direction[] = ["up", "down"];

interface Connection {
  readonly agent: Socket;
  readonly server: Socket;
}

/** A TCP proxy in front of the server, which does to its connections what a test says. */
export class FaultyProxy implements AsyncDisposable {
  readonly #target: { readonly host: string; readonly port: number };
  readonly #listener: Server;
  readonly #connections = new Set<Connection>();
  readonly #shapes: Record<Direction, Shape> = { up: clean, down: clean };
  #changed = Promise.withResolvers<void>();
  #isRefusing = false;
  #isOver = false;

  private constructor(target: URL) {
    this.#target = { host: target.hostname, port: Number(target.port) };
    this.#listener = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => this.#accept(socket));
  }

  static async open(target: string): Promise<FaultyProxy> {
    const proxy = new FaultyProxy(new URL(target));
    proxy.#listener.listen(0, "127.0.0.1");
    await once(proxy.#listener, "listening");
    return proxy;
  }

  get url(): string {
    const address = this.#listener.address();
    if (address === null || typeof address === "string") throw new Error("the proxy is closed");
    return `http://127.0.0.1:${address.port}`;
  }

  get connections(): number {
    return this.#connections.size;
  }

  /** Does something to the bytes of a direction, of present and future connections. */
  shape(direction: Direction, shape: Shape): void {
    this.#shapes[direction] = shape;
    this.#wake();
  }

  /** Resets every connection. */
  cut(): void {
    for (const { agent, server } of this.#connections) {
      agent.resetAndDestroy();
      server.resetAndDestroy();
    }
  }

  /** Resets the one half of every connection; the other half goes on in the belief that somebody is there. */
  halfOpen(stays: "agent" | "server"): void {
    for (const connection of this.#connections) connection[stays === "agent" ? "server" : "agent"].resetAndDestroy();
  }

  /** Closes new connections at once, or serves them again. */
  refuse(isRefusing: boolean): void {
    this.#isRefusing = isRefusing;
  }

  /** Ends every fault. Connections that had a half cut off are reset, as a router does sooner or later. */
  heal(): void {
    this.#isRefusing = false;
    for (const direction of directions) this.shape(direction, clean);
    for (const { agent, server } of this.#connections) {
      if (!agent.destroyed && !server.destroyed) continue;
      agent.destroy();
      server.destroy();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    this.#wake();
    this.cut();
    this.#listener.close();
    await once(this.#listener, "close");
  }

  #wake(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  #accept(agent: Socket): void {
    agent.on("error", () => {});
    if (this.#isRefusing) return void agent.resetAndDestroy();
    const server = dial({ ...this.#target, allowHalfOpen: true, noDelay: true });
    server.on("error", () => agent.resetAndDestroy());
    const connection = { agent, server };
    this.#connections.add(connection);
    const forget = () => void (agent.destroyed && server.destroyed && this.#connections.delete(connection));
    agent.on("close", forget);
    server.on("close", forget);
    void this.#pump("up", agent, server).catch(() => {});
    void this.#pump("down", server, agent).catch(() => {});
  }

  /** Carries one direction. A reset of one side ends the pump; what that side had sent before is lost with it. */
  async #pump(direction: Direction, from: Socket, to: Socket): Promise<void> {
    for await (const chunk of from.iterator({ destroyOnReturn: false })) {
      for (const piece of await this.#shaped(direction, chunk)) {
        if (to.destroyed) return;
        if (!to.write(piece)) await Promise.race([once(to, "drain"), once(to, "close")]);
      }
    }
    to.end();
  }

  /** Waits as long as the shape says, and answers the pieces to send. */
  async #shaped(direction: Direction, chunk: Buffer): Promise<readonly Buffer[]> {
    for (;;) {
      const shape = this.#shapes[direction];
      const changed = this.#changed.promise;
      if (this.#isOver) return [];
      switch (shape.kind) {
        case "clean":
          return [chunk];
        case "stall":
          await changed;
          break;
        case "delay":
          await Promise.race([pause(shape.ms), changed]);
          return [chunk];
        case "throttle":
          await Promise.race([pause((chunk.length / shape.bytesPerSecond) * 1000), changed]);
          return [chunk];
        case "slice":
          return Array.from(chunk, (_, at) => chunk.subarray(at, at + 1));
      }
    }
  }
}
