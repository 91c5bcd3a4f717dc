import { once } from "node:events";
import {
  type ClientHttp2Session,
  type ClientSessionOptions,
  connect,
  constants,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
} from "node:http2";
import { ConnectError } from "@connectrpc/connect";
import { createEndStreamSerialization, endStreamFlag, errorFromJsonBytes } from "@connectrpc/connect/protocol-connect";
import { findTrailerError } from "@connectrpc/connect/protocol-grpc";
import { trailerFlag, trailerParse } from "@connectrpc/connect/protocol-grpc-web";

export type Spoken = "grpc" | "grpc-web" | "connect-stream" | "connect";

export const contentTypes: Readonly<Record<Spoken, string>> = {
  grpc: "application/grpc+proto",
  "grpc-web": "application/grpc-web+proto",
  "connect-stream": "application/connect+proto",
  connect: "application/proto",
};

export interface RawCall {
  readonly protocol: Spoken;
  readonly path: string;
  /** Enveloped as the protocol has it. */
  readonly message?: Uint8Array;
  /** Flags of its envelope, if it has one. */
  readonly flags?: number;
  /** Sent as it is, instead of a message. */
  readonly body?: Uint8Array;
  readonly header?: OutgoingHttpHeaders;
}

export interface RawAnswer {
  readonly header: IncomingHttpHeaders;
  readonly trailer: IncomingHttpHeaders;
  readonly body: Buffer;
  /** How many HEADERS frames came: one for Trailers-Only. */
  readonly headerFrames: number;
  readonly error: ConnectError | undefined;
}

export const envelope = (bytes: Uint8Array, flags = 0): Buffer => {
  const head = Buffer.alloc(5);
  head.writeUInt8(flags, 0);
  head.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([head, bytes]);
};

/** The types do not know it yet. */
const lenient = { strictSingleValueFields: false } as ClientSessionOptions;

/** Makes a call by hand on a connection of its own, and answers what came back. */
export async function rawCall(url: string, call: RawCall): Promise<RawAnswer> {
  // What no honest client sends is sent too.
  const session = connect(url, lenient);
  session.on("error", () => {});
  try {
    return await callOn(session, call);
  } finally {
    session.destroy();
  }
}

/** Makes a call by hand on a connection. */
export async function callOn(session: ClientHttp2Session, call: RawCall): Promise<RawAnswer> {
  const { protocol, path, message = new Uint8Array(), flags = 0, header: more = {} } = call;
  const stream = session.request({
    ...{ [constants.HTTP2_HEADER_METHOD]: "POST", [constants.HTTP2_HEADER_PATH]: path },
    ...{ "content-type": contentTypes[protocol], te: "trailers", ...more },
  });
  let trailer: IncomingHttpHeaders = {};
  let headerFrames = 0;
  stream
    .on("response", () => headerFrames++)
    .on("trailers", (headers) => {
      trailer = headers;
      headerFrames++;
    });
  stream.end(call.body ?? (protocol === "connect" ? message : envelope(message, flags)));
  const [header] = (await once(stream, "response")) as [IncomingHttpHeaders];
  const body = Buffer.concat(await Array.fromAsync(stream as AsyncIterable<Buffer>));
  return { header, trailer, body, headerFrames, error: errorIn(protocol, { header, trailer, body }) };
}

function errorIn(protocol: Spoken, answer: Pick<RawAnswer, "header" | "trailer" | "body">): ConnectError | undefined {
  const { header, trailer, body } = answer;
  switch (protocol) {
    case "grpc":
      return findTrailerError(asHeaders({ ...header, ...trailer }));
    case "grpc-web":
      return findTrailerError(trailerParse(last(body, trailerFlag)));
    case "connect-stream":
      return createEndStreamSerialization(undefined).parse(Uint8Array.from(last(body, endStreamFlag))).error;
    case "connect": {
      if (Number(header[":status"]) === 200) return undefined;
      return errorFromJsonBytes(Uint8Array.from(body), asHeaders(header), new ConnectError(`no error: ${body}`));
    }
  }
}

/** The content of the envelope with that flag. */
function last(body: Buffer, flag: number): Buffer {
  let at = 0;
  while (at < body.length) {
    const end = at + 5 + body.readUInt32BE(at + 1);
    if ((body.readUInt8(at) & flag) !== 0) return body.subarray(at + 5, end);
    at = end;
  }
  throw new Error("the answer has no last envelope");
}

const asHeaders = (fields: IncomingHttpHeaders): Headers =>
  new Headers(
    Object.entries(fields).flatMap(([name, value]) =>
      name.startsWith(":") ? [] : [[name, String(value)] as [string, string]],
    ),
  );
