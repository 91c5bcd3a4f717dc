import { once } from "node:events";
import { type DescMessage, type DescMethod, fromBinary, type MessageShape, toBinary } from "@bufbuild/protobuf";
import type { StreamRequest, StreamResponse, UnaryRequest, UnaryResponse } from "@connectrpc/connect";
import { type CallOptions, type Client, type ClientDuplexStream, Metadata } from "@grpc/grpc-js";
import { untilAborted } from "../async/abort.ts";
import type { Clock } from "../clock.ts";
import { connectErrorOf, headersOf, metadataOf } from "./metadata.ts";

/** What a call needs of its transport. */
export interface Carrier {
  readonly client: Client;
  readonly clock: Clock;
  /** Stands before the path of each call; empty is none. */
  readonly prefix: string;
}

const pathOf = ({ prefix }: Carrier, { parent, name }: DescMethod) => `${prefix}/${parent.typeName}/${name}`;

const serialize =
  <D extends DescMessage>(schema: D) =>
  (message: MessageShape<D>): Buffer => {
    const bytes = toBinary(schema, message);
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  };

const deserialize =
  <D extends DescMessage>(schema: D) =>
  (bytes: Buffer): MessageShape<D> =>
    fromBinary(schema, bytes);

const callOptions = ({ clock }: Carrier, timeoutMs: number | undefined): CallOptions =>
  timeoutMs === undefined || timeoutMs <= 0 ? {} : { deadline: clock.now().getTime() + timeoutMs };

/** Makes a unary call; the request's signal and `timeoutMs` end it. Rejects with a `ConnectError`. */
export function unaryCall<I extends DescMessage, O extends DescMessage>(
  carrier: Carrier,
  request: UnaryRequest<I, O>,
  timeoutMs: number | undefined,
): Promise<UnaryResponse<I, O>> {
  const { method, signal } = request;
  const { promise, resolve, reject } = Promise.withResolvers<UnaryResponse<I, O>>();
  if (signal.aborted) return Promise.reject(signal.reason);
  let header = new Headers();
  let message: MessageShape<O> | undefined;
  const call = carrier.client.makeUnaryRequest(
    pathOf(carrier, method),
    serialize(method.input),
    deserialize(method.output),
    request.message,
    metadataOf(request.header),
    callOptions(carrier, timeoutMs),
    (error, response) => {
      if (error !== null) reject(connectErrorOf(error, header));
      else message = response;
    },
  );
  const cancel = () => call.cancel();
  signal.addEventListener("abort", cancel, { once: true });
  call.on("metadata", (metadata) => {
    header = headersOf(metadata);
  });
  call.on("status", ({ metadata }) => {
    signal.removeEventListener("abort", cancel);
    // The callback came just before.
    if (message === undefined) return;
    resolve({ stream: false, service: method.parent, method, header, trailer: headersOf(metadata), message });
  });
  return promise;
}

/**
 * Makes a call of any streaming kind (on the wire they are one): resolves with the server's headers, and writes
 * meanwhile.
 */
export async function streamingCall<I extends DescMessage, O extends DescMessage>(
  carrier: Carrier,
  request: StreamRequest<I, O>,
  timeoutMs: number | undefined,
): Promise<StreamResponse<I, O>> {
  const { method, signal } = request;
  signal.throwIfAborted();
  const call: Call<I, O> = carrier.client.makeBidiStreamRequest(
    pathOf(carrier, method),
    serialize(method.input),
    deserialize(method.output),
    metadataOf(request.header),
    callOptions(carrier, timeoutMs),
  );
  const state = observe(call);
  const cancel = () => call.cancel();
  signal.addEventListener("abort", cancel, { once: true });
  state.over.signal.addEventListener("abort", () => signal.removeEventListener("abort", cancel), { once: true });
  send(call, request.message, state).catch((error: unknown) => {
    state.sendError ??= { error };
    call.cancel();
  });
  const header = headersOf(await state.metadata.promise);
  const trailer = new Headers();
  const message = receive(call, state, { header, trailer });
  return { stream: true, service: method.parent, method, header, trailer, message };
}

type Call<I extends DescMessage, O extends DescMessage> = ClientDuplexStream<MessageShape<I>, MessageShape<O>>;

interface CallState {
  /** The server's headers; empty when the call ended without any. */
  readonly metadata: PromiseWithResolvers<Metadata>;
  /** The server's trailers, once nothing more will come. */
  readonly ended: PromiseWithResolvers<Metadata>;
  /** Aborted at the same moment. */
  readonly over: AbortController;
  /** How the call failed, noted because it may be over before anybody reads. */
  callError: Error | undefined;
  /** Why the caller's own messages could not be made. */
  sendError: { readonly error: unknown } | undefined;
}

function observe<I extends DescMessage, O extends DescMessage>(call: Call<I, O>): CallState {
  const state: CallState = {
    metadata: Promise.withResolvers(),
    ended: Promise.withResolvers(),
    over: new AbortController(),
    callError: undefined,
    sendError: undefined,
  };
  call.on("metadata", (metadata) => state.metadata.resolve(metadata));
  call.on("status", ({ metadata }) => {
    state.metadata.resolve(new Metadata());
    state.ended.resolve(metadata);
    state.over.abort();
  });
  // Without a listener an error would end the process.
  call.on("error", (error) => {
    state.callError = error;
  });
  return state;
}

/** Writes every message at the pace of the connection. A call that ends meanwhile releases the source. */
async function send<I extends DescMessage, O extends DescMessage>(
  call: Call<I, O>,
  messages: AsyncIterable<MessageShape<I>>,
  { over }: CallState,
): Promise<void> {
  for await (const message of untilAborted(messages, over.signal)) {
    if (!call.write(message)) await drained(call, over.signal);
  }
  if (!over.signal.aborted) call.end();
}

const drained = (call: NodeJS.EventEmitter, over: AbortSignal) => once(call, "drain", { signal: over }).catch(() => {});

async function* receive<I extends DescMessage, O extends DescMessage>(
  call: Call<I, O>,
  state: CallState,
  { header, trailer }: { readonly header: Headers; readonly trailer: Headers },
): AsyncGenerator<MessageShape<O>> {
  try {
    for await (const message of call) yield message;
    const trailers = await state.ended.promise;
    if (state.callError !== undefined) throw state.callError;
    headersOf(trailers).forEach((value, name) => void trailer.append(name, value));
  } catch (error) {
    throw state.sendError === undefined ? connectErrorOf(error, header) : state.sendError.error;
  } finally {
    call.cancel();
  }
}
