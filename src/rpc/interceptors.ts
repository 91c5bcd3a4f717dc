import type { ConnectError, HandlerContext, Interceptor, StreamResponse, UnaryResponse } from "@connectrpc/connect";
import { Code } from "@connectrpc/connect";
import type { Control } from "../control/core/control.ts";
import { openToken, sealToken } from "../control/core/pages.ts";
import type { CallObserver } from "../http/call-observer.ts";
import type { CallerOptions } from "../http/callers/callers.ts";
import { requestIdHeader, requestIdOf } from "../http/request-id.ts";
import { observed } from "../lib/async/streams.ts";
import { nameOf } from "./bodies/admission.ts";
import { boundAnswers } from "./bodies/answer-limit.ts";
import { principalKey, remoteAddressKey, requestIdKey } from "./calls/caller.ts";
import { type CallFacts, endOf, isFault, toConnectError } from "./calls/errors.ts";
import type { EarlyCall, RpcOptions } from "./calls/options.ts";
import { validateRequests } from "./calls/validation.ts";
import { identify } from "./identify.ts";
import { endWithKey } from "./key-watch.ts";

/** What every call passes, whichever port or process it comes from: its id and log, its errors, its caller, its rules. */
export const interceptorsFor = (
  control: Control,
  options: CallerOptions = {},
  observers: readonly CallObserver[] = [],
): readonly Interceptor[] => [
  watchCalls(control, observers),
  boundAnswers(control),
  authenticateCallers(control, options),
  endWithKey(control),
  validateRequests,
  sealPageTokens(control),
];

/** Callers see page tokens sealed, of whatever list. */
const sealPageTokens =
  ({ vault }: Pick<Control, "vault">): Interceptor =>
  (next) =>
  async (request) => {
    if (request.stream) return next(request);
    const method = nameOf(request.method);
    const { message: asked } = request;
    if (!("pageToken" in asked) || typeof asked.pageToken !== "string") return next(request);
    asked.pageToken = openToken(vault, method, asked.pageToken);
    const response = await next(request);
    const { message: answered } = response;
    if ("nextPageToken" in answered && typeof answered.nextPageToken === "string") {
      answered.nextPageToken = sealToken(vault, method, answered.nextPageToken);
    }
    return response;
  };

type Response = UnaryResponse | StreamResponse;

/** Gives each call an id, turns its errors into statuses and writes it to the access log. */
const watchCalls =
  (control: Control, observers: readonly CallObserver[]): Interceptor =>
  (next) =>
  async (request) => {
    const call = startCall(control, request, observers);
    try {
      const response = await next(request);
      mark(response.header, call);
      if (!response.stream) {
        call.end();
        return response;
      }
      const { signal } = request;
      const onEnd = () => call.end(codeOfEnd(signal));
      const observer = { onDone: () => demandTime(signal), onError: call.refuse, onEnd };
      return { ...response, message: observed(response.message, observer) };
    } catch (error) {
      throw call.refuse(error);
    }
  };

/** Refuses the end of a stream whose time is over: its handler ended quietly, and not at its end. */
function demandTime(signal: AbortSignal): void {
  if (signal.aborted && endOf(signal).code === Code.DeadlineExceeded) throw endOf(signal);
}

/**
 * With which code a stream has ended that told no error: nothing, if it came to its own end, also that of a server that
 * stops.
 */
function codeOfEnd(signal: AbortSignal): Code | undefined {
  if (!signal.aborted) return undefined;
  const { code } = endOf(signal);
  if (code === Code.DeadlineExceeded) return code;
  return code === Code.Unavailable ? undefined : Code.Canceled;
}

interface Call extends CallFacts {
  readonly version: string;
  /** The status for an error, which ends the call. */
  readonly refuse: (error: unknown) => ConnectError;
  /** Writes the access log, once. */
  readonly end: (code?: Code) => void;
}

function startCall(control: Control, request: EarlyCall, observers: readonly CallObserver[]): Call {
  const { clock, log, random, version } = control;
  const requestId = requestIdOf(request.header.get(requestIdHeader), random);
  request.contextValues.set(requestIdKey, requestId);
  const method = nameOf(request.method);
  const startedMs = clock.monotonicMs();
  const seen = { method, isStream: request.stream, header: (name: string) => request.header.get(name) };
  const ends = observers.map((observe) => observe(seen));
  let isOpen = true;
  const end = (code?: Code) => {
    if (!isOpen) return;
    isOpen = false;
    for (const ended of ends) ended(code === undefined ? "OK" : grpcNameOf(code));
    if (!log.isLevelEnabled("debug")) return;
    log.debug(
      {
        ...factsOf(request),
        requestId,
        status: code === undefined ? "OK" : Code[code],
        ms: Math.round(clock.monotonicMs() - startedMs),
      },
      "call",
    );
  };
  const facts: CallFacts = {
    requestId,
    // Made only for those who ask for it.
    get signal() {
      return request.signal;
    },
  };
  const refuse = (error: unknown) => {
    const refusal = toConnectError(error, facts);
    if (isFault(refusal)) log.error({ err: error, cause: causeOf(error), requestId, method }, "a call failed");
    mark(refusal.metadata, { requestId, version });
    end(refusal.code);
    return refusal;
  };
  return Object.assign(facts, { version, refuse, end });
}

/** `FailedPrecondition` as gRPC writes it: `FAILED_PRECONDITION`. */
const grpcNameOf = (code: Code): string =>
  code === Code.Canceled ? "CANCELLED" : Code[code].replace(/(?<=[a-z])[A-Z]/g, "_$&").toUpperCase();

const factsOf = (request: EarlyCall) => ({
  method: nameOf(request.method),
  caller: request.contextValues.get(principalKey)?.kind ?? "anybody",
  address: request.contextValues.get(remoteAddressKey),
});

const causeOf = (error: unknown) => (error instanceof Error ? error.cause : undefined);

function mark(header: Response["header"], { requestId, version }: Pick<Call, "requestId" | "version">): void {
  header.set(requestIdHeader, requestId);
  header.set("x-server-version", version);
}

/**
 * Ends calls that come to no handler, with their status, in the access log and for the observers as all others: those of
 * callers whom nobody knows, and requests that are none.
 */
export const refusalsFor =
  (control: Control, observers: readonly CallObserver[] = []): NonNullable<RpcOptions["refuse"]> =>
  (call, error) =>
    startCall(control, call, observers).refuse(error);

/**
 * Finds out who calls before a byte of the request's body is taken: what nobody vouches for costs no memory. For the
 * listener; in the same process the interceptor does it.
 */
export const gateFor = (control: Control, options: CallerOptions = {}, observers: readonly CallObserver[] = []) => {
  const refuse = refusalsFor(control, observers);
  return async (context: HandlerContext): Promise<void> => {
    const { method, values, requestHeader: header, requestMethod: httpMethod } = context;
    try {
      await identify(control, options, { method, values, header, httpMethod });
    } catch (error) {
      // Only here: the signal of a call is made when it is asked for.
      const { signal } = context;
      throw refuse({ method, header, contextValues: values, stream: method.methodKind !== "unary", signal }, error);
    }
  };
};

/** Finds out who calls, unless the gate has. */
const authenticateCallers =
  (control: Control, options: CallerOptions): Interceptor =>
  (next) =>
  async (request) => {
    const { method, header, contextValues: values, requestMethod: httpMethod } = request;
    await identify(control, options, { method, header, values, httpMethod });
    return next(request);
  };
