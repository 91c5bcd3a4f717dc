import type { DescMethod } from "@bufbuild/protobuf";
import {
  Code,
  ConnectError,
  type ConnectRouter,
  type ConnectRouterOptions,
  createConnectRouter,
  createContextValues,
} from "@connectrpc/connect";
import type { UniversalServerResponse } from "@connectrpc/connect/protocol";
import {
  // biome-ignore lint/suspicious/noDeprecatedImports: only its form without the response is deprecated
  universalRequestFromNodeRequest,
} from "@connectrpc/connect-node";
import { breakOff, piecesOf, wholePiecesOf } from "../http/drain.ts";
import type { HttpRequest, HttpResponse } from "../http/messages.ts";
import { demandMetadata } from "../http/metadata.ts";
import { OpenStreams } from "../http/open-streams.ts";
import type { HttpExchange, Tenant } from "../http/tenant.ts";
import type { Clock } from "../lib/clock.ts";
import { given } from "../lib/values/records.ts";
import { needsHttp2 } from "../lib/way/own-answer.ts";
import { isWindlassError, WindlassError } from "../lib/words/errors.ts";
import { LargeRequests } from "./bodies/large-requests.ts";
import { asStatus, encodingOf } from "./bodies/request-bodies.ts";
import { maxRequestBytes, smallRequest } from "./bodies/request-limits.ts";
import { giveDecoded, hasSingleRequest, singleBody, withoutBody } from "./bodies/single-bodies.ts";
import { streamBody } from "./bodies/stream-bodies.ts";
import { cutKey, httpVersionKey, isHttp1, knownKey, originKey, remoteAddressKey } from "./calls/caller.ts";
import { endOf } from "./calls/errors.ts";
import type { Routes, RpcOptions } from "./calls/options.ts";
import { mendedAnswer } from "./wire/answer.ts";
import { compressMinBytes, fastGzip } from "./wire/compression.ts";
import { refusalAnswer } from "./wire/refusal.ts";
import { sendAnswer } from "./wire/send.ts";
import { spoken, unknownMethod } from "./wire/unserved.ts";

/** Answers are bounded where they are made, and refused in our own words: see `boundAnswers`. */
const unbounded = 0xffff_ffff;

/**
 * For `router.service(desc, impl, neverCompress)`: answers go out as they are. Compression divides the throughput of the
 * agents' streams and of archives, which are compressed already, by ten and more; compressed requests are still understood.
 * Other services compress what pays, for callers who ask for it.
 */
export const neverCompress = { compressMinBytes: 0xffff_ffff } as const;

/** Serves gRPC, gRPC-Web and Connect, over HTTP/1.1 and HTTP/2. A request that is no call is not its. */
export const rpcTenant =
  ({ routes, interceptors = [], gate, refuse, open = new OpenStreams() }: RpcOptions): Tenant =>
  ({ prefix, shutdown, clock, log }) => {
    const router = {
      interceptors: [...interceptors],
      shutdownSignal: asStatuses(shutdown),
      ...given({ requestGate: gate, requestPathPrefix: prefix || undefined }),
    };
    const handlers = handlersOf(routes, router);
    const paths = [...handlers.keys()];
    const parts = { clock, large: new LargeRequests(clock), open, refuse };
    const answerTo = async (exchange: HttpExchange) => {
      const unserved = factsOf(exchange);
      const handler = handlers.get(exchange.path);
      const answer =
        handler === undefined ? unknownMethod(unserved, paths) : await answerOf(handler, { ...exchange, ...parts });
      if (answer === undefined) return "not-mine";
      // What one caller may see is not for the next one: the cookie that it goes by keeps no cache from keeping it.
      if (unserved.httpMethod === "GET") exchange.response.setHeader("cache-control", "no-store");
      await sendAnswer(spoken(answer, unserved), exchange.response, clock);
      return "answered";
    };
    return async (exchange) => {
      try {
        return await answerTo(exchange);
      } catch (error) {
        if (!isDisconnect(error)) log.error({ err: error, path: exchange.path }, "a call ended without an answer");
        endBadly(exchange.response);
        return "answered";
      }
    };
  };

/** A signal whose reason is a status: handlers pass it on as it is. */
function asStatuses(signal: AbortSignal): AbortSignal {
  const told = new AbortController();
  const tell = () => told.abort(endOf(signal));
  if (signal.aborted) tell();
  else signal.addEventListener("abort", tell, { once: true });
  return told.signal;
}

const factsOf = ({ request, path }: HttpExchange) => ({
  httpMethod: request.method ?? "",
  path,
  contentType: request.headers["content-type"] ?? "",
});

interface Served extends HttpExchange {
  readonly clock: Clock;
  readonly large: LargeRequests;
  readonly open: OpenStreams;
  readonly refuse: RpcOptions["refuse"];
}

/** What a method answers to a request. */
async function answerOf(
  handler: Handler,
  { response, address, origin, recognize, ...exchange }: Served,
): Promise<UniversalServerResponse> {
  const { request, open } = exchange;
  const refusal = refusalOf(request, () => {
    demandMetadata(request);
    demandTwoWays(handler.method, request);
    if ("stream" in request) open.enter(handler.method, request.stream);
  });
  if (refusal !== undefined) return refusal;
  const values = createContextValues().set(remoteAddressKey, address);
  values.set(originKey, origin);
  values.set(httpVersionKey, request.httpVersion);
  values.set(knownKey, recognize);
  values.set(cutKey, () => breakOff(response));
  const call = universalRequestFromNodeRequest(request, response, undefined, values);
  using shares = new DisposableStack();
  return await mendedAnswer(await handler(measured(call, { ...exchange, method: handler.method, values, shares })));
}

/** A proxy that speaks HTTP/1.1 to this server waits for the end of a request before it passes on what is answered. */
function demandTwoWays({ methodKind, name }: DescMethod, { httpVersion }: HttpRequest): void {
  if (methodKind !== "bidi_streaming" || !isHttp1(httpVersion)) return;
  throw new WindlassError("http2_required", `${needsHttp2} (${name} came over HTTP/${httpVersion})`, {
    metadata: { http_version: httpVersion },
  });
}

/** What a demand on a request throws, as an answer. */
function refusalOf(request: HttpRequest, demand: () => void): UniversalServerResponse | undefined {
  try {
    demand();
    return undefined;
  } catch (error) {
    if (!isWindlassError(error)) throw error;
    return refusalAnswer(asStatus(error), { contentType: request.headers["content-type"] ?? "" });
  }
}

type Handler = ConnectRouter["handlers"][number];
type Call = Parameters<Handler>[0];

/** The handlers by path. The protocol handlers count bytes once more: of what stands in a URL, and of streams. */
function handlersOf(routes: Routes, options: ConnectRouterOptions): ReadonlyMap<string, Handler> {
  const of = (readMaxBytes: number) => {
    const limits = { readMaxBytes, writeMaxBytes: unbounded, compressMinBytes, acceptCompression: [fastGzip] };
    const interceptors = [giveDecoded, ...(options.interceptors ?? [])];
    const binaryOptions = { readUnknownFields: false };
    const router = createConnectRouter({ ...options, ...limits, interceptors, binaryOptions });
    routes(router);
    return router.handlers;
  };
  const single = of(smallRequest.maxBytes).filter(({ method }) => hasSingleRequest(method));
  const streams = of(maxRequestBytes).filter(({ method }) => !hasSingleRequest(method));
  return new Map([...single, ...streams].map((handler) => [handler.requestPath, handler]));
}

interface Measuring extends Omit<Parameters<typeof singleBody>[1], "encoding" | "refused"> {
  readonly request: HttpRequest;
  readonly refuse: RpcOptions["refuse"];
}

/** The call with a body whose messages are measured before they are decoded. */
function measured(call: Call, { request, refuse, ...parts }: Measuring): Call {
  const { header } = call;
  const read = { ...parts, encoding: encodingOf(header) };
  if (!hasSingleRequest(parts.method)) return { ...call, body: streamBody(piecesOf(request), read) };
  const { method, values: contextValues } = parts;
  // Interceptors ask for the message of a stream, and have no call without the message of another one.
  const refused = (error: unknown) =>
    method.methodKind === "unary"
      ? (refuse?.({ method, header, contextValues, stream: false, signal: call.signal }, error) ?? error)
      : error;
  return { ...call, header: withoutBody(header), body: singleBody(wholePiecesOf(request), { ...read, refused }) };
}

const isDisconnect = (error: unknown) => {
  const { code } = ConnectError.from(error);
  return code === Code.Aborted || code === Code.Canceled;
};

function endBadly(response: HttpResponse): void {
  if (response.headersSent) breakOff(response);
  else if (!response.writableEnded) {
    response.statusCode = 400;
    response.end();
  }
}
