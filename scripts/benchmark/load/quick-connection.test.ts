import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import type { AddressInfo } from "node:net";
import { describe, expect, it } from "vitest";
import { QuickConnection } from "./quick-connection.ts";

interface Seen {
  readonly fields: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** A server of Node's own that notes each call, and answers it. */
async function listening(held: AsyncDisposableStack, react: (stream: ServerHttp2Stream) => void) {
  const seen: Seen[] = [];
  const server = createServer();
  server.on("stream", (stream, fields) => {
    const pieces: Buffer[] = [];
    stream
      .on("data", (piece: Buffer) => pieces.push(piece))
      .on("end", () => {
        seen.push({ fields, body: Buffer.concat(pieces) });
        react(stream);
      });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  held.defer(() => void server.close());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen };
}

function answer(stream: ServerHttp2Stream, body: string | Buffer): void {
  stream.respond({ ":status": 200 }, { waitForTrailers: true });
  stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
  stream.end(body);
}

async function connection(held: AsyncDisposableStack, url: string) {
  const ended: number[] = [];
  const opened = await QuickConnection.open(url, { path: "/a.Service/Call", token: "secret" }, (bytes) => {
    ended.push(bytes);
    waiting?.();
  });
  let waiting: (() => void) | undefined;
  held.defer(() => opened.close());
  const call = async (message: string) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    waiting = resolve;
    opened.call(Buffer.from(message));
    await promise;
  };
  return { call, ended };
}

describe("the client that only counts", () => {
  it("sends what a gRPC client sends, also when the server knows the fields already", async () => {
    await using held = new AsyncDisposableStack();
    const { url, seen } = await listening(held, (stream) => answer(stream, "answer"));
    const { call, ended } = await connection(held, url);
    for (const message of ["first", "second"]) await call(message);
    const fields = { ":method": "POST", ":path": "/a.Service/Call", te: "trailers", authorization: "Bearer secret" };
    for (const [index, message] of ["first", "second"].entries()) {
      expect(seen[index]?.fields).toMatchObject({ ...fields, "content-type": "application/grpc" });
      expect(seen[index]?.body.toString("latin1")).toBe(`\0\0\0\0${String.fromCharCode(message.length)}${message}`);
    }
    expect(ended).toEqual([6, 6]);
  });

  it("tells an answer without a message, and one that is broken off, as a failure", async () => {
    await using held = new AsyncDisposableStack();
    const answers = [
      (stream: ServerHttp2Stream) => stream.respond({ ":status": 200, "grpc-status": "8" }, { endStream: true }),
      (stream: ServerHttp2Stream) => {
        stream.on("error", () => {}).respond({ ":status": 200 });
        stream.write("half", () => stream.close(2));
      },
    ];
    const { url } = await listening(held, (stream) => answers.shift()?.(stream));
    const { call, ended } = await connection(held, url);
    for (const message of ["refused", "reset"]) await call(message);
    expect(ended).toEqual([0, 0]);
  });

  it("gives the server its window back: a long answer comes whole", async () => {
    await using held = new AsyncDisposableStack();
    const bytes = 150 * 2 ** 20;
    const { url } = await listening(held, (stream) => answer(stream, Buffer.alloc(bytes)));
    const { call, ended } = await connection(held, url);
    await call("much");
    expect(ended).toEqual([bytes]);
  });
});
