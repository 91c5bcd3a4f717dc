import { Code, ConnectError, type Transport } from "@connectrpc/connect";
import { abortable, deadlineAfter, linkSignals, timeLeft } from "../async/abort.ts";
import type { Clock } from "../clock.ts";
import type { AddressHost, Endpoints } from "./endpoints.ts";
import { foreignText, ownReason } from "./own-answer.ts";
import { WayError, wayFaultOf } from "./way-error.ts";

/** A transport with one connection to one address. */
export interface EndpointTransport extends Transport {
  /** Opens the connection if there is none. Rejects with a `ConnectError`, because of a `WayError` where one is known. */
  connect(signal: AbortSignal): Promise<void>;
  /** Where the connection leads. */
  readonly endpoint: AddressHost;
  /** Ends the connection, as one that broke. */
  hangUp(): void;
  /** Ends the connection and every call. */
  close(): void;
}

export interface SeveralOptions {
  readonly endpoints: Endpoints;
  /** Makes the transport to one of the addresses; it does not connect yet. */
  readonly open: (url: string) => EndpointTransport;
  readonly clock: Clock;
}

/** Calls to whichever address is good. Dispose it to end them all. */
export interface SeveralTransport extends Transport, Disposable {
  /** Where calls go; undefined while none was made. */
  readonly endpoint: AddressHost | undefined;
  /** Calls that come find their address anew; those under way go on. */
  leave(): void;
  /** Ends the connections, as ones that broke. */
  hangUp(): void;
  close(): void;
}

/**
 * One transport over the addresses of a control plane: calls go to the one that is good, and a call that has reached no
 * server is made at the next. While a connection is opened, addresses that do not answer at once are raced by the others.
 * Errors are those of the address that was called; where none was reached, one names them all. With one address it is that
 * address' transport.
 */
export function severalTransports(options: SeveralOptions): SeveralTransport {
  const choice = new Choice(options);
  const { clock } = options;
  return {
    unary: async (method, signal, timeoutMs, header, input, values) => {
      const leftMs = timeLeft(clock, timeoutMs);
      return choice.call({ isRepeatable: true, timeoutMs }, signal, async (opened) => {
        try {
          return await opened.transport.unary(method, signal, leftMs(), header, input, values);
        } finally {
          choice.isOver(opened);
        }
      });
    },
    stream: async (method, signal, timeoutMs, header, input, values) =>
      // Its messages may be used up.
      choice.call({ isRepeatable: false, timeoutMs }, signal, async (opened) => {
        try {
          const response = await opened.transport.stream(method, signal, timeoutMs, header, input, values);
          return { ...response, message: choice.items(response.message, opened) };
        } catch (error) {
          choice.isOver(opened);
          throw error;
        }
      }),
    get endpoint() {
      return choice.endpoint;
    },
    leave: () => choice.leave(),
    hangUp: () => choice.hangUp(),
    close: () => choice.close(),
    [Symbol.dispose]: () => choice.close(),
  };
}

/** How long one address is waited for before the next is tried beside it. */
const headStartMs = 1_000;

interface Opened {
  readonly url: string;
  readonly transport: EndpointTransport;
  /** Calls that are not over. */
  calls: number;
  /** Nothing new is called on it. */
  isLeft: boolean;
}

/** Which transport is used, and those that still have calls. */
class Choice {
  readonly #options: SeveralOptions;
  readonly #closing = new AbortController();
  readonly #left = new Set<Opened>();
  #open: Opened | undefined;
  #connecting: Promise<Opened> | undefined;

  constructor(options: SeveralOptions) {
    this.#options = options;
  }

  get endpoint(): AddressHost | undefined {
    return this.#open?.transport.endpoint;
  }

  leave(): void {
    if (this.#open !== undefined) this.#retire(this.#open);
  }

  hangUp(): void {
    for (const { transport } of [...this.#left, ...(this.#open === undefined ? [] : [this.#open])]) transport.hangUp();
  }

  close(): void {
    this.#closing.abort(new ConnectError("the connection is not wanted any more", Code.Canceled));
    for (const { transport } of this.#left) transport.close();
    this.#open?.transport.close();
  }

  async call<T>(
    { isRepeatable, timeoutMs }: { readonly isRepeatable: boolean; readonly timeoutMs: number | undefined },
    signal: AbortSignal | undefined,
    make: (opened: Opened) => Promise<T>,
  ): Promise<T> {
    const { endpoints } = this.#options;
    for (let tries = 1; ; tries++) {
      const opened = await this.#readyInTime(timeoutMs, signal);
      opened.calls++;
      try {
        return await make(opened);
      } catch (error) {
        if (this.#closing.signal.aborted || signal?.aborted) throw error;
        const isUnreached = wayFaultOf(error) !== undefined;
        if (isUnreached || cannotServe(error)) {
          endpoints.hasFailed(opened.transport.endpoint);
          if (endpoints.count > 1 || endpoints.hasUntried()) this.#retire(opened);
        }
        if (!isRepeatable || !isUnreached || tries >= endpoints.count) throw error;
      }
    }
  }

  async *items<T>(items: AsyncIterable<T>, opened: Opened): AsyncGenerator<T, void> {
    try {
      yield* items;
    } finally {
      this.isOver(opened);
    }
  }

  isOver(opened: Opened): void {
    opened.calls--;
    if (opened.isLeft) this.#closeWhenIdle(opened);
  }

  #retire(opened: Opened): void {
    if (this.#open === opened) this.#open = undefined;
    opened.isLeft = true;
    this.#left.add(opened);
    this.#closeWhenIdle(opened);
  }

  #closeWhenIdle(opened: Opened): void {
    if (opened.calls > 0 || !this.#left.delete(opened)) return;
    opened.transport.close();
  }

  async #readyInTime(timeoutMs: number | undefined, signal: AbortSignal | undefined): Promise<Opened> {
    if (timeoutMs === undefined || this.#options.endpoints.count === 1) return abortable(this.#ready(), signal);
    using deadline = deadlineAfter(this.#options.clock, timeoutMs, signal);
    try {
      return await abortable(this.#ready(), deadline.signal);
    } catch (error) {
      if (signal?.aborted || !deadline.signal.aborted) throw error;
      throw new ConnectError("no server was reached in time", Code.DeadlineExceeded);
    }
  }

  /** The address to call, with a connection. With one address the call itself connects. */
  #ready(): Promise<Opened> {
    const { endpoints } = this.#options;
    const [best = ""] = endpoints.order();
    if (endpoints.count === 1) {
      this.#open ??= this.#opened(best);
      return Promise.resolve(this.#open);
    }
    this.#connecting ??= this.#connected().finally(() => {
      this.#connecting = undefined;
    });
    return this.#connecting;
  }

  async #connected(): Promise<Opened> {
    const { endpoints } = this.#options;
    const open = this.#open;
    const wanted = endpoints.current?.url;
    if (open !== undefined) {
      const isWanted = wanted === undefined || wanted === open.url || endpoints.isPassedOver({ url: wanted });
      if (!isWanted || endpoints.isPassedOver(open.transport.endpoint)) this.#retire(open);
      else if (await this.#connects(open)) return open;
    }
    const won = await this.#race(endpoints.order());
    if (this.#closing.signal.aborted) {
      won.transport.close();
      throw this.#closing.signal.reason;
    }
    this.#open = won;
    return won;
  }

  async #connects(open: Opened): Promise<boolean> {
    try {
      await open.transport.connect(this.#closing.signal);
      return true;
    } catch {
      this.#options.endpoints.hasFailed({ url: open.url });
      this.#retire(open);
      return false;
    }
  }

  /** The first of these that connects. Each is tried as soon as the one before it has failed, or beside it a moment later. */
  async #race(urls: readonly string[]): Promise<Opened> {
    using over = linkSignals(this.#closing.signal);
    const attempts: Promise<Opened>[] = [];
    const winners: Opened[] = [];
    for (const url of urls) {
      const attempt = this.#attempt(url, winners, over.signal);
      attempts.push(attempt);
      const failed = attempt.then(
        () => {},
        () => {},
      );
      using pause = linkSignals(over.signal);
      const late = this.#options.clock.sleep(headStartMs, pause.signal).catch(() => {});
      await Promise.race([Promise.any(attempts).catch(() => {}), failed, late]);
      pause.abort();
      if (winners.length > 0) break;
    }
    try {
      return await Promise.any(attempts);
    } catch (error) {
      throw error instanceof AggregateError ? noneReached(error.errors) : error;
    } finally {
      over.abort();
    }
  }

  async #attempt(url: string, winners: Opened[], signal: AbortSignal): Promise<Opened> {
    const opened = this.#opened(url);
    try {
      await opened.transport.connect(signal);
    } catch (error) {
      opened.transport.close();
      if (!signal.aborted) this.#options.endpoints.hasFailed({ url });
      throw error;
    }
    if (winners.length > 0 || signal.aborted) {
      opened.transport.close();
      throw new Error("another address was faster");
    }
    winners.push(opened);
    return opened;
  }

  #opened(url: string): Opened {
    return { url, transport: this.#options.open(url), calls: 0, isLeft: false };
  }
}

/** Reasons of a server that takes no calls now, and may in a moment. */
const passing: ReadonlySet<string> = new Set(["SERVER_DRAINING", "STORAGE_UNAVAILABLE"]);

/** True if the server that was called, or what stands before it, says that it serves nobody now. */
export function cannotServe(error: unknown): boolean {
  if (ConnectError.from(error).code !== Code.Unavailable) return false;
  const reason = ownReason(error);
  return reason === undefined ? foreignText(error) !== undefined : passing.has(reason);
}

/** Why none of the addresses was reached. */
function noneReached(errors: readonly unknown[]): unknown {
  const [first] = errors;
  const fault = wayFaultOf(first);
  if (fault === undefined) return first;
  const whats = errors.map((error) => wayFaultOf(error)?.what ?? ConnectError.from(error).rawMessage);
  const what = `none of ${errors.length} addresses is reached: ${whats.join("; ")}`;
  const all = new WayError({ ...fault, what, fix: "" });
  return new ConnectError(all.message, Code.Unavailable, undefined, undefined, all);
}
