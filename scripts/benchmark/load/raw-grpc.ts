import { type ClientHttp2Session, type ClientHttp2Stream, connect } from "node:http2";
import { type DescMessage, fromBinary, type MessageShape, toBinary } from "@bufbuild/protobuf";

/** gRPC by hand: a client that costs little, so that what is measured is the server. */
export const dial = (url: string): ClientHttp2Session => {
  const session = connect(url);
  session.on("error", () => {});
  return session;
};

export function frameOf<D extends DescMessage>(desc: D, message: MessageShape<D>): Buffer {
  const bytes = toBinary(desc, message);
  const frame = Buffer.allocUnsafe(5 + bytes.length);
  frame.writeUInt8(0, 0);
  frame.writeUInt32BE(bytes.length, 1);
  frame.set(bytes, 5);
  return frame;
}

export interface RawCalled {
  /** `/windlass.v1.RunService/GetRun`. */
  readonly path: string;
  readonly token?: string | undefined;
}

export function openCall(session: ClientHttp2Session, { path, token }: RawCalled): ClientHttp2Stream {
  const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const stream = session.request({
    ...{ ":method": "POST", ":path": path, "content-type": "application/grpc", te: "trailers" },
    ...authorization,
  });
  stream.on("error", () => {});
  return stream;
}

/** Calls `hear` with each message that comes; resolves at the end with how many bytes they had, rejects unless it is OK. */
export function messagesOf(stream: ClientHttp2Stream, hear: (message: Buffer) => void): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  let status: unknown;
  let held: Buffer = Buffer.alloc(0);
  let bytes = 0;
  const noteStatus = (fields: Readonly<Record<string, unknown>>) => {
    status = fields["grpc-status"] ?? status;
    if (status !== undefined && status !== "0") reject(new Error(`grpc-status ${status}: ${fields["grpc-message"]}`));
  };
  stream.on("response", noteStatus);
  stream.on("trailers", noteStatus);
  stream.on("data", (piece: Buffer) => {
    bytes += piece.length;
    held = held.length === 0 ? piece : Buffer.concat([held, piece]);
    while (held.length >= 5) {
      const length = held.readUInt32BE(1);
      if (held.length < 5 + length) break;
      hear(held.subarray(5, 5 + length));
      held = held.subarray(5 + length);
    }
  });
  stream.once("close", () => (status === "0" ? resolve(bytes) : reject(new Error(`the stream broke (${status})`))));
  return promise;
}

/** One call with one answer. */
export async function rawUnary<I extends DescMessage, O extends DescMessage>(
  session: ClientHttp2Session,
  called: RawCalled,
  { input, message, output }: { input: I; message: MessageShape<I>; output: O },
): Promise<MessageShape<O>> {
  const stream = openCall(session, called);
  let answer: Buffer | undefined;
  const ended = messagesOf(stream, (bytes) => {
    answer = Buffer.from(bytes);
  });
  stream.end(frameOf(input, message));
  await ended;
  if (answer === undefined) throw new Error(`${called.path} answered nothing`);
  return fromBinary(output, answer);
}
