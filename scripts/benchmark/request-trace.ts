import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { preciseMs } from "./timing.ts";

/** A time in which no request of the client was under way, in milliseconds since 1970. */
export interface Pause {
  readonly fromMs: number;
  readonly toMs: number;
}

/** What a client computes between two requests is no wait. */
const minPauseMs = 200;

/**
 * A proxy in front of a server that notes when requests are under way: what remains of a command's time is what its client waits for by
 * itself.
 */
export class RequestTrace implements AsyncDisposable {
  readonly #server: Server;
  #seen: Pause[] = [];

  private constructor(target: string) {
    this.#server = createServer((from, to) => this.#forward(target, from, to));
  }

  static async open(target: string): Promise<RequestTrace> {
    const trace = new RequestTrace(target);
    await new Promise<void>((resolve) => trace.#server.listen(0, "127.0.0.1", resolve));
    return trace;
  }

  get url(): string {
    return `http://localhost:${(this.#server.address() as AddressInfo).port}`;
  }

  /** The pauses between the first and the last request since the last call, in their order. */
  take(): readonly Pause[] {
    const seen = this.#seen.toSorted((a, b) => a.fromMs - b.fromMs);
    this.#seen = [];
    const pauses: Pause[] = [];
    let busyToMs = seen[0]?.fromMs ?? 0;
    for (const { fromMs, toMs } of seen) {
      if (fromMs - busyToMs >= minPauseMs) pauses.push({ fromMs: busyToMs, toMs: fromMs });
      busyToMs = Math.max(busyToMs, toMs);
    }
    return pauses;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #forward(target: string, from: IncomingMessage, to: ServerResponse): void {
    const fromMs = preciseMs();
    to.on("close", () => this.#seen.push({ fromMs, toMs: preciseMs() }));
    const options = { method: from.method, headers: from.headers };
    const onward = request(new URL(from.url ?? "/", target), options, (answer) => {
      to.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(to);
    });
    onward.on("error", () => to.destroy());
    to.on("close", () => onward.destroy());
    from.pipe(onward);
  }
}

export const lengthOf = ({ fromMs, toMs }: Pause): number => toMs - fromMs;
