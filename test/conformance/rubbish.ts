import { createServer as createHttp2Server } from "node:http2";
import { createServer, type Server, type Socket } from "node:net";

/** A web page, bytes that are no protocol, or gRPC whose messages cannot be read. */
export type RubbishKind = "page" | "noise" | "protobuf";

/** A server that is none. */
export interface Rubbish extends AsyncDisposable {
  /** Connections so far; calls where it speaks HTTP/2. */
  readonly calls: number;
}

const page = "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 13\r\n\r\n<p>Hello.</p>\n";

/** Listens on a port of this machine and answers everybody with rubbish. */
export async function openRubbish(kind: RubbishKind, port: number): Promise<Rubbish> {
  let calls = 0;
  const server = kind === "protobuf" ? brokenProtobuf(() => calls++) : brokenHttp(kind, () => calls++);
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
  return {
    get calls() {
      return calls;
    },
    [Symbol.asyncDispose]: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

const brokenHttp = (kind: "page" | "noise", onCall: () => void): Server =>
  createServer((socket) => {
    onCall();
    socket.end(kind === "page" ? page : Buffer.alloc(4_000, 0xa5));
  });

/** A message of five bytes that are no protobuf, and the status OK. */
function brokenProtobuf(onCall: () => void): Server {
  const server = createHttp2Server();
  server.on("sessionError", () => {});
  server.on("stream", (stream) => {
    onCall();
    stream.on("error", () => {});
    stream.respond({ ":status": 200, "content-type": "application/grpc+proto" }, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
    stream.end(Buffer.from([0, 0, 0, 0, 5, 0xff, 0xff, 0xff, 0xff, 0xff]));
  });
  return server;
}
