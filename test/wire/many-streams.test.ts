import { once } from "node:events";
import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from "node:http2";
import { connect as connectTcp } from "node:net";
import { create } from "@bufbuild/protobuf";
import { StringValueSchema } from "@bufbuild/protobuf/wkt";
import { Code, type ConnectRouter } from "@connectrpc/connect";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { maxOpenStreams } from "../../src/http/open-streams.ts";
import { resetBurst } from "../../src/http/rapid-resets.ts";
import { EchoService } from "../support/echo-service.ts";
import { type Listener, listenFor } from "../support/listen.ts";
import { callOn, envelope } from "../support/raw-call.ts";

const watch = "/windlass.test.v1.EchoService/ServerStream";
/** What a crowded machine may take. */
const timeoutMs = 300_000;

/** A watch that tells one thing at once and then waits. */
const routes = (router: ConnectRouter) => {
  router.service(EchoService, {
    unary: ({ value }) => create(StringValueSchema, { value }),
    serverStream: async function* (_request, { signal }) {
      yield create(StringValueSchema, { value: "first" });
      await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason), { once: true }));
    },
  });
};

let listener: Listener;
let session: ClientHttp2Session;

beforeAll(async () => {
  listener = await listenFor(routes);
});
afterEach(() => session.destroy());
afterAll(() => listener.close(0));

function dial(): ClientHttp2Session {
  session = connect(listener.url);
  session.on("error", () => {});
  return session;
}

function open(path: string): ClientHttp2Stream {
  const stream = session.request({
    ...{ ":method": "POST", ":path": path, te: "trailers", "content-type": "application/grpc+proto" },
  });
  stream.on("error", () => {});
  stream.end(envelope(new Uint8Array()));
  return stream;
}

/** What came first: a message, the status of a stream that has none, or its reset. */
function begin(stream: ClientHttp2Stream): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  stream.once("response", (headers) => {
    if (headers["grpc-status"] !== undefined) resolve(`status ${headers["grpc-status"]}`);
  });
  stream.once("data", () => resolve("message"));
  stream.once("close", () => resolve(`reset ${stream.rstCode}`));
  return promise;
}

test("a connection holds a thousand watches, and its other calls do not wait for them", {
  timeout: timeoutMs,
}, async () => {
  dial();
  await once(session, "remoteSettings");
  expect(session.remoteSettings.maxConcurrentStreams).toBe(2 * maxOpenStreams);
  const begun = await Promise.all(Array.from({ length: maxOpenStreams }, () => begin(open(watch))));
  expect(new Set(begun)).toEqual(new Set(["message"]));
  const call = { protocol: "grpc", path: "/windlass.test.v1.EchoService/Unary" } as const;
  const answers = await Promise.all(Array.from({ length: 200 }, () => callOn(session, call)));
  expect(answers.filter(({ error }) => error !== undefined)).toEqual([]);
  const refused = await callOn(session, { protocol: "grpc", path: watch });
  expect(refused.error).toMatchObject({
    code: Code.ResourceExhausted,
    rawMessage: expect.stringContaining(`this connection has ${maxOpenStreams} open streams`),
  });
});

test("a watch that has ended makes room for another", { timeout: timeoutMs }, async () => {
  dial();
  const streams = Array.from({ length: maxOpenStreams }, () => open(watch));
  await Promise.all(streams.map(begin));
  streams[0]?.close(constants.NGHTTP2_CANCEL);
  await vi.waitFor(async () => expect(await begin(open(watch))).toBe("message"));
});

test("64 callers who look and leave 6,000 times are never refused", { timeout: timeoutMs }, async () => {
  dial();
  let goaways = 0;
  session.on("goaway", () => goaways++);
  let left = 6_000;
  const seen = new Map<string, number>();
  const caller = async () => {
    while (left-- > 0) {
      const stream = open(watch);
      const outcome = await begin(stream);
      seen.set(outcome, (seen.get(outcome) ?? 0) + 1);
      stream.close(constants.NGHTTP2_CANCEL);
    }
  };
  await Promise.all(Array.from({ length: 64 }, caller));
  expect([...seen]).toEqual([["message", 6_000]]);
  expect(goaways).toBe(0);
});

test("whoever only takes calls back is cut off, and others are not", { timeout: timeoutMs }, async () => {
  dial();
  let code = -1;
  session.on("goaway", (reason: number) => {
    code = reason;
  });
  for (let calls = 0; calls < 20 * resetBurst && !session.closed && !session.destroyed; calls++) {
    open(watch).close(constants.NGHTTP2_CANCEL);
    if (calls % 50 === 0) await new Promise(setImmediate);
  }
  await vi.waitFor(() => expect(session.destroyed).toBe(true), 60_000);
  expect([constants.NGHTTP2_ENHANCE_YOUR_CALM, constants.NGHTTP2_INTERNAL_ERROR]).toContain(code);
  dial();
  expect(await begin(open(watch))).toBe("message");
});

test("a flood of pings ends its connection, and others are not harmed", { timeout: timeoutMs }, async () => {
  const socket = connectTcp({ host: "127.0.0.1", port: listener.port });
  socket.on("error", () => {});
  const ping = Buffer.from("0000080600000000000000000000000000", "hex");
  socket.write(
    Buffer.concat([Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), Buffer.from("000000040000000000", "hex")]),
  );
  // Their answers are never read.
  socket.pause();
  const closed = once(socket, "close");
  socket.write(Buffer.concat(Array.from({ length: 200_000 }, () => ping)));
  socket.once("error", () => socket.resume());
  setImmediate(() => socket.resume());
  await closed;
  dial();
  expect(await begin(open(watch))).toBe("message");
});
