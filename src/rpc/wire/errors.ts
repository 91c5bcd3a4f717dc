import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { ConnectError } from "@connectrpc/connect";
import { compressedFlag, encodeEnvelope } from "@connectrpc/connect/protocol";
import {
  createEndStreamSerialization,
  endStreamFlag,
  errorFromJsonBytes,
  errorToJsonBytes,
} from "@connectrpc/connect/protocol-connect";
import { findTrailerError, setTrailerStatus } from "@connectrpc/connect/protocol-grpc";
import { trailerFlag, trailerParse, trailerSerialize } from "@connectrpc/connect/protocol-grpc-web";
import { explained, hasReason } from "../calls/errors.ts";
import { grpcMessage } from "./grpc-message.ts";

const endStreams = createEndStreamSerialization(undefined);
const unzip = promisify(gunzip);

/** Writes an error into trailers of gRPC and gRPC-Web. */
export function setStatus(trailers: Headers, error: ConnectError): void {
  setTrailerStatus(trailers, error);
  // The library encodes more than gRPC does.
  trailers.set("grpc-message", grpcMessage(error.rawMessage));
}

/** Writes the error that trailers hold, if any, as gRPC has it and with its reason. */
export function mendTrailers(trailers: Headers): void {
  const error = findTrailerError(trailers);
  if (error !== undefined) setStatus(trailers, explained(wireError(error)));
}

/** Without the metadata, which are the trailers themselves. */
const wireError = (error: ConnectError): ConnectError => {
  const copy = new ConnectError(error.rawMessage, error.code);
  copy.details = error.details;
  return copy;
};

/** An envelope of gRPC-Web or Connect as it came from the protocol handler; the last one with its error mended. */
export async function mendEnvelope(envelope: Uint8Array): Promise<Uint8Array> {
  const flags = envelope[0] ?? 0;
  if ((flags & (trailerFlag | endStreamFlag)) === 0) return envelope;
  const data = envelope.subarray(5);
  const clear = (flags & compressedFlag) === 0 ? data : await unzip(data);
  return (flags & trailerFlag) === 0 ? mendEndStream(clear, envelope) : trailersEnvelope(mended(trailerParse(clear)));
}

const mended = (trailers: Headers): Headers => {
  mendTrailers(trailers);
  return trailers;
};

/** The last envelope of gRPC-Web. */
export const trailersEnvelope = (trailers: Headers): Uint8Array =>
  encodeEnvelope(trailerFlag, Uint8Array.from(trailerSerialize(trailers)));

function mendEndStream(data: Uint8Array, envelope: Uint8Array): Uint8Array {
  const { error, metadata } = endStreams.parse(Uint8Array.from(data));
  if (error === undefined || hasReason(error)) return envelope;
  return endStreamEnvelope(explained(wireError(error)), metadata);
}

/** The last envelope of a stream of Connect. */
export const endStreamEnvelope = (error: ConnectError, metadata = new Headers()): Uint8Array =>
  encodeEnvelope(endStreamFlag, endStreams.serialize({ error, metadata }));

/** The body of an answer of Connect that is an error; undefined if it is as it should be. */
export function mendJson(body: Uint8Array): Uint8Array | undefined {
  const error = errorFromJsonBytes(Uint8Array.from(body), undefined, new ConnectError("the call failed"));
  return hasReason(error) ? undefined : errorToJsonBytes(explained(wireError(error)), undefined);
}
