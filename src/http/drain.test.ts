import { once } from "node:events";
import { type ClientRequest, createServer, request, type Server } from "node:http";
import { connect, createServer as createHttp2, type Http2Server } from "node:http2";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ManualClock } from "../../test/support/manual-clock.ts";
import { until } from "../../test/support/until.ts";
import { drained, piecesOf, wholePiecesOf } from "./drain.ts";
import type { HttpRequest, HttpResponse } from "./messages.ts";

let clock: ManualClock;
let answer: (request: HttpRequest, response: HttpResponse) => Promise<void>;
let server: Server;
let secondServer: Http2Server;

const handler = (asked: HttpRequest, response: HttpResponse) => {
  answer(asked, response).catch(() => asked.destroy());
};
const portOf = (one: Server | Http2Server): number => (one.address() as AddressInfo).port;

beforeEach(async () => {
  clock = new ManualClock();
  server = createServer(handler).listen(0, "127.0.0.1");
  secondServer = createHttp2(handler).listen(0, "127.0.0.1");
  await Promise.all([once(server, "listening"), once(secondServer, "listening")]);
});
afterEach(async () => {
  server.closeAllConnections();
  await Promise.all([server, secondServer].map((one) => new Promise((resolve) => one.close(resolve))));
});

/** A request whose body a test sends. */
function asking(): ClientRequest {
  const call = request({ port: portOf(server), method: "POST", headers: { "transfer-encoding": "chunked" } });
  call.on("error", () => {});
  call.write("begin ");
  return call;
}

/** Answers at once, without reading, and lets the rest pass. */
const answersEarly = async (asked: HttpRequest, response: HttpResponse) => {
  drained(asked, response, clock);
  response.end("no");
};

describe("the body of a request", () => {
  test("comes in pieces to its end", async () => {
    const read = Promise.withResolvers<string>();
    answer = async (asked, response) => {
      read.resolve(Buffer.concat(await Array.fromAsync(piecesOf(asked))).toString());
      response.end();
    };
    const call = asking();
    call.end("end");
    expect(await read.promise).toBe("begin end");
    await once(call, "response");
  });

  test("whose caller goes in the middle was canceled by the caller, and is no fault", async () => {
    const failed = Promise.withResolvers<unknown>();
    answer = async (asked) => {
      const pieces = piecesOf(asked);
      await pieces.next();
      call.destroy();
      await pieces.next().then(failed.reject, failed.resolve);
    };
    const call = asking();
    expect(await failed.promise).toMatchObject({
      ...{ code: "canceled", message: expect.stringContaining("was ended in the middle of its request") },
      cause: expect.any(Error),
    });
  });

  test.each([
    ["cancels", 8],
    ["gives up for another reason", 2],
    ["closes without one", 0],
  ])("the same over HTTP/2, where the caller %s: what came is not taken for the whole", async (_how, code) => {
    const failed = Promise.withResolvers<unknown>();
    answer = async (asked) => {
      const pieces = wholePiecesOf(asked);
      await pieces.next();
      stream.close(code);
      await pieces
        .next()
        .then(() => pieces.next())
        .then(failed.reject, failed.resolve);
    };
    const session = connect(`http://127.0.0.1:${portOf(secondServer)}`);
    const stream = session.request({ ":method": "POST" });
    stream.on("error", () => {});
    stream.write("begin");
    expect(await failed.promise).toMatchObject({ code: "canceled" });
    session.destroy();
  });

  test("that nobody reads on can still be answered", async () => {
    answer = async (asked, response) => {
      for await (const _piece of piecesOf(asked)) break;
      response.end("enough");
    };
    const call = asking();
    const [response] = await once(call, "response");
    expect(Buffer.concat(await Array.fromAsync(response)).toString()).toBe("enough");
    call.destroy();
  });
});

test("a body that is whole is so, although its caller goes before the answer", async () => {
  const read = Promise.withResolvers<string>();
  answer = async (asked) => read.resolve(Buffer.concat(await Array.fromAsync(wholePiecesOf(asked))).toString());
  const session = connect(`http://127.0.0.1:${portOf(secondServer)}`);
  const stream = session.request({ ":method": "POST" });
  stream.end("whole");
  expect(await read.promise).toBe("whole");
  session.destroy();
});

describe("the rest of a request that was answered", () => {
  test("passes, and the connection ends by itself", async () => {
    answer = answersEarly;
    const call = asking();
    const [response] = await once(call, "response");
    expect(Buffer.concat(await Array.fromAsync(response)).toString()).toBe("no");
    for (let piece = 0; piece < 20; piece++) call.write(Buffer.alloc(64 * 1024));
    call.end();
    await once(call, "close");
    await until("nobody waits for the rest any more", () => clock.sleeping === 0);
  });

  test("of one who does not stop sending is cut off after its time, and not before", async () => {
    answer = answersEarly;
    const call = asking();
    const [response] = await once(call, "response");
    response.resume();
    await until("the rest is waited for", () => clock.sleeping > 0);
    await clock.advance(4_999);
    expect(call.destroyed || call.socket?.destroyed).toBe(false);
    const cut = once(call, "close");
    await clock.advance(1);
    await cut;
  });

  test("over HTTP/2 too: an unread stream would keep its connection for ever", async () => {
    answer = answersEarly;
    const session = connect(`http://127.0.0.1:${portOf(secondServer)}`);
    const stream = session.request({ ":method": "POST" });
    stream.on("error", () => {});
    stream.write("begin");
    stream.resume();
    await once(stream, "response");
    await until("the rest is waited for", () => clock.sleeping > 0);
    const closed = once(stream, "close");
    await clock.advance(5_000);
    await closed;
    session.destroy();
  });
});
