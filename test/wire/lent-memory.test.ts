import { type ClientHttp2Session, connect } from "node:http2";
import { fromBinary } from "@bufbuild/protobuf";
import type { ConnectRouter } from "@connectrpc/connect";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { RunService, StreamRunLogsResponseSchema } from "../../src/gen/windlass/v1/run_service_pb.ts";
import { sendsInTurnKey } from "../../src/rpc/calls/caller.ts";
import { type Listener, listenFor } from "../support/listen.ts";
import { contentTypes, envelope, type Spoken } from "../support/raw-call.ts";

const kib = 1024;
/** Smaller and larger than what a stream of Node takes before it is full, and than what is written at once. */
const sizes = [20 * kib, 40 * kib, 63 * kib, 100 * kib, 256 * kib, 700 * kib];
const rounds = 8;

let promises: boolean[] = [];
/** Its messages lie in one memory, each overwritten by the next. */
const routes = (router: ConnectRouter) => {
  router.service(RunService, {
    streamRunLogs: async function* (_request, { values }) {
      const memory = new ArrayBuffer(1024 * kib);
      promises.push(values.get(sendsInTurnKey));
      for (let index = 0; index < rounds * sizes.length; index++) {
        const chunk = new Uint8Array(memory, 0, sizes[index % sizes.length]).fill(index + 1);
        yield { offset: BigInt(index), chunk };
        new Uint8Array(memory).fill(255);
      }
    },
  });
};

let listener: Listener;
let session: ClientHttp2Session;
beforeAll(async () => {
  listener = await listenFor(routes);
});
afterEach(() => {
  session.destroy();
  promises = [];
});
afterAll(() => listener.close(0));

function open(protocol: Spoken) {
  session = connect(listener.url);
  session.on("error", () => {});
  const stream = session.request({
    ...{ ":method": "POST", ":path": "/windlass.v1.RunService/StreamRunLogs" },
    ...{ te: "trailers", "content-type": contentTypes[protocol] },
  });
  stream.on("error", () => {});
  stream.end(envelope(new Uint8Array()));
  return stream;
}

test("over gRPC a message may lie in the memory of the one before it, however slowly its caller reads", async () => {
  let held = Buffer.alloc(0);
  const seen: (readonly [number, number, boolean])[] = [];
  for await (const piece of open("grpc")) {
    held = Buffer.concat([held, piece]);
    while (held.length >= 5 && held.length >= 5 + held.readUInt32BE(1)) {
      const end = 5 + held.readUInt32BE(1);
      const { offset, chunk } = fromBinary(StreamRunLogsResponseSchema, held.subarray(5, end));
      held = held.subarray(end);
      seen.push([Number(offset), chunk.length, chunk.every((byte) => byte === Number(offset) + 1)]);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  const wanted = Array.from({ length: rounds * sizes.length }, (_, index) => [
    index,
    sizes[index % sizes.length],
    true,
  ]);
  expect(seen).toEqual(wanted);
  expect(promises).toEqual([true]);
});

test.each(["grpc-web", "connect-stream"] as const)("over %s nobody is promised that", async (protocol) => {
  await new Promise((resolve) => open(protocol).once("close", resolve).resume());
  expect(promises).toEqual([false]);
});
