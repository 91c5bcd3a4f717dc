import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { type DescMethod, fromBinary, fromJsonString, type Message } from "@bufbuild/protobuf";
import type { ConnectError } from "@connectrpc/connect";
import { measureJson } from "../../lib/json/measure.ts";
import { errnoOf, messageOf } from "../../lib/values/errors.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import { malformedRequest, toConnectError } from "../calls/errors.ts";
import type { RequestLimits } from "./request-limits.ts";
import { countValues } from "./wire-scan.ts";

/** How the messages of a request are written. */
export interface Encoding {
  readonly isJson: boolean;
  /** Each message has a flag and its length before it. */
  readonly isEnveloped: boolean;
  /** How they are compressed, if a message's flag says so or there is none. */
  readonly compression: string | null;
}

export function encodingOf(header: Headers): Encoding {
  const type = header.get("content-type") ?? "";
  const isEnveloped = /^application\/(grpc|connect\+)/.test(type);
  const compression = type.startsWith("application/grpc")
    ? header.get("grpc-encoding")
    : header.get(isEnveloped ? "connect-content-encoding" : "content-encoding");
  return { isEnveloped, isJson: type.includes("json"), compression };
}

/** A message as it came, and what it may be. */
export interface RawMessage {
  readonly bytes: Buffer;
  readonly method: DescMethod;
  readonly encoding: Encoding;
  readonly limits: RequestLimits;
}

/** Refuses a message that would cost more to decode than its method allows; answers how many values it holds. */
export function demandCheap({ bytes, method, encoding, limits }: RawMessage): number {
  if (bytes.length > limits.maxBytes) throw tooLarge(method, limits);
  const { values, depth } = encoding.isJson
    ? measureJson(bytes, limits.maxValues)
    : { values: countValues(method.input, bytes, limits.maxValues), depth: 0 };
  if (values > limits.maxValues) throw tooMany(method, limits);
  if (depth > maxJsonDepth) throw asStatus(malformedRequest(method.name, `it is nested ${depth} levels deep`));
  return values;
}

/** No message of the published proto files is as deep. */
const maxJsonDepth = 100;

/** The message; what is none gets VALIDATION, where the protocol handlers would speak of a fault of the server. */
export function decoded({ bytes, method, encoding }: RawMessage): Message {
  try {
    return encoding.isJson
      ? fromJsonString(method.input, bytes.toString("utf8"), { ignoreUnknownFields: true })
      : fromBinary(method.input, bytes, { readUnknownFields: false });
  } catch (error) {
    throw asStatus(malformedRequest(method.name, messageOf(error)));
  }
}

const unzip = promisify(gunzip);

/** The message in clear. Compression that nobody named is left to the protocol handler. */
export async function unzipped(message: RawMessage): Promise<RawMessage> {
  const { bytes, method, limits } = message;
  try {
    return { ...message, bytes: await unzip(bytes, { maxOutputLength: limits.maxBytes }) };
  } catch (error) {
    if (errnoOf(error) === "ERR_BUFFER_TOO_LARGE") throw tooLarge(method, limits);
    throw asStatus(malformedRequest(method.name, "its compression is broken"));
  }
}

export const tooLarge = ({ name }: DescMethod, { maxBytes }: RequestLimits): ConnectError =>
  asStatus(
    new WindlassError(
      "upload_too_large",
      `a message of ${name} may have ${maxBytes} bytes here: send less at once, or call with a role that may send more`,
      { metadata: { limit_bytes: String(maxBytes) } },
    ),
  );

const tooMany = ({ name }: DescMethod, { maxValues }: RequestLimits): ConnectError =>
  asStatus(malformedRequest(name, `it holds more than ${maxValues} values: send fewer at once`));

export const tooSlow = ({ name }: DescMethod, ms: number): ConnectError =>
  asStatus(new WindlassError("deadline_exceeded", `the request of ${name} did not arrive within ${ms / 1000} seconds`));

/** Errors of a body do not pass the interceptors. */
export const asStatus = (error: WindlassError): ConnectError =>
  toConnectError(error, { requestId: "", signal: new AbortController().signal });

/** The flag and the length before an enveloped message. */
export const frameBytes = 5;

export interface Frame {
  readonly length: number;
  readonly isCompressed: boolean;
}

/** Reads a frame; refuses what no client sends, and a message that its method does not allow. */
export function readFrame(frame: Buffer, method: DescMethod, limits: RequestLimits): Frame {
  if (frame.length < frameBytes) throw asStatus(malformedRequest(method.name, "its body ends within a frame"));
  const flags = frame.readUInt8(0);
  if (flags > 1) throw asStatus(malformedRequest(method.name, `a message has the flags ${flags}`));
  const length = frame.readUInt32BE(1);
  if (length > limits.maxBytes) throw tooLarge(method, limits);
  return { length, isCompressed: flags === 1 };
}

export const brokenFrame = ({ name }: DescMethod, announced: number, came: number): ConnectError =>
  asStatus(malformedRequest(name, `${announced} bytes of a message were announced and ${came} came`));
