import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import type { DescMethod, DescService } from "@bufbuild/protobuf";
import { Code, ConnectError, type ContextValues, createContextKey, type HandlerContext } from "@connectrpc/connect";
import { createDeadlineSignal } from "@connectrpc/connect/protocol";
import { parseTimeout } from "@connectrpc/connect/protocol-grpc";
import type { Clock } from "../../lib/clock.ts";
import { HeaderFields, textOf } from "./header-fields.ts";

/** The call that values belong to. */
export const grpcCallKey = createContextKey<GrpcCall | undefined>(undefined, { description: "the call of gRPC" });

interface CallInit {
  readonly method: DescMethod;
  readonly stream: ServerHttp2Stream;
  readonly headers: IncomingHttpHeaders;
  readonly path: string;
  readonly values: ContextValues;
  readonly clock: Clock;
}

/**
 * One call, as its handler and all before it see it. Most calls ask for a few of its headers and never whether they are
 * over, so both are made when they are asked for.
 */
export class GrpcCall implements HandlerContext {
  readonly protocolName = "grpc";
  readonly requestMethod = "POST";
  readonly method: DescMethod;
  readonly service: DescService;
  readonly values: ContextValues;
  /** How long its caller still waits; undefined if it did not say. */
  readonly timeoutMs: () => number | undefined = () => undefined;
  readonly responseHeader = new HeaderFields();
  readonly responseTrailer = new HeaderFields();
  readonly headers: IncomingHttpHeaders;
  readonly #stream: ServerHttp2Stream;
  readonly #path: string;
  readonly #deadline: ReturnType<typeof createDeadlineSignal> | undefined;
  readonly #timeoutError: ConnectError | undefined;
  #controller: AbortController | undefined;
  #requestHeader: HeaderFields | undefined;
  #end: { readonly reason: unknown } | undefined;
  #waits: ((reason: unknown) => void) | undefined;

  constructor({ method, stream, headers, path, values, clock }: CallInit) {
    this.method = method;
    this.service = method.parent;
    this.values = values;
    this.headers = headers;
    this.#stream = stream;
    this.#path = path;
    values.set(grpcCallKey, this);
    const { timeoutMs, error } = parseTimeout(textOf(headers["grpc-timeout"]), Number.MAX_SAFE_INTEGER);
    this.#timeoutError = error;
    if (timeoutMs === undefined) return;
    const endsAtMs = clock.monotonicMs() + timeoutMs;
    this.timeoutMs = () => endsAtMs - clock.monotonicMs();
    const deadline = createDeadlineSignal(Math.min(timeoutMs, longestTimerMs));
    this.#deadline = deadline;
    const over = () => this.end(deadline.signal.reason);
    if (deadline.signal.aborted) over();
    else deadline.signal.addEventListener("abort", over, { once: true });
  }

  get url(): string {
    return `http://${this.headers[":authority"] ?? "localhost"}${this.#path}`;
  }

  get requestHeader(): Headers {
    this.#requestHeader ??= HeaderFields.of(this.headers);
    return this.#requestHeader;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#end !== undefined) this.#controller.abort(this.#end.reason);
    }
    return this.#controller.signal;
  }

  /** Throws if the caller's deadline is none. */
  demandTimeout(): void {
    if (this.#timeoutError !== undefined) throw this.#timeoutError;
  }

  /** The call is over: whoever still works for it is told. Only the first reason counts. */
  end(reason: unknown): void {
    if (this.#end !== undefined) return;
    this.#end = { reason };
    this.#deadline?.cleanup();
    this.#waits?.(reason);
    this.#controller?.abort(reason);
  }

  /**
   * Calls `onOver` when the call is over, or at once if it is, until something else is waited for: whoever waits for the
   * caller is the only one who does, and needs no signal for it.
   */
  waitsFor(onOver: ((reason: unknown) => void) | undefined): void {
    this.#waits = onOver;
    if (this.#end !== undefined) onOver?.(this.#end.reason);
  }

  /** Its stream is closed, whoever closed it. */
  closed(): void {
    this.end(closingOf(this.#stream.rstCode));
  }
}

/** Node's timers take no more. */
const longestTimerMs = 2 ** 31 - 1;

function closingOf(rstCode: number | undefined): ConnectError | undefined {
  if (rstCode === undefined || rstCode === constants.NGHTTP2_NO_ERROR) return undefined;
  const code = rstCode === constants.NGHTTP2_INTERNAL_ERROR ? Code.Internal : Code.Canceled;
  return new ConnectError(`the stream was closed with HTTP/2 error ${rstCode}`, code);
}
