import type { ConnectError } from "@connectrpc/connect";
import type { UniversalServerResponse } from "@connectrpc/connect/protocol";
import { codeToHttpStatus, errorToJsonBytes } from "@connectrpc/connect/protocol-connect";
import { endStreamEnvelope, setStatus, trailersEnvelope } from "./errors.ts";
import { protocolOf } from "./protocol.ts";

/** What an answer says beside its error. */
export interface RefusalForm {
  /** Of the request. */
  readonly contentType: string;
  /** The HTTP status for callers that read one; default: the one that Connect defines for the code. */
  readonly httpStatus?: number | undefined;
  /** More headers. */
  readonly header?: Headers | undefined;
}

/** An answer that is an error and nothing else, in the protocol that the caller speaks. */
export function refusalAnswer(error: ConnectError, form: RefusalForm): UniversalServerResponse {
  const { contentType } = form;
  const header = new Headers(form.header);
  switch (protocolOf(contentType)) {
    case "grpc":
      header.set("content-type", "application/grpc");
      return { status: 200, header, trailer: statusOf(error) };
    case "grpc-web":
      header.set("content-type", "application/grpc-web+proto");
      return { status: 200, header, body: pieces(trailersEnvelope(statusOf(error))) };
    case "connect-stream":
      header.set("content-type", contentType);
      return { status: 200, header, body: pieces(endStreamEnvelope(error)) };
    case "connect":
    case undefined:
      return jsonAnswer(error, header, form.httpStatus ?? codeToHttpStatus(error.code));
  }
}

function jsonAnswer(error: ConnectError, header: Headers, status: number): UniversalServerResponse {
  const body = errorToJsonBytes(error, undefined);
  error.metadata.forEach((value, name) => {
    header.set(name, value);
  });
  header.set("content-type", "application/json");
  header.set("content-length", String(body.length));
  return { status, header, body: pieces(body) };
}

function statusOf(error: ConnectError): Headers {
  const trailers = new Headers();
  setStatus(trailers, error);
  return trailers;
}

async function* pieces(bytes: Uint8Array): AsyncGenerator<Uint8Array, void> {
  yield bytes;
}
