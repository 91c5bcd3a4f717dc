import {
  create,
  type DescMessage,
  type DescMethodUnary,
  isMessage,
  type Message,
  type MessageInitShape,
} from "@bufbuild/protobuf";
import type {
  HandlerContext,
  Interceptor,
  MethodImplSpec,
  StreamRequest,
  StreamResponse,
  UnaryRequest,
  UnaryResponse,
} from "@connectrpc/connect";
import { mapItems } from "../../lib/async/streams.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import { type GrpcCall, grpcCallKey } from "./call.ts";

/** A method with all that its calls pass before it. */
export type Invocation = ReturnType<Interceptor>;

/** The method behind the interceptors, the first of them outermost. Put together once, and not for each call. */
export const invocationOf = (spec: MethodImplSpec, interceptors: readonly Interceptor[]): Invocation =>
  interceptors.reduceRight<Invocation>(
    (next, interceptor) => interceptor(next),
    (request) => (request.stream ? invokeStream(spec, request) : invokeUnary(spec, request)),
  );

/** A call of a unary method, as interceptors see it: they seldom ask for more than a few of its headers. */
export const unaryRequest = (call: GrpcCall, method: DescMethodUnary, message: Message): UnaryRequest => ({
  stream: false,
  service: call.service,
  method,
  requestMethod: call.requestMethod,
  contextValues: call.values,
  message,
  get url() {
    return call.url;
  },
  get header() {
    return call.requestHeader;
  },
  get signal() {
    return call.signal;
  },
});

/** The same of all other methods. */
export const streamRequest = (
  call: GrpcCall,
  method: StreamRequest["method"],
  message: AsyncIterable<Message>,
): StreamRequest => ({
  stream: true,
  service: call.service,
  method,
  requestMethod: call.requestMethod,
  contextValues: call.values,
  message,
  url: call.url,
  header: call.requestHeader,
  signal: call.signal,
});

async function invokeUnary(spec: MethodImplSpec, request: UnaryRequest): Promise<UnaryResponse> {
  if (spec.kind !== "unary") throw unfit(spec);
  const call = callOf(request);
  const message = whole(spec.method.output, await spec.impl(request.message, call));
  return { stream: false, service: call.service, method: spec.method, message, ...metadataOf(call) };
}

async function invokeStream(spec: MethodImplSpec, request: StreamRequest): Promise<StreamResponse> {
  const call = callOf(request);
  const context = request.signal === call.signal ? call : withSignal(call, request.signal);
  const output = await outputOf(spec, request.message, context);
  const message = mapItems(output, (item) => whole(spec.method.output, item));
  return { stream: true, service: call.service, method: request.method, message, ...metadataOf(call) };
}

async function outputOf(
  spec: MethodImplSpec,
  messages: AsyncIterable<Message>,
  context: HandlerContext,
): Promise<AsyncIterable<MessageInitShape<DescMessage>>> {
  switch (spec.kind) {
    case "server_streaming": {
      for await (const message of messages) return spec.impl(message, context);
      throw unfit(spec);
    }
    case "client_streaming":
      return once(await spec.impl(messages, context));
    case "bidi_streaming":
      return spec.impl(messages, context);
    case "unary":
      throw unfit(spec);
  }
}

/** One item. */
export async function* once<T>(item: T): AsyncGenerator<T, void> {
  yield item;
}

function callOf({ contextValues }: UnaryRequest | StreamRequest): GrpcCall {
  const call = contextValues.get(grpcCallKey);
  if (call === undefined) throw new WindlassError("internal", "a request came without its call");
  return call;
}

const metadataOf = ({ responseHeader: header, responseTrailer: trailer }: GrpcCall) => ({ header, trailer });

const whole = (output: DescMessage, message: MessageInitShape<DescMessage>): Message =>
  isMessage(message, output) ? message : create(output, message);

const unfit = ({ kind, method }: MethodImplSpec) =>
  new WindlassError("internal", `${method.name} (${kind}) was called in another way`);

/** The same call for a handler that hears of more ends than the caller's. */
const withSignal = (call: GrpcCall, signal: AbortSignal): HandlerContext => ({
  service: call.service,
  method: call.method,
  protocolName: call.protocolName,
  requestMethod: call.requestMethod,
  values: call.values,
  responseHeader: call.responseHeader,
  responseTrailer: call.responseTrailer,
  timeoutMs: call.timeoutMs,
  signal,
  get url() {
    return call.url;
  },
  get requestHeader() {
    return call.requestHeader;
  },
});
