import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { createServer, connect as dial, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { freshName } from "../support/api.ts";
import { type Program, startProgram, type Within } from "../support/programs.ts";
import type { Scene } from "../support/scene.ts";
import { until } from "../support/until.ts";
import { able } from "./found.ts";
import { isRoot, type Way } from "./front.ts";
import { withFile } from "./hosts.ts";

const carrier = fileURLToPath(new URL("packet_link.py", import.meta.url));

/** A network namespace of its own, which ends with the last program in it. */
const apart = ["unshare", "--net", ...(isRoot ? [] : ["--user", "--map-root-user"])];

const isAble = [
  [...apart, "ip", "tuntap", "add", "dev", "probe", "mode", "tun"],
  ["nsenter", "--version"],
  ["python3", "--version"],
].every(([command = "", ...args]) => spawnSync(command, args).status === 0);

/** Tests whose links carry packets. */
export const packets = able("links that carry packets", isAble, "root, /dev/net/tun, python3, iproute2, util-linux");

/** The addresses of the server's machine, and of the resolver that the agent's machine has. */
export const serverAddresses = ["10.77.0.2", "10.77.0.3"] as const;
export const resolverAddress = "10.77.0.53";

/** What the link does to packets; each stays until it is set again. */
export interface LinkSettings {
  /** One way. */
  readonly delayMs?: number;
  /** Out of 1. */
  readonly loss?: number;
  /** Out of 1: overtake all that are under way. */
  readonly reordered?: number;
  /** What is larger vanishes, and nobody is told. */
  readonly maxBytes?: number;
  /** Addresses for which nothing passes. */
  readonly dead?: readonly string[];
  /** What the resolver knows. */
  readonly names?: Readonly<Record<string, string>>;
}

/** Packets so far. */
export interface LinkCounts {
  readonly carried: number;
  readonly lost: number;
  readonly reordered: number;
  readonly tooLarge: number;
}

/** Two machines with a link between them: an agent's, and one that is the server for it. The scene ends it. */
export class PacketLink {
  readonly #program: Program;
  readonly #front: Server;
  readonly #sockets = new Set<Socket>();
  readonly #resolv: string;
  #orders: Socket | undefined;
  #answers: AsyncIterator<string> | undefined;
  #port = 0;

  private constructor({ directory }: Scene, target: URL) {
    const path = join(directory, freshName("link"));
    this.#resolv = `${path}.resolv`;
    this.#front = createServer({ allowHalfOpen: true }, (inside) => this.#accept(inside, target)).listen(path);
    const [command = "", ...args] = [...apart, "python3", carrier, path];
    this.#program = startProgram({ name: "the packet link", command, args });
  }

  /** Opens a link to the server at this address. */
  static async open(scene: Scene, target: string): Promise<PacketLink> {
    const link = new PacketLink(scene, new URL(target));
    scene.defer(() => link.#close());
    await link.resolvers(resolverAddress);
    await until("the link is up", () => link.#answers !== undefined, { seen: () => link.#program.stderr() });
    link.#port = (await link.#answer()).port;
    return link;
  }

  /** The way over the link to the server's machine, by an address of it or a name that the resolver knows. */
  way(host: string = serverAddresses[0], { scheme = "http", env = {} } = {}): Way {
    return { url: `${scheme}://${host}:${this.#port}`, env, within: (call) => this.#within(call) };
  }

  /** Sets whom the agent's machine asks for names. */
  resolvers(...addresses: readonly string[]): Promise<void> {
    return writeFile(this.#resolv, addresses.map((address) => `nameserver ${address}\n`).join(""));
  }

  /** Changes what the link does, and answers what it has done so far. */
  async set(settings: LinkSettings): Promise<LinkCounts> {
    this.#orders?.write(`${JSON.stringify(settings)}\n`);
    return this.#answer();
  }

  #within(call: readonly string[]): ReturnType<Within> {
    const { command, args } = withFile(this.#resolv, "/etc/resolv.conf", call);
    const rights = isRoot ? [] : ["--user", "--preserve-credentials"];
    return { command: "nsenter", args: [`--target=${this.#program.pid}`, "--net", ...rights, command, ...args] };
  }

  /** The first connection is for orders. */
  #accept(inside: Socket, target: URL): void {
    this.#keep(inside);
    if (this.#orders === undefined) {
      this.#orders = inside;
      this.#answers = createInterface(inside)[Symbol.asyncIterator]();
      return;
    }
    const outside = dial({ host: target.hostname, port: Number(target.port), allowHalfOpen: true, noDelay: true });
    this.#keep(outside);
    inside.pipe(outside).pipe(inside);
    inside.once("close", () => outside.destroy());
    outside.once("close", () => inside.destroy());
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("error", () => {});
    socket.once("close", () => this.#sockets.delete(socket));
  }

  async #answer(): Promise<LinkCounts & { readonly port: number }> {
    const line = await this.#answers?.next();
    if (line === undefined || line.done === true) throw new Error(`the link is down: ${this.#program.stderr()}`);
    return JSON.parse(line.value);
  }

  async #close(): Promise<void> {
    const closed = once(this.#front, "close");
    this.#front.close();
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all([closed, this.#program.stop()]);
  }
}
