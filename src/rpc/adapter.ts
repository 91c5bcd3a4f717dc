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
import type { Peer } from "../http/connections.ts";
import { drained, piecesOf } from "../http/drain.ts";
import type { HttpHandler, HttpRequest, HttpResponse } from "../http/messages.ts";
import { OpenStreams } from "../http/open-streams.ts";
import type { Clock } from "../lib/clock.ts";
import type { Log } from "../lib/program/log.ts";
import { needsHttp2 } from "../lib/way/own-answer.ts";
import { isWindlassError, WindlassError } from "../lib/words/errors.ts";
import { LargeRequests } from "./bodies/large-requests.ts";
import { asStatus } from "./bodies/request-bodies.ts";
import { maxRequestBytes, smallRequest } from "./bodies/request-limits.ts";
import { giveDecoded, hasSingleRequest, singleBody, withoutBody } from "./bodies/single-bodies.ts";
import { streamBody } from "./bodies/stream-bodies.ts";
import { cutKey, httpVersionKey, isHttp1, knownKey, remoteAddressKey } from "./calls/caller.ts";
import { mendedAnswer } from "./wire/answer.ts";
import { compressMinBytes, fastGzip } from "./wire/compression.ts";
import { demandMetadata } from "./wire/metadata.ts";
import { refusalAnswer } from "./wire/refusal.ts";
import { sendAnswer } from "./wire/send.ts";
import { spoken, unknownMethod } from "./wire/unserved.ts";

/** Registers services, as connect's routers take them. */
export type Routes = (router: ConnectRouter) => void;

/** Answers are bounded where they are made, and refused in our own words: see `boundAnswers`. */
const unbounded = 0xffff_ffff;

/**
 * For `router.service(desc, impl, neverCompress)`: answers go out as they are. Compression divides the throughput of the
 * agents' streams and of archives, which are compressed already, by ten and more; compressed requests are still understood.
 * Other services compress what pays, for callers who ask for it.
 */
export const neverCompress = { compressMinBytes: 0xffff_ffff } as const;

export interface AdapterOptions {
  readonly routes: Routes;
  readonly router: Pick<ConnectRouterOptions, "interceptors" | "shutdownSignal" | "requestGate">;
  /** Answers what is no RPC. */
  readonly fallback: HttpHandler;
  readonly log: Log;
  readonly clock: Clock;
  /** A credential was accepted on this connection. */
  readonly onKnown: (peer: Peer) => void;
  /** Where a request comes from; empty if its connection is over. */
  readonly addressOf: (request: HttpRequest) => string;
}

/** A handler of HTTP/1.1 and HTTP/2 requests that serves gRPC, gRPC-Web and Connect. It never throws. */
export function rpcHandler({ routes, router, fallback, log, clock, ...connections }: AdapterOptions): HttpHandler {
  const handlers = handlersOf(routes, router);
  const paths = [...handlers.keys()];
  const parts = { clock, large: new LargeRequests(clock), open: new OpenStreams(), ...connections };
  const serve = async (request: HttpRequest, response: HttpResponse) => {
    const unserved = factsOf(request);
    const handler = handlers.get(unserved.path);
    const answer =
      handler === undefined ? unknownMethod(unserved, paths) : await answerOf(handler, { request, response, ...parts });
    if (answer === undefined) return fallback(request, response);
    await sendAnswer(spoken(answer, unserved), response);
  };
  return (request, response) => {
    drained(request, response, clock);
    serve(request, response).catch((error: unknown) => {
      if (!isDisconnect(error)) log.error({ err: error, path: request.url }, "a call ended without an answer");
      endBadly(response);
    });
  };
}

const factsOf = (request: HttpRequest) => ({
  httpMethod: request.method ?? "",
  path: request.url?.split("?", 1)[0] ?? "",
  contentType: request.headers["content-type"] ?? "",
});

interface Exchange {
  readonly request: HttpRequest;
  readonly response: HttpResponse;
  readonly clock: Clock;
  readonly large: LargeRequests;
  readonly open: OpenStreams;
  readonly onKnown: AdapterOptions["onKnown"];
  readonly addressOf: AdapterOptions["addressOf"];
}

/** What a method answers to a request. */
async function answerOf(
  handler: Handler,
  { response, onKnown, addressOf, ...exchange }: Exchange,
): Promise<UniversalServerResponse> {
  const { request, open } = exchange;
  const refusal = refusalOf(request, () => {
    demandMetadata(request);
    demandTwoWays(handler.method, request);
    open.enter(handler.method, request, response);
  });
  if (refusal !== undefined) return refusal;
  const values = createContextValues().set(remoteAddressKey, addressOf(request));
  values.set(httpVersionKey, request.httpVersion);
  values.set(knownKey, () => onKnown(request.socket));
  values.set(cutKey, () => ("stream" in response ? response.stream : response).destroy());
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
function handlersOf(routes: Routes, options: AdapterOptions["router"]): ReadonlyMap<string, Handler> {
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

interface Measuring extends Omit<Parameters<typeof singleBody>[1], "header"> {
  readonly request: HttpRequest;
}

/** The call with a body whose messages are measured before they are decoded. */
function measured(call: Call, { request, ...parts }: Measuring): Call {
  const { header } = call;
  const pieces = piecesOf(request);
  if (!hasSingleRequest(parts.method)) return { ...call, body: streamBody(pieces, { ...parts, header }) };
  return { ...call, header: withoutBody(header), body: singleBody(pieces, { ...parts, header }) };
}

const isDisconnect = (error: unknown) => {
  const { code } = ConnectError.from(error);
  return code === Code.Aborted || code === Code.Canceled;
};

function endBadly(response: HttpResponse): void {
  if (response.headersSent) response.destroy();
  else if (!response.writableEnded) {
    response.statusCode = 400;
    response.end();
  }
}
