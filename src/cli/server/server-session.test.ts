import { once } from "node:events";
import { type ClientHttp2Stream, constants, createServer, type Http2Server, type ServerHttp2Session } from "node:http2";
import { createServer as createNetServer, type Server } from "node:net";
import { Code } from "@connectrpc/connect";
import { afterEach, beforeEach, expect, test } from "vitest";
import { wayTo } from "../../lib/way/way.ts";
import { ServerSession } from "./server-session.ts";

let held: AsyncDisposableStack;
beforeEach(() => {
  held = new AsyncDisposableStack();
});
afterEach(() => held.disposeAsync());

async function listening(server: Server | Http2Server): Promise<string> {
  await once(server.listen(0, "127.0.0.1"), "listening");
  held.defer(() => new Promise<void>((resolve) => void server.close(() => resolve())));
  const address = server.address();
  return `http://127.0.0.1:${address !== null && typeof address === "object" ? address.port : 0}`;
}

/** A server that answers each call with its path, and what connections it has had. */
async function echo() {
  const sessions: ServerHttp2Session[] = [];
  const server = createServer((request, response) => response.end(request.url));
  server.on("session", (session) => {
    sessions.push(session);
    held.defer(() => session.destroy());
  });
  return { address: await listening(server), sessions };
}

const opened = (address: string) => held.use(new ServerSession(wayTo(address, {})));
const call = (session: ServerSession, path: string) => session.request("POST", path, {}, {});

async function answer(stream: ClientHttp2Stream): Promise<string> {
  stream.end();
  const pieces: Buffer[] = [];
  for await (const piece of stream) pieces.push(piece);
  return Buffer.concat(pieces).toString();
}

test("calls share one connection, which is dialed once however many wait for it", async () => {
  const { address, sessions } = await echo();
  const session = opened(address);
  const streams = await Promise.all(["/a", "/b", "/c"].map((path) => call(session, path)));
  expect(await Promise.all(streams.map(answer))).toEqual(["/a", "/b", "/c"]);
  expect(sessions).toHaveLength(1);
});

test("the server may send a megabyte before anybody says that it arrived", async () => {
  const { address, sessions } = await echo();
  await answer(await call(opened(address), "/"));
  const [{ remoteSettings, state } = expect.unreachable()] = sessions;
  expect(remoteSettings.initialWindowSize).toBe(4 * 1024 * 1024);
  expect(state.remoteWindowSize).toBeGreaterThanOrEqual(4 * 1024 * 1024 - 1024);
});

test("after the server has sent it away, and after a hang-up, the next call dials again", async () => {
  const { address, sessions } = await echo();
  const session = opened(address);
  expect(await answer(await call(session, "/1"))).toBe("/1");
  const [first = expect.unreachable()] = sessions;
  const gone = once(first, "close");
  first.close();
  await gone;
  expect(await answer(await call(session, "/2"))).toBe("/2");
  session.hangUp();
  expect(await answer(await call(session, "/3"))).toBe("/3");
  expect(sessions).toHaveLength(3);
});

test("a hang-up cancels the call that waits for the connection", async () => {
  const address = await listening(createNetServer((socket) => void held.defer(() => void socket.destroy())));
  const session = opened(address);
  const waiting = call(session, "/");
  session.hangUp();
  await expect(waiting).rejects.toMatchObject({ code: Code.Canceled });
});

test.each([
  ["an HTTP/1.1 answer", "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"],
  ["a TLS alert", "\x15\x03\x01\x00\x02\x02\x16"],
  ["a web page", "<html>".repeat(2_000)],
])("%s is the error of the call, now and after it", async (_name, text) => {
  const address = await listening(
    createNetServer((socket) => {
      socket.on("error", () => {});
      socket.once("data", () => socket.end(text, "latin1"));
    }),
  );
  const session = opened(address);
  for (let times = 0; times < 2; times++) {
    const outcome = await call(session, "/").then(
      (stream) =>
        answer(stream).then(
          () => stream.rstCode,
          (error: unknown) => error,
        ),
      (error: unknown) => error,
    );
    expect(outcome).not.toBe(constants.NGHTTP2_NO_ERROR);
  }
});

test("a port that nobody listens on is said to be one", async () => {
  const server = createNetServer();
  const address = await listening(server);
  await new Promise((resolve) => server.close(resolve));
  await expect(call(opened(address), "/")).rejects.toMatchObject({
    code: Code.Unavailable,
    cause: { fault: { kind: "refused" } },
  });
});
