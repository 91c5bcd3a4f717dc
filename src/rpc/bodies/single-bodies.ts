import { create, type DescMethod, type Message, toJsonString } from "@bufbuild/protobuf";
import { type ContextValues, createContextKey, type Interceptor } from "@connectrpc/connect";
import { abortable, deadlineAfter } from "../../lib/async/abort.ts";
import { mapItems } from "../../lib/async/streams.ts";
import type { Clock } from "../../lib/clock.ts";
import { isWindlassError, WindlassError } from "../../lib/words/errors.ts";
import { principalKey } from "../calls/caller.ts";
import { BodyReader } from "./body-reader.ts";
import type { LargeRequests } from "./large-requests.ts";
import {
  asStatus,
  brokenFrame,
  decoded,
  demandCheap,
  type Encoding,
  frameBytes,
  readFrame,
  tooLarge,
  tooSlow,
  unzipped,
} from "./request-bodies.ts";
import { type RequestLimits, requestLimits, smallRequest } from "./request-limits.ts";

/** How long a caller may take to send a request that is one message. */
export const singleBodyMs = 30_000;

/** True for methods whose request is one message. */
export const hasSingleRequest = ({ methodKind }: Pick<DescMethod, "methodKind">): boolean =>
  methodKind === "unary" || methodKind === "server_streaming";

/** The request of a call, decoded from its body. */
const decodedKey = createContextKey<Message | undefined>(undefined, { description: "the request, decoded" });

/** A call whose request is one message. */
export interface SingleBody {
  readonly method: DescMethod;
  readonly encoding: Encoding;
  /** Those of the call. Who calls is in them before the body is asked for. */
  readonly values: ContextValues;
  readonly clock: Clock;
  readonly large: LargeRequests;
  /** Holds what the call has been given of what all share, until the call is over. */
  readonly shares: DisposableStack;
}

interface ReplacedBody extends SingleBody {
  /** What the sender of a body that is none is told. */
  readonly refused: (error: unknown) => unknown;
}

/**
 * The body of such a request. The message is read whole, measured and decoded here, once, and kept in the call's values;
 * the protocol handler gets an empty one in its place, and `giveDecoded` puts the message back. It fails if the body does
 * not come in time (DEADLINE_EXCEEDED), is too large (RESOURCE_EXHAUSTED), or is no such message (VALIDATION).
 */
export async function* singleBody(
  source: AsyncIterable<Uint8Array>,
  call: ReplacedBody,
): AsyncGenerator<Uint8Array, void> {
  const message = await singleMessage(source, call).catch((error: unknown) => {
    throw call.refused(error);
  });
  if (message === undefined) return;
  call.values.set(decodedKey, message);
  yield emptyMessage(call.method, call.encoding);
}

/** The message of such a body; undefined if nothing came at all: the protocol handler says what it thinks of that. */
export async function singleMessage(source: AsyncIterable<Uint8Array>, call: SingleBody): Promise<Message | undefined> {
  using deadline = deadlineAfter(call.clock, singleBodyMs);
  const taking = take(new BodyReader(source), call, deadline.signal);
  return await abortable(taking, deadline.signal).catch((error: unknown) => {
    if (deadline.signal.aborted) throw tooSlow(call.method, singleBodyMs);
    throw isWindlassError(error) ? asStatus(error) : error;
  });
}

async function take(reader: BodyReader, call: SingleBody, signal: AbortSignal): Promise<Message | undefined> {
  const { method, encoding, values } = call;
  const limits = requestLimits(method, values.get(principalKey));
  const held = { reader, call, limits, signal };
  const whole = encoding.isEnveloped ? await onlyEnvelope(held) : await wholeBody(held, encoding);
  if (whole === undefined) return undefined;
  const raw = { bytes: whole.bytes, method, encoding, limits };
  const message = whole.isCompressed ? await unzipped(raw) : raw;
  await call.large.turnFor(demandCheap(message));
  return decoded(message);
}

interface Taking {
  readonly reader: BodyReader;
  readonly call: SingleBody;
  readonly limits: RequestLimits;
  readonly signal: AbortSignal;
}

interface Whole {
  readonly bytes: Buffer;
  readonly isCompressed: boolean;
}

async function onlyEnvelope(taking: Taking): Promise<Whole | undefined> {
  const { reader, call, limits } = taking;
  if (!(await reader.holds(frameBytes)) && reader.held === 0) return undefined;
  const { length, isCompressed } = readFrame(reader.take(frameBytes), call.method, limits);
  await enter(taking, length);
  if (!(await reader.holds(length))) throw brokenFrame(call.method, length, reader.held);
  const bytes = reader.take(length);
  if (!(await reader.holds(1))) return { bytes, isCompressed };
  throw asStatus(new WindlassError("unsupported", `${call.method.name} takes one message, and more came`));
}

async function wholeBody(taking: Taking, { compression }: Encoding): Promise<Whole> {
  const { reader, call, limits } = taking;
  if (await reader.holds(smallRequest.maxBytes + 1)) await enter(taking, limits.maxBytes);
  if (await reader.holds(limits.maxBytes + 1)) throw tooLarge(call.method, limits);
  const isCompressed = compression === "gzip" && reader.held > 0;
  return { bytes: reader.take(reader.held), isCompressed };
}

/** A large request waits until there is room for it, unread. */
async function enter({ call, signal }: Taking, bytes: number): Promise<void> {
  if (bytes > smallRequest.maxBytes) call.shares.use(await call.large.enter(call.values, bytes, signal));
}

function emptyMessage({ input }: DescMethod, { isEnveloped, isJson }: Encoding): Uint8Array {
  const message = Buffer.from(isJson ? toJsonString(input, create(input)) : "");
  return isEnveloped ? Buffer.concat([Buffer.of(0, 0, 0, 0, message.length), message]) : message;
}

/** The headers for a protocol handler that gets the empty message: what they say of the body holds no more. */
export function withoutBody(header: Headers): Headers {
  const rest = new Headers(header);
  rest.delete("content-length");
  if (rest.get("content-encoding") === "gzip") rest.delete("content-encoding");
  return rest;
}

/** Puts the message that was decoded from the body in the place of the empty one. */
export const giveDecoded: Interceptor = (next) => (request) => {
  const { method, contextValues } = request;
  if (!hasSingleRequest(method)) return next(request);
  const message = <T>(empty: T): T => (contextValues.get(decodedKey) as T | undefined) ?? empty;
  if (!request.stream) return next({ ...request, message: message(request.message) });
  // The body of a stream is read when its message is asked for.
  return next({ ...request, message: mapItems(request.message, message) });
};
