import { gunzipSync } from "node:zlib";
import { type DescMethod, fromBinary, fromJsonString } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { abortable, deadlineAfter } from "../lib/abort.ts";
import type { Clock } from "../lib/clock.ts";
import { malformedRequest, toConnectError } from "./errors.ts";

/** How long a caller may take to send a request that is one message. */
export const singleBodyMs = 30_000;

export interface SingleBody {
  readonly method: Pick<DescMethod, "input" | "name">;
  readonly header: Headers;
  /** What is longer passes unread: whoever takes it refuses it by its length. */
  readonly maxBytes: number;
  readonly clock: Clock;
}

/** True for methods whose request is one message. */
export const hasSingleRequest = ({ methodKind }: Pick<DescMethod, "methodKind">): boolean =>
  methodKind === "unary" || methodKind === "server_streaming";

/**
 * The body of a request that is one message, whole. It is read when somebody asks for it, and fails if it does not come in
 * time (DEADLINE_EXCEEDED) or is no such message (VALIDATION; the protocol handlers would call that a fault of the server).
 */
export async function* singleBody(
  source: AsyncIterable<Uint8Array>,
  { method, header, maxBytes, clock }: SingleBody,
): AsyncGenerator<Uint8Array, void> {
  using deadline = deadlineAfter(clock, singleBodyMs);
  const iterator = source[Symbol.asyncIterator]();
  const encoding = encodingOf(header);
  let held: Buffer | undefined = Buffer.alloc(0);
  for (;;) {
    const step = await abortable(iterator.next(), deadline.signal).catch((error: unknown) => {
      throw deadline.signal.aborted ? tooSlow(method.name) : error;
    });
    if (step.done === true) break;
    if (held === undefined) yield step.value;
    else held = Buffer.concat([held, step.value]);
    if (held === undefined || lengthIn(held, encoding) <= maxBytes) continue;
    yield held;
    held = undefined;
  }
  if (held === undefined || held.length === 0) return;
  demandMessage(held, method, encoding);
  yield held;
}

/** How long the body says that it is, or is already. */
const lengthIn = (held: Buffer, { isEnveloped }: Encoding): number =>
  isEnveloped && held.length >= envelopeHeaderBytes ? Math.max(held.length, held.readUInt32BE(1)) : held.length;

interface Encoding {
  readonly isJson: boolean;
  /** The message has a flag and its length before it. */
  readonly isEnveloped: boolean;
  /** How it is compressed, if its flag says so or there is none. */
  readonly compression: string | null;
}

function encodingOf(header: Headers): Encoding {
  const type = header.get("content-type") ?? "";
  const isEnveloped = /^application\/(grpc|connect\+)/.test(type);
  const compression = type.startsWith("application/grpc")
    ? header.get("grpc-encoding")
    : header.get(isEnveloped ? "connect-content-encoding" : "content-encoding");
  return { isEnveloped, isJson: type.includes("json"), compression };
}

const tooSlow = (method: string) =>
  new ConnectError(
    `the request of ${method} did not arrive within ${singleBodyMs / 1000} seconds`,
    Code.DeadlineExceeded,
  );

function demandMessage(body: Buffer, { input, name }: SingleBody["method"], encoding: Encoding): void {
  const message = messageIn(body, encoding);
  if (message === undefined) return;
  try {
    if (encoding.isJson) fromJsonString(input, message.toString("utf8"), { ignoreUnknownFields: true });
    else fromBinary(input, message);
  } catch (error) {
    throw malformed(name, error instanceof Error ? error.message : String(error));
  }
}

const malformed = (method: string, why: string) =>
  toConnectError(malformedRequest(method, why), { requestId: "", signal: new AbortController().signal });

const envelopeHeaderBytes = 5;

/** The bytes of the message; undefined for what the protocol handler judges itself. */
function messageIn(body: Buffer, { isEnveloped, compression }: Encoding): Buffer | undefined {
  if (!isEnveloped) return unzipped(body, compression);
  if (body.length < envelopeHeaderBytes) return undefined;
  const message = body.subarray(envelopeHeaderBytes);
  if (message.length !== body.readUInt32BE(1)) return undefined;
  const isCompressed = ((body[0] ?? 0) & 1) === 1;
  return unzipped(message, isCompressed ? compression : null);
}

/** Compressed messages are small or hostile: more than this is left to the protocol handler, which counts. */
const maxUnzippedBytes = 1024 * 1024;

function unzipped(bytes: Buffer, encoding: string | null): Buffer | undefined {
  if (encoding === null || encoding === "identity") return bytes;
  if (encoding !== "gzip") return undefined;
  try {
    return gunzipSync(bytes, { maxOutputLength: maxUnzippedBytes });
  } catch {
    return undefined;
  }
}
