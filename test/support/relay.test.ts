import { once } from "node:events";
import { connect, createServer } from "node:net";
import { expect, test } from "vitest";
import { Relay } from "./relay.ts";
import { Seeded } from "./seeded.ts";
import { until } from "./until.ts";

/** A server that sends back what it gets, and a client that reaches it through a relay. */
async function openEcho() {
  await using held = new AsyncDisposableStack();
  const server = createServer((socket) => socket.on("error", () => {}).pipe(socket));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  held.defer(() => void server.close());
  const address = server.address();
  const port = typeof address === "object" ? address?.port : undefined;
  const relay = held.use(await Relay.open(`http://127.0.0.1:${port}`));
  const first = held.use(await openClient(relay));
  const owned = held.move();
  return {
    ...{ relay, client: first.client, seen: first.seen, another: () => openClient(relay) },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function openClient(relay: Relay) {
  const client = connect(relay.port, "127.0.0.1");
  const seen = { text: "", isClosed: false };
  client.setEncoding("utf8").on("error", () => {});
  client.on("data", (text) => {
    seen.text += text;
  });
  client.on("close", () => {
    seen.isClosed = true;
  });
  await once(client, "connect");
  return { client, seen, [Symbol.asyncDispose]: async () => void client.destroy() };
}

test("single bytes, delays and throttles change nothing of what arrives", async () => {
  await using echo = await openEcho();
  const text = "0123456789".repeat(100);
  for (const shape of [
    { kind: "slice" },
    { kind: "delay", ms: 5 },
    { kind: "throttle", bytesPerSecond: 50_000 },
  ] as const) {
    echo.relay.shape("up", shape);
    echo.relay.shape("down", shape);
    echo.seen.text = "";
    echo.client.write(text);
    await until("everything is back", () => echo.seen.text === text);
  }
});

test("a stalled direction keeps its bytes until it is mended; the other one goes on", async () => {
  await using echo = await openEcho();
  echo.client.write("a");
  await until("the first byte is back", () => echo.seen.text === "a");
  echo.relay.shape("down", { kind: "stall" });
  echo.client.write("b");
  echo.client.write("c");
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(echo.seen.text).toBe("a");
  echo.relay.heal();
  await until("the rest is back", () => echo.seen.text === "abc");
});

test("a cut ends both sides; of a half-open connection one side hears nothing until it is mended", async () => {
  await using echo = await openEcho();
  echo.client.write("a");
  await until("the first byte is back", () => echo.seen.text === "a");
  echo.relay.halfOpen("client");
  echo.client.write("b");
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(echo.seen).toEqual({ text: "a", isClosed: false });
  echo.relay.heal();
  await until("the client hears of it", () => echo.seen.isClosed);
  await until("nothing is left", () => echo.relay.connections === 0);
});

test("a slow road takes the time that its bytes need, whatever number of connections shares it", async () => {
  await using echo = await openEcho();
  await using other = await echo.another();
  echo.relay.shape("up", { kind: "throttle", bytesPerSecond: 100_000 });
  const text = "x".repeat(20_000);
  const startedMs = performance.now();
  for (const { client } of [echo, other]) client.write(text);
  await until("everything is back", () => echo.seen.text === text && other.seen.text === text);
  expect(performance.now() - startedMs).toBeGreaterThan(390);
});

test("a late road delays each byte, and not how many are under way", async () => {
  await using echo = await openEcho();
  echo.relay.shape("down", { kind: "delay", ms: 200 });
  const startedMs = performance.now();
  const text = "0123456789".repeat(100_000);
  echo.client.write(text);
  await until("everything is back", () => echo.seen.text.length === text.length);
  const tookMs = performance.now() - startedMs;
  expect(echo.seen.text).toBe(text);
  expect(tookMs).toBeGreaterThan(195);
  expect(tookMs).toBeLessThan(2_000);
});

test.each(["up", "down"] as const)("each connection is cut after so many bytes %s, to the byte", async (direction) => {
  await using echo = await openEcho();
  echo.relay.cutEach({ kind: "bytes", direction, bytes: 3 });
  for (const one of [echo, await echo.another()]) {
    one.client.write("abcde");
    await until("it is cut", () => one.seen.isClosed);
    expect("abc").toContain(one.seen.text);
  }
  echo.relay.heal();
  await using after = await echo.another();
  after.client.write("abcde");
  await until("everything is back", () => after.seen.text === "abcde");
});

test("a connection is cut after its time, or where a seed says", async () => {
  await using echo = await openEcho();
  echo.relay.cutEach({ kind: "time", ms: 20 });
  await until("it is cut", () => echo.seen.isClosed);
  echo.relay.cutEach({ kind: "random", random: new Seeded(1), maxBytes: 50 });
  await using other = await echo.another();
  other.client.write("x".repeat(100));
  await until("it is cut", () => other.seen.isClosed);
});

test("a forgotten connection is silent for ever, and new ones work", async () => {
  await using echo = await openEcho();
  echo.relay.forget();
  echo.client.write("a");
  await using other = await echo.another();
  other.client.write("b");
  await until("the new one answers", () => other.seen.text === "b");
  expect(echo.seen).toEqual({ text: "", isClosed: false });
  echo.relay.heal();
  await until("the old one is ended", () => echo.seen.isClosed);
});
