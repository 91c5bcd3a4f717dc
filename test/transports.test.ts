import { create } from "@bufbuild/protobuf";
import { StringValueSchema } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, type ConnectRouter, createClient } from "@connectrpc/connect";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { ErrorInfoSchema } from "../src/gen/google/rpc/error_details_pb.ts";
import { Readiness } from "../src/http/readiness.ts";
import { OutQueue } from "../src/lib/async/queue.ts";
import { createGrpcTransport, type GrpcTransport } from "../src/lib/grpc/transport.ts";
import { silentLog } from "../src/lib/program/log.ts";
import { inProcessTransport } from "../src/rpc/in-process.ts";
import { EchoService } from "./support/echo-service.ts";
import { type Listener, listen } from "./support/listen.ts";

const text = (value: string) => create(StringValueSchema, { value });
const blocked = (signal: AbortSignal) =>
  new Promise<never>((_, reject) => signal.addEventListener("abort", () => reject(signal.reason), { once: true }));

/** What the handlers below saw of their calls. */
let seen: string[] = [];

async function* repeat(value: string, signal: AbortSignal) {
  try {
    while (value === "forever") {
      signal.throwIfAborted();
      yield text("x".repeat(65_536));
    }
    for (let n = 1; n <= 3; n++) yield text(`${value} ${n}`);
    if (value === "block") await blocked(signal);
  } finally {
    seen.push(`${value} ended`);
  }
}

async function* talk(requests: AsyncIterable<{ readonly value: string }>, signal: AbortSignal) {
  try {
    yield text("welcome");
    for await (const { value } of requests) {
      if (value === "throw") throw new Error("a bug with secrets");
      if (value === "refuse") throw refusal();
      yield text(`you said ${value}`);
    }
    seen.push("client half-closed");
  } finally {
    seen.push(signal.aborted ? "talk aborted" : "talk over");
  }
}

const refusal = () => {
  const info = {
    desc: ErrorInfoSchema,
    value: { reason: "POOL_IN_USE", domain: "windlass", metadata: { pool: "prod" } },
  };
  return new ConnectError("pool prod is in use – ünïcode", Code.FailedPrecondition, { "x-more": "1" }, [info]);
};

const routes = (router: ConnectRouter) =>
  router.service(EchoService, {
    unary: async ({ value }, { requestHeader, responseHeader, responseTrailer, signal, timeoutMs }) => {
      if (value === "refuse") throw refusal();
      if (value === "block") await blocked(signal);
      if (value === "timeout") return text(String(Math.ceil((timeoutMs() ?? 0) / 1000)));
      responseHeader.set("x-request-id", "1");
      responseTrailer.set("x-trailer", "2");
      return text(`${value} ${requestHeader.get("authorization")}`);
    },
    serverStream: ({ value }, { signal }) => repeat(value, signal),
    clientStream: async (requests) => {
      const values: string[] = [];
      for await (const { value } of requests) values.push(value);
      return text(values.length > 10 ? String(values.join("").length) : values.join("+"));
    },
    bidi: (requests, { signal }) => talk(requests, signal),
  });

let listener: Listener;
let transport: GrpcTransport;
const readiness = new Readiness();

beforeEach(async () => {
  seen = [];
  const outcome = await listen({ host: "127.0.0.1", port: 0, routes, readiness, log: silentLog() });
  if (outcome.kind !== "listening") throw new Error(outcome.message);
  listener = outcome.listener;
  transport = createGrpcTransport({
    address: listener.url,
    interceptors: [
      (next) => (request) => {
        request.header.set("authorization", "Bearer t");
        return next(request);
      },
    ],
  });
});

afterEach(async () => {
  transport.close();
  await listener.close(0);
});

const overGrpc = () => createClient(EchoService, transport);
const inProcess = () => createClient(EchoService, inProcessTransport({ routes }));

describe("over grpc-js", () => {
  test("a unary call carries headers, trailers and messages", async () => {
    let header: string | null = "";
    let trailer: string | null = "";
    const answer = await overGrpc().unary(text("hello"), {
      onHeader: (headers) => {
        header = headers.get("x-request-id");
      },
      onTrailer: (trailers) => {
        trailer = trailers.get("x-trailer");
      },
    });
    expect([answer.value, header, trailer]).toEqual(["hello Bearer t", "1", "2"]);
  });

  test("the server knows how long the client waits, and the client waits no longer", async () => {
    expect((await overGrpc().unary(text("timeout"), { timeoutMs: 7_000 })).value).toBe("7");
    await expect(overGrpc().unary(text("block"), { timeoutMs: 30 })).rejects.toMatchObject({
      code: Code.DeadlineExceeded,
    });
  });

  test("a unary call obeys its signal, before and while it runs", async () => {
    const stop = new AbortController();
    const call = overGrpc().unary(text("block"), { signal: stop.signal });
    setImmediate(() => stop.abort());
    await expect(call).rejects.toMatchObject({ code: Code.Canceled });
    await expect(overGrpc().unary(text("hello"), { signal: stop.signal })).rejects.toMatchObject({
      code: Code.Canceled,
    });
  });

  test("errors keep code, message, details and metadata, of unary calls and of streams", async () => {
    const failures = [
      await overGrpc().unary(text("refuse")).catch(ConnectError.from),
      await Array.fromAsync(overGrpc().bidi(messages("refuse"))).catch(ConnectError.from),
    ];
    for (const failure of failures) {
      expect(failure).toMatchObject({ code: Code.FailedPrecondition, rawMessage: "pool prod is in use – ünïcode" });
      const error = failure as ConnectError;
      expect(error.findDetails(ErrorInfoSchema)).toMatchObject([{ reason: "POOL_IN_USE", metadata: { pool: "prod" } }]);
      expect(error.metadata.get("x-more")).toBe("1");
    }
  });

  test("client streams of many messages arrive whole", async () => {
    const many = Array.from({ length: 300 }, () => "y".repeat(65_536));
    expect((await overGrpc().clientStream(messages(...many))).value).toBe(String(300 * 65_536));
  });

  test("a server that is gone is UNAVAILABLE for calls and for open streams, and comes back", async () => {
    const stream = overGrpc().serverStream(text("block"))[Symbol.asyncIterator]();
    await stream.next();
    await listener.close(0);
    await expect(
      (async () => {
        for (;;) await stream.next();
      })(),
    ).rejects.toMatchObject({ code: Code.Unavailable });
    await expect(overGrpc().unary(text("hello"))).rejects.toMatchObject({ code: Code.Unavailable });
    const again = await listen({ host: "127.0.0.1", port: listener.port, routes, readiness, log: silentLog() });
    if (again.kind !== "listening") throw new Error(again.message);
    listener = again.listener;
    await vi.waitFor(() => overGrpc().unary(text("hello")), { timeout: 10_000 });
  });

  test("a source of messages that fails ends the call with its error", async () => {
    const { promise: welcomed, resolve } = Promise.withResolvers<void>();
    async function* failing() {
      yield text("a");
      await welcomed;
      throw new Error("no more");
    }
    const reading = (async () => {
      for await (const _ of overGrpc().bidi(failing())) resolve();
    })();
    await expect(reading).rejects.toThrow("no more");
    await vi.waitFor(() => expect(seen.at(-1)).toMatch(/^talk/));
  });

  test("leaving a flood ends its handler", async () => {
    const stop = new AbortController();
    const stream = overGrpc().serverStream(text("forever"), { signal: stop.signal })[Symbol.asyncIterator]();
    for (let n = 0; n < 100; n++) await stream.next();
    stop.abort();
    await vi.waitFor(() => expect(seen).toEqual(["forever ended"]));
  });

  test("an address that is none is refused", () => {
    expect(() => createGrpcTransport({ address: "tf.example.com:443" })).toThrow(/expected an address such as/);
    expect(() => createGrpcTransport({ address: "nonsense" })).toThrow(/expected an address such as/);
  });
});

describe.each([
  ["over grpc-js", overGrpc],
  ["in process", inProcess],
])("%s", (_name, client) => {
  test("each kind of call works", async () => {
    expect((await client().unary(text("a"))).value).toMatch(/^a /);
    expect(values(await Array.fromAsync(client().serverStream(text("b"))))).toEqual(["b 1", "b 2", "b 3"]);
    expect((await client().clientStream(messages("c", "d"))).value).toBe("c+d");
    expect(values(await Array.fromAsync(client().bidi(messages("e"))))).toEqual(["welcome", "you said e"]);
    expect(seen).toContain("client half-closed");
  });

  test("a conversation goes back and forth, and ends when the queue ends", async () => {
    const out = queue();
    const answers = client().bidi(out)[Symbol.asyncIterator]();
    expect((await answers.next()).value).toMatchObject({ value: "welcome" });
    for (const word of ["one", "two"]) {
      out.push("control", text(word), 8);
      expect((await answers.next()).value).toMatchObject({ value: `you said ${word}` });
    }
    out.end();
    expect((await answers.next()).done).toBe(true);
  });

  test("a client that aborts ends the handler and releases its own queue", async () => {
    const out = queue();
    const stop = new AbortController();
    const answers = client().bidi(out, { signal: stop.signal })[Symbol.asyncIterator]();
    await answers.next();
    stop.abort();
    await expect(answers.next()).rejects.toMatchObject({ code: Code.Canceled });
    await vi.waitFor(() => expect(out.state.kind).toBe("closed"));
    // Node's HTTP/2 client sends END_STREAM before RST_STREAM: a handler may take the abort for a half-close.
    await vi.waitFor(() => expect(seen.at(-1)).toMatch(/^talk/));
  });

  test("a handler that throws ends the conversation; its text stays on the server", async () => {
    const out = queue();
    const answers = client().bidi(out)[Symbol.asyncIterator]();
    await answers.next();
    out.push("control", text("throw"), 8);
    const error = await answers.next().catch(ConnectError.from);
    expect(error).toMatchObject({ code: Code.Internal, rawMessage: expect.not.stringContaining("secrets") });
    await vi.waitFor(() => expect(out.state.kind).toBe("closed"));
  });

  test("a refusal in the middle of a conversation keeps its details", async () => {
    const out = queue();
    const answers = client().bidi(out)[Symbol.asyncIterator]();
    await answers.next();
    out.push("control", text("refuse"), 8);
    const error = ConnectError.from(await answers.next().catch((reason: unknown) => reason));
    expect(error.findDetails(ErrorInfoSchema)).toMatchObject([{ reason: "POOL_IN_USE" }]);
  });
});

const queue = () => new OutQueue<ReturnType<typeof text>>({ maxItems: 100, maxBytes: 1_000_000 });

async function* messages(...words: readonly string[]) {
  for (const word of words) yield text(word);
}

const values = (list: readonly { readonly value: string }[]) => list.map(({ value }) => value);
