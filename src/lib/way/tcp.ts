import { lookup } from "node:dns/promises";
import { connect, isIP, type Socket } from "node:net";
import { abortable, deadlineAfter } from "../async/abort.ts";
import { type FirstHop, nameError, silentResolver, tcpError, tcpSilent } from "./tcp-words.ts";
import type { Way } from "./way.ts";

/** How long one address is waited for before the next is tried beside it (RFC 8305). */
const headStartMs = 250;

type Patience = Pick<Way, "clock" | "stepMs">;

/** The addresses of a host, in the order of the system. Rejects with a `WayError`, or with the signal's reason. */
export async function resolve(
  hop: FirstHop,
  { clock, stepMs }: Patience,
  signal: AbortSignal,
): Promise<readonly string[]> {
  if (isIP(hop.host) !== 0) return [hop.host];
  using deadline = deadlineAfter(clock, stepMs, signal);
  try {
    const found = await abortable(lookup(hop.host, { all: true, order: "verbatim" }), deadline.signal);
    return found.map(({ address }) => address);
  } catch (error) {
    signal.throwIfAborted();
    throw deadline.signal.aborted ? silentResolver(hop, stepMs) : nameError(hop, error);
  }
}

/**
 * A connection to the first of these addresses that takes one. Each is tried a moment after the one before it, or as
 * soon as that has failed, and none is given up while another may still answer. Rejects with a `WayError`, or with the
 * signal's reason.
 */
export async function connectFirst(
  hop: FirstHop,
  addresses: readonly string[],
  { clock, stepMs, signal }: Patience & { readonly signal: AbortSignal },
): Promise<Socket> {
  using deadline = deadlineAfter(clock, stepMs, signal);
  const race = new Race(hop, byTurns(addresses));
  try {
    for (;;) {
      race.next();
      using pause = deadlineAfter(clock, headStartMs, deadline.signal);
      const moved = await abortable(race.moved(), pause.signal).catch(() => undefined);
      if (moved?.kind === "connected") return moved.socket;
      if (moved?.kind === "failed") throw tcpError(hop, moved.errors);
      signal.throwIfAborted();
      if (deadline.signal.aborted) throw tcpSilent(hop, stepMs);
    }
  } finally {
    race.endLosers();
  }
}

/** One address of each family in turn: a family without a way out costs one pause, not one for each of its addresses. */
function byTurns(addresses: readonly string[]): readonly string[] {
  const first = isIP(addresses[0] ?? "");
  const [own, other] = [addresses.filter((one) => isIP(one) === first), addresses.filter((one) => isIP(one) !== first)];
  return own.flatMap((one, index) => [one, ...other.slice(index, index + 1)]).concat(other.slice(own.length));
}

type Move =
  | { readonly kind: "connected"; readonly socket: Socket }
  | { readonly kind: "failed"; readonly errors: readonly unknown[] }
  /** One has failed, others may not. */
  | { readonly kind: "one_less" };

/** Connections that are tried beside each other. */
class Race {
  readonly #port: number;
  readonly #waiting: string[];
  readonly #running = new Set<Socket>();
  readonly #errors: unknown[] = [];
  #winner: Socket | undefined;
  #wake = Promise.withResolvers<void>();

  constructor({ port }: FirstHop, addresses: readonly string[]) {
    this.#port = port;
    this.#waiting = [...addresses];
  }

  /** Tries the next address, if there is one. */
  next(): void {
    const host = this.#waiting.shift();
    if (host === undefined) return;
    const socket = connect({ host, port: this.#port });
    this.#running.add(socket);
    // Stays for the life of the socket: an error that nobody listens to would end the program.
    socket.on("error", (error) => {
      if (this.#running.delete(socket)) this.#errors.push(error);
      this.#wake.resolve();
    });
    socket.once("connect", () => {
      this.#winner ??= socket;
      if (this.#winner === socket) this.#running.delete(socket);
      this.#wake.resolve();
    });
  }

  /** Waits until something has happened, and says how it stands. */
  async moved(): Promise<Move> {
    await this.#wake.promise;
    this.#wake = Promise.withResolvers();
    if (this.#winner !== undefined) return { kind: "connected", socket: this.#winner };
    const isOver = this.#running.size === 0 && this.#waiting.length === 0;
    return isOver ? { kind: "failed", errors: this.#errors } : { kind: "one_less" };
  }

  endLosers(): void {
    for (const socket of this.#running) socket.destroy();
  }
}
