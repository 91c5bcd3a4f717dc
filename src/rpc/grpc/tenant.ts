import type { ServerHttp2Stream } from "node:http2";
import type { Message } from "@bufbuild/protobuf";
import { type ContextValues, createContextValues } from "@connectrpc/connect";
import { compressionNegotiate } from "@connectrpc/connect/protocol";
import { breakOffStream, drainStream } from "../../http/drain.ts";
import { demandMetadata } from "../../http/metadata.ts";
import { OpenStreams } from "../../http/open-streams.ts";
import type { StreamExchange, StreamTenant } from "../../http/tenant.ts";
import { SharedTimeout } from "../../lib/async/shared-timeout.ts";
import type { Log } from "../../lib/program/log.ts";
import { LargeRequests } from "../bodies/large-requests.ts";
import { singleBodyMs } from "../bodies/single-bodies.ts";
import { cutKey, httpVersionKey, knownKey, remoteAddressKey, sendsInTurnKey } from "../calls/caller.ts";
import { endOf, isFault, toConnectError } from "../calls/errors.ts";
import type { RpcOptions } from "../calls/options.ts";
import { fastGzip } from "../wire/compression.ts";
import { GrpcCall } from "./call.ts";
import { textOf } from "./header-fields.ts";
import { everyRequest, onlyRequest, type Reading, type ReadingParts } from "./incoming.ts";
import { type Invocation, invocationOf, once, streamRequest, unaryRequest } from "./invoke.ts";
import { methodsOf, type ServedMethod } from "./methods.ts";
import { type AnswerCompression, CallAnswer, takenMs } from "./outgoing.ts";

interface Method extends ServedMethod {
  readonly invoke: Invocation;
}

interface Parts extends Omit<ReadingParts, "large"> {
  readonly large: LargeRequests;
  readonly gate: RpcOptions["gate"];
  readonly refuse: RpcOptions["refuse"];
  readonly open: OpenStreams;
  readonly calls: Set<GrpcCall>;
  /** Of `takenMs`. */
  readonly unread: SharedTimeout;
  readonly shutdown: AbortSignal;
  readonly log: Log;
}

/** Serves gRPC over HTTP/2. What is spoken otherwise is not its, nor what no method takes. */
export const grpcTenant =
  ({ routes, interceptors = [], gate, refuse, open = new OpenStreams() }: RpcOptions): StreamTenant =>
  ({ prefix, shutdown, clock, log }) => {
    const methods = new Map<string, Method>();
    for (const [path, served] of methodsOf(routes))
      methods.set(`${prefix}${path}`, { ...served, invoke: invocationOf(served.spec, interceptors) });
    const calls = new Set<GrpcCall>();
    const timeout = new SharedTimeout(clock, singleBodyMs, shutdown);
    const unread = new SharedTimeout(clock, takenMs, shutdown);
    const large = new LargeRequests(clock);
    const parts: Parts = { clock, large, timeout, unread, gate, refuse, open, calls, shutdown, log };
    shutdown.addEventListener("abort", () => endAll(calls, shutdown), { once: true });
    return (exchange) => {
      const method = isGrpc(exchange) ? methods.get(exchange.path) : undefined;
      if (method === undefined) return "not-mine";
      void serve(method, exchange, parts);
      return "answered";
    };
  };

function endAll(calls: ReadonlySet<GrpcCall>, shutdown: AbortSignal): void {
  const reason = endOf(shutdown);
  for (const call of calls) call.end(reason);
}

/** gRPC in protobuf: the only way in which its clients speak, but for those that say JSON. */
const contentType = /^application\/grpc(\+proto)?(;|$)/;

const isGrpc = ({ headers }: StreamExchange): boolean =>
  headers[":method"] === "POST" && contentType.test(headers["content-type"] ?? "");

async function serve(method: Method, exchange: StreamExchange, parts: Parts): Promise<void> {
  const { stream } = exchange;
  const call = new GrpcCall({
    ...exchange,
    method: method.spec.method,
    values: valuesOf(exchange),
    clock: parts.clock,
  });
  const answer = answerTo(method, { exchange, call, parts });
  parts.calls.add(call);
  // A connection may have been on its way here when the server stopped.
  if (parts.shutdown.aborted) endAll(parts.calls, parts.shutdown);
  stream.on("error", () => {});
  stream.once("close", () => call.closed());
  try {
    await answerCall(method, { exchange, call, answer, parts });
  } catch (error) {
    const status = toConnectError(error, { requestId: "", signal: call.signal });
    if (isFault(status) && error !== status) parts.log.error({ err: error, path: exchange.path }, "a call failed");
    answer.fail(status);
  } finally {
    parts.calls.delete(call);
    call.end(undefined);
    drainStream(stream, parts.clock);
    cutUnread(stream, parts);
  }
}

/** Cuts off whoever does not read the end of an answer: it is kept until then. */
function cutUnread(stream: ServerHttp2Stream, { unread }: Parts): void {
  if (stream.destroyed) return;
  const cut = () => breakOffStream(stream);
  unread.begin(cut);
  stream.once("close", () => unread.end(cut));
}

interface Serving {
  readonly exchange: StreamExchange;
  readonly call: GrpcCall;
  readonly answer: CallAnswer;
  readonly parts: Parts;
}

async function answerCall(method: Method, { exchange, call, answer, parts }: Serving): Promise<void> {
  const { stream } = exchange;
  demandMetadata(exchange);
  parts.open.enter(call.method, stream);
  call.demandTimeout();
  demandEncoding(call);
  await parts.gate?.(call);
  using shares = new DisposableStack();
  const reading: Reading = { ...parts, stream, call, shares };
  const { spec, invoke } = method;
  if (spec.kind === "unary") {
    const response = await invoke(unaryRequest(call, spec.method, await asked(reading, parts)));
    if (!response.stream) await answer.endWith(response.message);
    return;
  }
  const messages = spec.kind === "server_streaming" ? once(await asked(reading, parts)) : everyRequest(reading);
  const response = await invoke(streamRequest(call, spec.method, messages));
  if (!response.stream) return;
  for await (const message of response.message) await answer.send(message);
  answer.end();
}

/** The only request of a call. One that is none is told like what a handler refuses. */
async function asked(reading: Reading, { refuse }: Parts): Promise<Message> {
  try {
    return await onlyRequest(reading);
  } catch (error) {
    const { method, requestHeader: header, values: contextValues, signal } = reading.call;
    const call = { method, header, contextValues, stream: method.methodKind !== "unary", signal };
    throw refuse?.(call, error) ?? error;
  }
}

function valuesOf({ stream, address, recognize }: StreamExchange): ContextValues {
  const values = createContextValues();
  values.set(remoteAddressKey, address());
  values.set(httpVersionKey, "2.0");
  values.set(sendsInTurnKey, true);
  values.set(knownKey, recognize);
  values.set(cutKey, () => breakOffStream(stream));
  return values;
}

/** Refuses a request that is compressed in a way that nobody here knows. */
function demandEncoding({ headers }: GrpcCall): void {
  const encoding = headers["grpc-encoding"];
  if (encoding === undefined || encoding === "identity") return;
  const { error } = compressionNegotiate([fastGzip], textOf(encoding), null, "grpc-accept-encoding");
  if (error !== undefined) throw error;
}

function answerTo({ spec, compressMinBytes }: Method, { exchange, call, parts }: Omit<Serving, "answer">): CallAnswer {
  const { stream, headers } = exchange;
  const accepted = textOf(headers["grpc-accept-encoding"]) ?? "";
  const takesGzip = accepted.split(",").some((name) => name.trim() === fastGzip.name);
  const compression: AnswerCompression =
    takesGzip && Number.isFinite(compressMinBytes) ? { minBytes: compressMinBytes } : undefined;
  const { output } = spec.method;
  const type = headers["content-type"] ?? "application/grpc";
  return new CallAnswer({ stream, contentType: type, compression, output, unread: parts.unread }, call);
}
