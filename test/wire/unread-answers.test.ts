import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from "node:http2";
import { connect as connectTcp } from "node:net";
import { create, toBinary } from "@bufbuild/protobuf";
import { StringValueSchema } from "@bufbuild/protobuf/wkt";
import type { ConnectRouter } from "@connectrpc/connect";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { Readiness } from "../../src/http/readiness.ts";
import { silentLog } from "../../src/lib/program/log.ts";
import { EchoService } from "../support/echo-service.ts";
import { type Listener, listen } from "../support/listen.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { contentTypes, envelope, type Spoken } from "../support/raw-call.ts";
import { until } from "../support/until.ts";

const clock = new ManualClock();
let floods = 0;
const text = (value: string) => create(StringValueSchema, { value });
const routes = (router: ConnectRouter) => {
  router.service(EchoService, {
    unary: ({ value }) => text("x".repeat(Number(value))),
    serverStream: async function* ({ value }) {
      floods++;
      try {
        for (;;) yield text("x".repeat(Number(value)));
      } finally {
        floods--;
      }
    },
  });
};

let listener: Listener;
let session: ClientHttp2Session;
beforeAll(async () => {
  const opened = await listen({
    ...{ host: "127.0.0.1", port: 0, routes, readiness: new Readiness(), log: silentLog(), clock },
    // Pings are not what this is about.
    keepAlive: { intervalMs: 3_600_000, timeoutMs: 3_600_000 },
  });
  if (opened.kind !== "listening") throw new Error(opened.message);
  listener = opened.listener;
});
afterEach(() => session.destroy());
afterAll(async () => {
  const closing = listener.close(0);
  await clock.advance(1_000);
  await closing;
});

const largeBytes = 3_000_000;

/** A call of a client whose streams take no bytes but those that it reads. */
function open(
  { protocol, method, bytes = largeBytes }: { protocol: Spoken; method: string; bytes?: number },
  header: Readonly<Record<string, string>> = {},
): ClientHttp2Stream {
  const message = toBinary(StringValueSchema, text(String(bytes)));
  session = connect(listener.url, { settings: { initialWindowSize: 1_000 } });
  session.on("error", () => {});
  const stream = session.request({
    ...{ ":method": "POST", ":path": `/windlass.test.v1.EchoService/${method}` },
    ...{ te: "trailers", "content-type": contentTypes[protocol], ...header },
  });
  stream.on("error", () => {});
  stream.end(protocol === "connect" ? message : envelope(message));
  return stream;
}

const answered = (stream: ClientHttp2Stream) => new Promise((resolve) => stream.once("response", resolve));

describe("a caller that does not read is cut off", () => {
  test.each([
    ["grpc", "Unary"],
    ["grpc", "ServerStream"],
    ["grpc-web", "Unary"],
    ["connect", "Unary"],
    ["connect-stream", "ServerStream"],
  ] as const)("%s %s", async (protocol, method) => {
    const stream = open({ protocol, method });
    await answered(stream);
    await clock.advance(110_000);
    expect(stream.destroyed).toBe(false);
    await clock.advance(60_000);
    stream.resume();
    await until("it is cut off", () => stream.destroyed);
    expect(stream.rstCode).toBe(constants.NGHTTP2_INTERNAL_ERROR);
    await until("its handler has ended", () => floods === 0);
  });

  test("also of what is small", async () => {
    session = connect(listener.url, { settings: { initialWindowSize: 0 } });
    const stream = session.request({
      ...{ ":method": "POST", ":path": "/windlass.test.v1.EchoService/Unary" },
      ...{ te: "trailers", "content-type": "application/grpc" },
    });
    stream.on("error", () => {});
    stream.end(envelope(toBinary(StringValueSchema, text("100"))));
    await answered(stream);
    await until("it is cut off", async () => {
      await clock.advance(60_000);
      return stream.rstCode === constants.NGHTTP2_INTERNAL_ERROR;
    });
  });
});

test("one that reads slowly gets all of it", async () => {
  const stream = open({ protocol: "grpc", method: "Unary" });
  let bytes = 0;
  await answered(stream);
  while (bytes < largeBytes) {
    const piece: Buffer | null = stream.read();
    bytes += piece?.length ?? 0;
    if (piece === null) await new Promise((resolve) => stream.once("readable", resolve));
    else if (bytes % 64 === 0) await clock.advance(1_000);
  }
  stream.resume();
  await new Promise((resolve) => stream.once("close", resolve));
  expect(stream.rstCode).toBe(constants.NGHTTP2_NO_ERROR);
});

test("a stream that nobody reads ends with its caller's deadline", async () => {
  const stream = open({ protocol: "grpc", method: "ServerStream", bytes: 20_000 }, { "grpc-timeout": "50m" });
  await answered(stream);
  await until("its handler has ended", () => floods === 0);
});

test("the rest of a request is not waited for when its caller's time is over", async () => {
  session = connect(listener.url);
  const stream = session.request({
    ...{ ":method": "POST", ":path": "/windlass.test.v1.EchoService/Unary" },
    ...{ te: "trailers", "content-type": "application/grpc", "grpc-timeout": "50m" },
  });
  stream.write(Buffer.of(0, 0, 0));
  const headers = await new Promise<Readonly<Record<string, unknown>>>((resolve) => stream.once("response", resolve));
  expect(headers["grpc-status"]).toBe("4");
});

test("a connection that turns out to be one while the server stops is told so", async () => {
  const opened = await listen({
    ...{ host: "127.0.0.1", port: 0, routes, readiness: new Readiness(), log: silentLog() },
  });
  if (opened.kind !== "listening") throw new Error(opened.message);
  const silent = connectTcp(opened.listener.port, "127.0.0.1");
  await until("it is accepted", () => opened.listener.connections === 1);
  const closing = opened.listener.close(60_000);
  session = connect(opened.listener.url, { createConnection: () => silent });
  session.on("error", () => {});
  const stream = session.request({
    ...{ ":method": "POST", ":path": "/windlass.test.v1.EchoService/ServerStream" },
    ...{ te: "trailers", "content-type": "application/grpc" },
  });
  stream.on("error", () => {});
  stream.end(envelope(toBinary(StringValueSchema, text("1"))));
  const headers = new Promise<Readonly<Record<string, unknown>>>((resolve) => stream.once("response", resolve));
  expect((await headers)["grpc-status"]).toBe("14");
  session.close();
  await closing;
});
