import { Code, ConnectError } from "@connectrpc/connect";
import { findTrailerError } from "@connectrpc/connect/protocol-grpc";
import { Metadata, type ServiceError } from "@grpc/grpc-js";

/** gRPC metadata of web headers; values of `-bin` names are base64 in headers. */
export function metadataOf(headers: Headers): Metadata {
  const metadata = new Metadata();
  for (const [name, value] of headers) metadata.add(name, name.endsWith("-bin") ? Buffer.from(value, "base64") : value);
  return metadata;
}

/** Web headers of gRPC metadata. */
export function headersOf(metadata: Metadata): Headers {
  const headers = new Headers();
  for (const name of Object.keys(metadata.getMap())) {
    for (const value of metadata.get(name))
      headers.append(name, typeof value === "string" ? value : value.toString("base64"));
  }
  return headers;
}

/**
 * The connect error that says what the gRPC error says, its `google.rpc.Status` details included. An answer that is none of
 * gRPC keeps its headers: they tell who gave it.
 */
export function connectErrorOf(error: unknown, header: Headers = new Headers()): ConnectError {
  if (!isServiceError(error)) return ConnectError.from(error);
  const detailed = detailedError(error);
  if (detailed !== undefined) return detailed;
  const metadata = headersOf(error.metadata);
  if (/^Received /.test(error.details))
    for (const [name, value] of header) if (!metadata.has(name)) metadata.append(name, value);
  return new ConnectError(error.details, codeOf(error), metadata, undefined, error);
}

function detailedError(error: ServiceError): ConnectError | undefined {
  const status = error.metadata.get("grpc-status-details-bin")[0];
  if (status === undefined) return undefined;
  try {
    const found = findTrailerError(headersOf(error.metadata));
    if (found !== undefined) found.cause = error;
    return found;
  } catch {
    // Details that cannot be decoded: code and message still stand.
    return undefined;
  }
}

/** The codes of gRPC and connect are the same numbers. */
const codeOf = ({ code }: { readonly code: number }): Code => (code in Code ? code : Code.Unknown);

const isServiceError = (error: unknown): error is ServiceError =>
  error instanceof Error && "metadata" in error && error.metadata instanceof Metadata && "details" in error;
