import { once } from "node:events";
import { type AddressInfo, createServer, connect as dial, type Server, type Socket } from "node:net";
import { setTimeout as pause } from "node:timers/promises";

const lookEveryMs = 500;
const answerMs = 1_000;
/** After so many looks in vain a target is left, and its connections are ended. */
const mostFailures = 2;

class Target {
  readonly url: string;
  readonly sockets = new Set<Socket>();
  failures = 0;

  constructor(url: string) {
    this.url = url;
  }

  get isUp(): boolean {
    return this.failures < mostFailures;
  }

  async look(): Promise<void> {
    const answer = fetch(`${this.url}/readyz`, { signal: AbortSignal.timeout(answerMs) });
    const isReady = await answer.then(
      async (response) => {
        await response.arrayBuffer();
        return response.ok;
      },
      () => false,
    );
    this.failures = isReady ? 0 : this.failures + 1;
    if (!this.isUp) for (const socket of this.sockets) socket.destroy();
  }
}

/** Spreads TCP connections over servers in turn, and asks each whether it is ready, as a load balancer does. */
export class Balancer implements AsyncDisposable {
  readonly #targets: readonly Target[];
  readonly #listener: Server;
  readonly #over = new AbortController();
  #looking: Promise<void> = Promise.resolve();
  #turn = 0;

  private constructor(urls: readonly string[]) {
    this.#targets = urls.map((url) => new Target(url));
    this.#listener = createServer({ noDelay: true }, (socket) => void this.#accept(socket));
  }

  static async open(urls: readonly string[]): Promise<Balancer> {
    const balancer = new Balancer(urls);
    balancer.#listener.listen(0, "127.0.0.1");
    await once(balancer.#listener, "listening");
    balancer.#looking = balancer.#look();
    return balancer;
  }

  get url(): string {
    const { port } = this.#listener.address() as AddressInfo;
    return `http://127.0.0.1:${port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#over.abort();
    for (const { sockets } of this.#targets) for (const socket of sockets) socket.destroy();
    this.#listener.close();
    await Promise.all([once(this.#listener, "close"), this.#looking]);
  }

  async #look(): Promise<void> {
    while (!this.#over.signal.aborted) {
      await Promise.all(this.#targets.map((target) => target.look()));
      await pause(lookEveryMs, undefined, { signal: this.#over.signal }).catch(() => {});
    }
  }

  /** The next one that is up and lets somebody in; who finds none is sent away. */
  async #accept(inside: Socket): Promise<void> {
    inside.on("error", () => {});
    this.#turn += 1;
    for (let tried = 0; tried < this.#targets.length && !inside.destroyed; tried += 1) {
      const target = this.#targets[(this.#turn + tried) % this.#targets.length];
      if (target === undefined || !target.isUp) continue;
      const outside = await connected(new URL(target.url));
      if (outside === undefined) continue;
      return join(target, inside, outside);
    }
    inside.resetAndDestroy();
  }
}

function join({ sockets }: Target, inside: Socket, outside: Socket): void {
  for (const [one, other] of [
    [inside, outside],
    [outside, inside],
  ] as const) {
    sockets.add(one);
    one.on("error", () => {});
    one.once("close", () => {
      sockets.delete(one);
      other.destroy();
    });
    if (one.destroyed) other.destroy();
    one.pipe(other);
  }
}

async function connected({ hostname, port }: URL): Promise<Socket | undefined> {
  const socket = dial({ host: hostname, port: Number(port), noDelay: true });
  try {
    await once(socket, "connect");
    return socket;
  } catch {
    return undefined;
  }
}
