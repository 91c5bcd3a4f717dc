import { once } from "node:events";
import { connect, createServer } from "node:net";
import { expect, test } from "vitest";
import { until } from "../support/until.ts";
import { FaultyProxy } from "./proxy.ts";

/** A server that sends back what it gets, and a client that reaches it through a proxy. */
async function openEcho() {
  await using held = new AsyncDisposableStack();
  const server = createServer((socket) => socket.on("error", () => {}).pipe(socket));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  held.defer(() => void server.close());
  const address = server.address();
  const port = typeof address === "object" ? address?.port : undefined;
  const proxy = held.use(await FaultyProxy.open(`http://127.0.0.1:${port}`));
  const client = connect(Number(new URL(proxy.url).port), "127.0.0.1");
  held.defer(() => void client.destroy());
  const seen = { text: "", isClosed: false };
  client.setEncoding("utf8").on("error", () => {});
  client.on("data", (text) => {
    seen.text += text;
  });
  client.on("close", () => {
    seen.isClosed = true;
  });
  await once(client, "connect");
  const owned = held.move();
  return { proxy, client, seen, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

test("single bytes, delays and throttles change nothing of what arrives", async () => {
  await using echo = await openEcho();
  const text = "0123456789".repeat(100);
  for (const shape of [
    { kind: "slice" },
    { kind: "delay", ms: 5 },
    { kind: "throttle", bytesPerSecond: 50_000 },
  ] as const) {
    echo.proxy.shape("up", shape);
    echo.proxy.shape("down", shape);
    echo.seen.text = "";
    echo.client.write(text);
    await until("everything is back", () => echo.seen.text === text);
  }
});

test("a stalled direction keeps its bytes until it is mended; the other one goes on", async () => {
  await using echo = await openEcho();
  echo.client.write("a");
  await until("the first byte is back", () => echo.seen.text === "a");
  echo.proxy.shape("down", { kind: "stall" });
  echo.client.write("b");
  echo.client.write("c");
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(echo.seen.text).toBe("a");
  echo.proxy.heal();
  await until("the rest is back", () => echo.seen.text === "abc");
});

test("a cut ends both sides; of a half-open connection one side hears nothing until it is mended", async () => {
  await using echo = await openEcho();
  echo.client.write("a");
  await until("the first byte is back", () => echo.seen.text === "a");
  echo.proxy.halfOpen("agent");
  echo.client.write("b");
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(echo.seen).toEqual({ text: "a", isClosed: false });
  echo.proxy.heal();
  await until("the client hears of it", () => echo.seen.isClosed);
  await until("nothing is left", () => echo.proxy.connections === 0);
});
