import { once } from "node:events";
import { type ClientHttp2Stream, connect, constants, createServer, type ServerHttp2Stream } from "node:http2";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { systemClock } from "../lib/clock.ts";
import { arrivedPieces } from "./arrived-pieces.ts";
import { demandWhole, drainStream } from "./drain.ts";

let held: AsyncDisposableStack;
let sender: ClientHttp2Stream;
let receiver: ServerHttp2Stream;

beforeEach(async () => {
  held = new AsyncDisposableStack();
  const server = createServer();
  held.defer(() => new Promise((resolve) => server.close(() => resolve())));
  const coming = once(server, "stream");
  await once(server.listen(0, "127.0.0.1"), "listening");
  const session = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  held.defer(() => session.destroy());
  session.on("error", () => {});
  sender = session.request({ ":method": "POST" });
  sender.on("error", () => {});
  [receiver] = await coming;
  receiver.on("error", () => {});
});
afterEach(() => held.disposeAsync());

test("all bytes come, in their order, also when the reader is slow", async () => {
  const text = Array.from({ length: 200_000 }, (_, index) => `${index}\n`).join("");
  sender.end(text);
  const pieces: Uint8Array[] = [];
  for await (const piece of arrivedPieces(receiver)) {
    pieces.push(piece);
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(Buffer.concat(pieces).toString()).toBe(text);
});

test("a stream that is reset in the middle ends, and is known for one that was", async () => {
  sender.write("one");
  const pieces = arrivedPieces(receiver);
  expect(Buffer.from((await pieces.next()).value ?? []).toString()).toBe("one");
  sender.close(constants.NGHTTP2_INTERNAL_ERROR);
  expect(await pieces.next()).toEqual({ done: true, value: undefined });
  await expect(demandWhole(receiver)).rejects.toThrow(/in the middle of its request/);
});

test("a reader that stands still, or leaves late, does not hold up who drops the rest", async () => {
  const pieces = arrivedPieces(receiver);
  sender.write(Buffer.alloc(300 * 1024));
  await pieces.next();
  drainStream(receiver, systemClock);
  sender.end(Buffer.alloc(1024 * 1024));
  const ended = once(receiver, "end");
  await pieces.return(undefined);
  expect(receiver.isPaused()).toBe(false);
  await ended;
});

test("who stops reading leaves the rest on the stream, for the next reader", async () => {
  sender.write("one");
  for await (const piece of arrivedPieces(receiver)) {
    expect(Buffer.from(piece).toString()).toBe("one");
    break;
  }
  expect(receiver.isPaused()).toBe(true);
  sender.end("two");
  const rest = await Array.fromAsync(arrivedPieces(receiver));
  expect(Buffer.concat(rest).toString()).toBe("two");
});
