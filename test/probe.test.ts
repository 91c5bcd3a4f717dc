import { type Client, createClient } from "@connectrpc/connect";
import { findTrailerError } from "@connectrpc/connect/protocol-grpc";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, expect, test } from "vitest";
import { SystemService } from "../src/gen/windlass/v1/system_service_pb.ts";
import { Readiness } from "../src/http/readiness.ts";
import { ownReason } from "../src/lib/way/own-answer.ts";
import { gateFor, interceptorsFor } from "../src/rpc/interceptors.ts";
import { openWorld, type World } from "./authorization/world.ts";
import { type Listener, listen } from "./support/listen.ts";
import { ManualClock } from "./support/manual-clock.ts";
import { until } from "./support/until.ts";

let world: World;
let listener: Listener;
let client: Client<typeof SystemService>;
let clock: ManualClock;

beforeAll(async () => {
  world = await openWorld();
  const { control, routes, callers } = world;
  if (!(control.clock instanceof ManualClock)) throw new Error("expected a manual clock");
  clock = control.clock;
  const opened = await listen({
    ...{ host: "127.0.0.1", port: 0, routes, readiness: new Readiness(), log: control.log },
    ...{ interceptors: interceptorsFor(control, callers), gate: gateFor(control, callers) },
  });
  if (opened.kind !== "listening") throw new Error(opened.message);
  listener = opened.listener;
  client = createClient(SystemService, createGrpcTransport({ baseUrl: listener.url }));
});
afterAll(async () => {
  await listener.close(0);
  await world[Symbol.asyncDispose]();
});

const headers = () => ({ authorization: `Bearer ${world.credentials.reader}` });

async function* repeated(count: number, request: { chunk?: Uint8Array<ArrayBuffer>; answerBytes?: number }) {
  for (let sent = 0; sent < count; sent++) yield request;
}

test("each request of a probe is answered, with as many bytes as it asks for", async () => {
  const requests = repeated(3, { chunk: new Uint8Array(1_000), answerBytes: 2_000 });
  const answers = await Array.fromAsync(client.probe(requests, { headers: headers() }));
  expect(answers.map(({ number, receivedBytes, chunk }) => [number, receivedBytes, chunk.length])).toEqual([
    [1, 1_000n, 2_000],
    [2, 2_000n, 2_000],
    [3, 3_000n, 2_000],
  ]);
  expect(answers[0]?.httpVersion).toBe("2.0");
});

test("a probe carries 8 MiB each way and no more", async () => {
  const requests = repeated(1_000, { chunk: new Uint8Array(32 * 1024) });
  let received = 0n;
  const error = await (async () => {
    for await (const answer of client.probe(requests, { headers: headers() })) received = answer.receivedBytes;
  })().catch((failure: unknown) => failure);
  expect(ownReason(error)).toBe("QUOTA_EXCEEDED");
  expect(received).toBe(8n * 1024n * 1024n);
});

test("a credential has four probes at once, and the next one is refused", async () => {
  const over = new AbortController();
  const silent = async function* () {
    yield { answerBytes: 1 };
    await new Promise((resolve) => over.signal.addEventListener("abort", resolve, { once: true }));
  };
  const open = Array.from({ length: 4 }, () =>
    client.probe(silent(), { headers: headers(), signal: over.signal })[Symbol.asyncIterator](),
  );
  await Promise.all(open.map((answers) => answers.next()));
  const asked = client.probe(repeated(1, {}), { headers: headers() })[Symbol.asyncIterator]();
  const fifth = asked.next().catch((failure: unknown) => failure);
  // It waits a little for a place.
  await until("it is refused", async () => {
    await clock.advance(1_000);
    return Promise.race([fifth, Promise.resolve(undefined)]);
  });
  expect(ownReason(await fifth)).toBe("RATE_LIMITED");
  over.abort();
});

test("a probe, as every two-way stream, is refused over HTTP/1.1 with a reason: HTTP2_REQUIRED", async () => {
  const answer = await fetch(`${listener.url}/windlass.v1.SystemService/Probe`, {
    method: "POST",
    headers: { ...headers(), "content-type": "application/grpc" },
    body: Buffer.alloc(5),
  });
  const error = findTrailerError(answer.headers);
  expect(ownReason(error)).toBe("HTTP2_REQUIRED");
  expect(error?.rawMessage).toMatch(/^a proxy in front of the server speaks HTTP\/1\.1 to it/);
});
