import type { IncomingMessage, ServerResponse } from "node:http";
import type { Http2ServerRequest, Http2ServerResponse } from "node:http2";
import {
  Code,
  ConnectError,
  type ConnectRouter,
  type ConnectRouterOptions,
  createConnectRouter,
  createContextKey,
  createContextValues,
} from "@connectrpc/connect";
import {
  compressionGzip,
  // biome-ignore lint/suspicious/noDeprecatedImports: only its form without the response is deprecated
  universalRequestFromNodeRequest,
  universalResponseToNodeResponse,
} from "@connectrpc/connect-node";
import type { Clock } from "../lib/clock.ts";
import type { Log } from "../lib/log.ts";
import { isForAnybody } from "./admission.ts";
import { hasSingleRequest, singleBody } from "./single-bodies.ts";

export type HttpRequest = IncomingMessage | Http2ServerRequest;
export type HttpResponse = ServerResponse | Http2ServerResponse;
export type HttpHandler = (request: HttpRequest, response: HttpResponse) => void;

/** Registers services, as connect's routers take them. */
export type Routes = (router: ConnectRouter) => void;

/** Where a call comes from, `10.1.2.3` or `fe80::1`; empty in the same process. For display and limits, never for trust. */
export const remoteAddressKey = createContextKey("", { description: "address of the caller" });

/** Largest message either side may send: what stock clients accept without being configured. */
export const maxMessageBytes = 4 * 1024 * 1024;

/**
 * For `router.service(desc, impl, neverCompress)`: answers go out as they are. Compression divides the throughput of the
 * agents' streams and of archives by ten and more; compressed requests are still understood.
 */
export const neverCompress = { compressMinBytes: 0xffff_ffff } as const;

/** For services that anybody may call: their requests are small, and nobody vouches for larger ones. */
export const smallRequests = { readMaxBytes: 64 * 1024 } as const;

export interface AdapterOptions {
  readonly routes: Routes;
  readonly router: Pick<ConnectRouterOptions, "interceptors" | "shutdownSignal" | "requestGate">;
  /** Answers what is no RPC. */
  readonly fallback: HttpHandler;
  readonly log: Log;
  readonly clock: Clock;
}

/** A handler of HTTP/1.1 and HTTP/2 requests that serves gRPC, gRPC-Web and Connect. It never throws. */
export function rpcHandler({ routes, router: options, fallback, log, clock }: AdapterOptions): HttpHandler {
  const router = createConnectRouter({
    ...options,
    readMaxBytes: maxMessageBytes,
    writeMaxBytes: maxMessageBytes,
    acceptCompression: [compressionGzip],
  });
  routes(router);
  const handlers = new Map(router.handlers.map((handler) => [handler.requestPath, handler]));
  const serve = async (request: HttpRequest, response: HttpResponse) => {
    const handler = handlers.get(request.url?.split("?", 1)[0] ?? "");
    if (handler === undefined) return fallback(request, response);
    const values = createContextValues().set(remoteAddressKey, remoteAddress(request));
    const call = universalRequestFromNodeRequest(request, response, undefined, values);
    await universalResponseToNodeResponse(await handler(checked(call, handler.method, clock)), response);
  };
  return (request, response) => {
    serve(request, response).catch((error: unknown) => {
      if (!isDisconnect(error)) log.error({ err: error, path: request.url }, "a call ended without an answer");
      endBadly(response);
    });
  };
}

type Handler = ConnectRouter["handlers"][number];
type Call = Parameters<Handler>[0];

/** The call, whose body is read as one message where it is one. */
function checked(call: Call, method: Handler["method"], clock: Clock): Call {
  if (!hasSingleRequest(method) || !isBytes(call.body)) return call;
  const maxBytes = isForAnybody(method) ? smallRequests.readMaxBytes : maxMessageBytes;
  return { ...call, body: singleBody(call.body, { method, header: call.header, maxBytes, clock }) };
}

const isBytes = (body: Call["body"]): body is AsyncIterable<Uint8Array> =>
  typeof body === "object" && body !== null && Symbol.asyncIterator in body;

const remoteAddress = (request: HttpRequest) => request.socket.remoteAddress?.replace(/^::ffff:/, "") ?? "";

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
