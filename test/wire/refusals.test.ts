import { once } from "node:events";
import { connect, constants } from "node:http2";
import { create, toBinary } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createApiKey } from "../../src/control/people/api-keys.ts";
import {
  BadRequestSchema,
  ErrorInfoSchema,
  ResourceInfoSchema,
  RetryInfoSchema,
} from "../../src/gen/google/rpc/error_details_pb.ts";
import {
  CreateAgentPoolRequestSchema,
  GetAgentPoolRequestSchema,
} from "../../src/gen/windlass/v1/agent_pool_service_pb.ts";
import { StreamProbeRequestSchema } from "../../src/gen/windlass/v1/system_service_pb.ts";
import type { CallObserver } from "../../src/http/call-observer.ts";
import { CallRates } from "../../src/http/callers/call-rates.ts";
import { Readiness } from "../../src/http/readiness.ts";
import { gateFor, interceptorsFor, refusalsFor } from "../../src/rpc/interceptors.ts";
import { serviceRoutes } from "../../src/rpc/routes.ts";
import { healthRoutes } from "../../src/rpc/services/health.ts";
import { openTestControl, type TestControl } from "../support/control.ts";
import { EchoService } from "../support/echo-service.ts";
import { type Listener, listen } from "../support/listen.ts";
import { contentTypes, envelope, type RawAnswer, type RawCall, rawCall, type Spoken } from "../support/raw-call.ts";
import { until } from "../support/until.ts";

let fixture: TestControl;
let listener: Listener;
let secret: string;
let ended: string[] = [];

const observe: CallObserver =
  ({ method }) =>
  (code) => {
    ended.push(`${method} ${code}`);
  };

const newKey = async (name: string) => {
  const { control, organization } = fixture;
  return (await createApiKey(control, { name, role: "owner", organizationId: organization.id })).secret;
};

beforeAll(async () => {
  fixture = await openTestControl();
  secret = await newKey("ci");
  listener = await open(0);
});

async function open(callsPerSecond: number): Promise<Listener> {
  const { control } = fixture;
  const callers = { rates: new CallRates({ callsPerSecond, authFailuresPerMinute: 0 }) };
  const readiness = new Readiness();
  const routes = serviceRoutes(control, (router) => {
    healthRoutes(readiness, [])(router);
    // Nobody has said who may call it: a bug.
    router.service(EchoService, {});
  });
  const opened = await listen({
    ...{ host: "127.0.0.1", port: 0, routes, readiness },
    ...{ interceptors: interceptorsFor(control, callers, [observe]), gate: gateFor(control, callers, [observe]) },
    refuse: refusalsFor(control, [observe]),
    ...{ log: control.log, clock: fixture.clock },
  });
  if (opened.kind !== "listening") throw new Error(opened.message);
  return opened.listener;
}

async function close(one: Listener): Promise<void> {
  const closing = one.close(0);
  await fixture.clock.advance(1000);
  await closing;
}

afterAll(async () => {
  await close(listener);
  await fixture[Symbol.asyncDispose]();
});

const protocols: readonly Spoken[] = ["grpc", "grpc-web", "connect", "connect-stream"];

/** A method that each protocol can call, with a message that it takes. */
const getPool = (name: string) =>
  toBinary(GetAgentPoolRequestSchema, create(GetAgentPoolRequestSchema, { agentPool: name }));
const probe = (pieces: number) => toBinary(StreamProbeRequestSchema, create(StreamProbeRequestSchema, { pieces }));
const unary = { path: "/windlass.v1.AgentPoolService/GetAgentPool", message: getPool("nowhere") };
const stream = { path: "/windlass.v1.SystemService/StreamProbe", message: probe(1) };
const callable = (protocol: Spoken) => (protocol === "connect-stream" ? stream : unary);

interface Kind {
  readonly call: (protocol: Spoken) => Partial<RawCall>;
  readonly code: Code;
  readonly reason: string;
  readonly text: RegExp;
  /** Protocols that cannot be called so. */
  readonly except?: readonly Spoken[];
}

const encodingName = (protocol: Spoken) =>
  protocol === "connect"
    ? "content-encoding"
    : protocol === "connect-stream"
      ? "connect-content-encoding"
      : "grpc-encoding";
const timeout = (protocol: Spoken, ms: string) =>
  protocol.startsWith("connect") ? { "connect-timeout-ms": ms } : { "grpc-timeout": `${ms}m` };

const kinds: Readonly<Record<string, Kind>> = {
  "an unknown service": {
    call: () => ({ path: "/windlass.v1.PoolService/GetPool" }),
    ...{ code: Code.Unimplemented, reason: "UNKNOWN_METHOD", text: /no service windlass\.v1\.PoolService/ },
  },
  "an unknown method": {
    call: () => ({ path: "/windlass.v1.AgentPoolService/GetAgentPol" }),
    ...{ code: Code.Unimplemented, reason: "UNKNOWN_METHOD" },
    text: /AgentPoolService has no method GetAgentPol: did you mean windlass\.v1\.AgentPoolService\/GetAgentPool\?$/,
  },
  "an unknown compression": {
    call: (protocol) => ({ header: { [encodingName(protocol)]: "zip" } }),
    ...{ code: Code.Unimplemented, reason: "UNSUPPORTED", text: /unknown compression "zip".*gzip/ },
  },
  "a broken compression": {
    call: (protocol) => ({ header: { [encodingName(protocol)]: "gzip" }, flags: 1, message: Buffer.from("no gzip") }),
    ...{ code: Code.InvalidArgument, reason: "VALIDATION", text: /its compression is broken/ },
  },
  "malformed protobuf": {
    call: () => ({ message: Buffer.of(0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f, 1, 2, 3) }),
    ...{ code: Code.InvalidArgument, reason: "VALIDATION", text: /is malformed/ },
  },
  "text that is no UTF-8": {
    call: (protocol) =>
      protocol === "connect-stream"
        ? { path: "/windlass.v1.AgentService/WatchAgents", message: Buffer.of(0x0a, 1, 0xff) }
        : { message: Buffer.of(0x0a, 1, 0xff) },
    ...{ code: Code.InvalidArgument, reason: "VALIDATION", text: /is malformed/ },
  },
  "a message that is too large": {
    // A probe may be padded.
    call: (protocol) => ({ message: Buffer.alloc(protocol === "connect-stream" ? 3_000_000 : 100_000, 0x0a) }),
    ...{ code: Code.ResourceExhausted, reason: "UPLOAD_TOO_LARGE", text: /may have (65536|2162688) bytes/ },
  },
  "two messages": {
    call: (protocol) => ({ body: Buffer.concat([Buffer.alloc(5), Buffer.alloc(5)]), ...callable(protocol) }),
    ...{
      code: Code.Unimplemented,
      reason: "UNSUPPORTED",
      text: /takes one message, and more came/,
      except: ["connect"],
    },
  },
  "no message": {
    call: () => ({ body: Buffer.alloc(0) }),
    ...{ code: Code.Unimplemented, reason: "UNSUPPORTED", text: /missing input message/, except: ["connect"] },
  },
  "a timeout that is none": {
    call: (protocol) => ({ header: timeout(protocol, "soon") }),
    ...{ code: Code.InvalidArgument, reason: "VALIDATION", text: /soon/ },
  },
  "a deadline that has passed": {
    call: (protocol) => ({ path: stream.path, message: probe(5), header: timeout(protocol, "40") }),
    ...{ code: Code.DeadlineExceeded, reason: "DEADLINE_EXCEEDED", text: /timed out/, except: ["connect"] },
  },
  "a bug": {
    call: (protocol) => ({
      path: `/windlass.test.v1.EchoService/${protocol === "connect-stream" ? "ServerStream" : "Unary"}`,
    }),
    ...{ code: Code.Internal, reason: "INTERNAL", text: /The server's log says more under request/ },
  },
  "no credential": {
    call: () => ({ path: "/windlass.v1.AgentService/WatchAgents", header: { authorization: "" } }),
    ...{ code: Code.Unauthenticated, reason: "TOKEN_INVALID", text: /./, except: ["connect"] },
  },
  "two credentials": {
    call: () => ({ header: { authorization: [`Bearer ${secret}`, "nonsense"] as unknown as string } }),
    ...{ code: Code.Unauthenticated, reason: "TOKEN_INVALID", text: /2 authorization headers: send one/ },
  },
  "an authority that is no host": {
    call: () => ({ header: { ":authority": "::1:7070" } }),
    ...{ code: Code.InvalidArgument, reason: "VALIDATION", text: /names as its host "::1:7070": expected a host/ },
  },
  "metadata over its limit": {
    call: () => ({ header: { "x-large": "x".repeat(20_000) } }),
    ...{ code: Code.ResourceExhausted, reason: "METADATA_TOO_LARGE", text: /at most 16384 are taken/ },
  },
};

const table = Object.entries(kinds).flatMap(([name, kind]) =>
  protocols.filter((protocol) => !kind.except?.includes(protocol)).map((protocol) => [name, protocol, kind] as const),
);

const send = (protocol: Spoken, call: Partial<RawCall>): Promise<RawAnswer> => {
  const header = { authorization: `Bearer ${secret}`, ...call.header };
  return rawCall(listener.url, { protocol, ...callable(protocol), ...call, header });
};

const infoOf = ({ error }: RawAnswer) => error?.findDetails(ErrorInfoSchema)[0];

describe("every error has its code, its reason and a sentence", () => {
  test.each(table)("%s over %s", async (_name, protocol, { call, code, reason, text }) => {
    const answer = await send(protocol, call(protocol));
    expect(answer.error).toMatchObject({ code, rawMessage: expect.stringMatching(text) });
    expect(infoOf(answer)).toMatchObject({ domain: "windlass", reason });
    if (protocol === "grpc" && answer.body.length === 0) {
      expect(answer.header[":status"]).toBe(200);
      expect(answer.header["content-type"]).toMatch(/^application\/grpc/);
      // Trailers-Only: what clients with a retry policy take for an answer that has not begun.
      expect([answer.headerFrames, answer.header["grpc-status"]]).toEqual([1, String(code)]);
    }
  });

  test("an unknown method is 404 for callers that read HTTP, and names what was asked for", async () => {
    const answer = await send("connect", { path: "/windlass.v1.RunService/Nothing" });
    expect(answer.header[":status"]).toBe(404);
    expect(infoOf(answer)?.metadata).toEqual({ service: "windlass.v1.RunService", method: "Nothing" });
  });

  test.each([
    ["text/plain", 415],
    ["application/grpc-web-text", 415],
    ["application/xml", 415],
  ])("the content type %s is refused with %d and a reason in JSON", async (type, status) => {
    const answer = await send("connect", { header: { "content-type": type } });
    expect(answer.header[":status"]).toBe(status);
    expect(infoOf(answer)).toMatchObject({ reason: "UNSUPPORTED" });
    expect(answer.error?.rawMessage).toContain("does not understand this content type: use application/grpc");
  });

  test("a codec that gRPC clients may choose and this server does not speak is UNIMPLEMENTED", async () => {
    const answer = await send("grpc", { header: { "content-type": "application/grpc+thrift" } });
    expect(answer.error?.code).toBe(Code.Unimplemented);
    expect(infoOf(answer)).toMatchObject({ reason: "UNSUPPORTED" });
  });
});

describe("what errors say", () => {
  test.each(protocols.slice(0, 3))("a resource by the name of its message, over %s", async (protocol) => {
    const { error } = await send(protocol, { message: getPool("nowhere") });
    const resource = { resourceType: "windlass.v1.AgentPool", resourceName: "nowhere" };
    expect(error?.findDetails(ResourceInfoSchema)).toMatchObject([resource]);
    expect(error?.findDetails(ErrorInfoSchema)).toMatchObject([
      { reason: "NOT_FOUND", metadata: { resource: "windlass.v1.AgentPool", name: "nowhere" } },
    ]);
  });

  test("a violation by the id of its rule", async () => {
    const request = create(CreateAgentPoolRequestSchema, { name: "A B", requestId: "not a uuid" });
    const path = "/windlass.v1.AgentPoolService/CreateAgentPool";
    const { error } = await send("grpc", { path, message: toBinary(CreateAgentPoolRequestSchema, request) });
    const [bad] = error?.findDetails(BadRequestSchema) ?? [];
    expect(bad?.fieldViolations.map(({ field, reason }) => `${field} ${reason}`)).toEqual([
      "name string.pattern",
      "request_id string.uuid",
    ]);
    expect(error?.rawMessage).toContain("request_id: expected a UUID, such as");
  });

  test("grpc-message as gRPC encodes it: what can be read stays as it is", async () => {
    const { header } = await send("grpc", { message: getPool("ü ☂: 100 %, ja") });
    expect(header["grpc-message"]).toBe(
      'agent pool "%C3%BC %E2%98%82: 100 %25, ja" does not exist, or you may not see it',
    );
  });

  test.each(protocols.slice(0, 2))(
    "when to come back, for programs and for retry policies, over %s",
    async (protocol) => {
      const strict = await open(1);
      const authorization = `Bearer ${await newKey(`busy ${protocol}`)}`;
      const call = () => rawCall(strict.url, { protocol, ...unary, header: { authorization } });
      const answers = await Promise.all(Array.from({ length: 40 }, call));
      await close(strict);
      const [refused, others] = [Code.ResourceExhausted, Code.NotFound].map((code) =>
        answers.flatMap(({ error }) => (error?.code === code ? [error] : [])),
      );
      expect(refused?.length).toBeGreaterThan(0);
      expect(others?.length).toBeGreaterThan(0);
      for (const error of refused ?? []) {
        const { seconds = 0n, nanos = 0 } = error.findDetails(RetryInfoSchema)[0]?.retryDelay ?? {};
        const ms = Number(seconds) * 1_000 + nanos / 1_000_000;
        expect(ms).toBeGreaterThan(0);
        expect(error.metadata.get("grpc-retry-pushback-ms")).toBe(String(ms));
      }
      expect(others?.filter(({ metadata }) => metadata.has("grpc-retry-pushback-ms"))).toEqual([]);
    },
  );
});

describe("calls that come to no handler are counted once, and have an id", () => {
  const garbage = Uint8Array.of(0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f, 1, 2, 3);
  const endings = (path: string) => ended.filter((each) => each.startsWith(path.slice(1)));
  beforeEach(() => {
    ended = [];
  });

  test.each(protocols)("with a token that nobody knows, over %s", async (protocol) => {
    const header = { authorization: "Bearer wdl_usr_nonsense", "x-request-id": "mine" };
    const call = callable(protocol);
    const { error } = await rawCall(listener.url, { protocol, ...call, header });
    expect([error?.code, error?.metadata.get("x-request-id")]).toEqual([Code.Unauthenticated, "mine"]);
    await until("the end is counted", () => endings(call.path).length > 0);
    expect(endings(call.path)).toEqual([`${call.path.slice(1)} UNAUTHENTICATED`]);
  });

  test.each(protocols)("with a message that is none, over %s", async (protocol) => {
    const call = callable(protocol);
    const header = { "x-request-id": "mine" };
    const { error } = await send(protocol, { path: call.path, message: garbage, header });
    expect([error?.code, error?.metadata.get("x-request-id")]).toEqual([Code.InvalidArgument, "mine"]);
    await until("the end is counted", () => endings(call.path).length > 0);
    expect(endings(call.path)).toEqual([`${call.path.slice(1)} INVALID_ARGUMENT`]);
  });
});

describe("the metrics of streams that do not come to their end", () => {
  const method = "windlass.v1.SystemService/StreamProbe";
  const code = () => ended.find((each) => each.startsWith(method))?.split(" ")[1];
  const streaming = protocols.filter((protocol) => protocol !== "connect");
  beforeEach(() => {
    ended = [];
  });

  test.each(streaming)("a deadline is DEADLINE_EXCEEDED over %s", async (protocol) => {
    const { error } = await send(protocol, { path: stream.path, message: probe(5), header: timeout(protocol, "40") });
    expect(error?.code).toBe(Code.DeadlineExceeded);
    await until("the end is counted", () => code() !== undefined);
    expect(code()).toBe("DEADLINE_EXCEEDED");
  });

  test.each(streaming)("a cancel is CANCELLED over %s", async (protocol) => {
    const session = connect(listener.url);
    const call = session.request({
      ...{ ":method": "POST", ":path": stream.path, te: "trailers" },
      ...{ "content-type": contentTypes[protocol], authorization: `Bearer ${secret}` },
    });
    call.on("error", () => {});
    call.end(envelope(probe(5)));
    await once(call, "data");
    call.close(constants.NGHTTP2_CANCEL);
    await until("the end is counted", () => code() !== undefined);
    session.destroy();
    expect(code()).toBe("CANCELLED");
  });

  test.each(streaming)("an end is OK over %s", async (protocol) => {
    expect((await send(protocol, { path: stream.path, message: probe(1) })).error).toBeUndefined();
    expect(code()).toBe("OK");
  });
});
