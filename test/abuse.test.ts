import { once } from "node:events";
import { connect, constants } from "node:http2";
import { createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { revokeApiKey } from "../src/control/people/api-key-ends.ts";
import { createApiKey, issueApiKey } from "../src/control/people/api-keys.ts";
import { AgentPoolService } from "../src/gen/windlass/v1/agent_pool_service_pb.ts";
import { AgentService } from "../src/gen/windlass/v1/agent_service_pb.ts";
import { SystemService } from "../src/gen/windlass/v1/system_service_pb.ts";
import { CallRates } from "../src/http/callers/call-rates.ts";
import { Readiness } from "../src/http/readiness.ts";
import { gateFor, interceptorsFor } from "../src/rpc/interceptors.ts";
import { serviceRoutes } from "../src/rpc/routes.ts";
import { openTestControl, type TestControl } from "./support/control.ts";
import { type Listener, listen } from "./support/listen.ts";
import { until } from "./support/until.ts";

let fixture: TestControl;
let listener: Listener;
let secret: string;

beforeAll(async () => {
  fixture = await openTestControl();
  const { control, organization } = fixture;
  secret = (await createApiKey(control, { name: "ci", role: "owner", organizationId: organization.id })).secret;
  const callers = { rates: new CallRates({ callsPerSecond: 20, authFailuresPerMinute: 5 }) };
  const opened = await listen({
    ...{ host: "127.0.0.1", port: 0, routes: serviceRoutes(control), readiness: new Readiness() },
    ...{ interceptors: interceptorsFor(control, callers), gate: gateFor(control, callers) },
    ...{ log: control.log, clock: fixture.clock },
  });
  if (opened.kind !== "listening") throw new Error(opened.message);
  listener = opened.listener;
});
afterAll(async () => {
  const closing = listener.close(0);
  await fixture.clock.advance(1000);
  await closing;
  await fixture[Symbol.asyncDispose]();
});

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const transport = () => createGrpcTransport({ baseUrl: listener.url });

/** Calls until one of them is refused for being too many. */
async function flood(call: () => Promise<unknown>): Promise<unknown> {
  for (let calls = 0; calls < 200; calls++) {
    const error = await call().then(
      () => undefined,
      (reason: unknown) => reason,
    );
    if (error !== undefined && String(error).includes("resource_exhausted")) return error;
  }
  throw new Error("nothing was refused");
}

describe("too many calls", () => {
  test("of one key are refused with a time to wait, while another key goes on", async () => {
    const { control, organization } = fixture;
    const other = await createApiKey(control, { name: "other", role: "reader", organizationId: organization.id });
    const client = createClient(AgentPoolService, transport());
    const error = await flood(() => client.listAgentPools({}, { headers: bearer(secret) }));
    expect(String(error)).toContain("more than 20 calls a second with this API key");
    await client.listAgentPools({}, { headers: bearer(other.secret) });
  });

  test("that need no credential are refused by address", async () => {
    const client = createClient(SystemService, transport());
    expect(String(await flood(() => client.getServerInfo({})))).toContain("from 127.0.0.1");
  });

  test("with bad credentials are refused, and good credentials of the same address are not", async () => {
    const { control, organization } = fixture;
    const good = await createApiKey(control, { name: "good", role: "reader", organizationId: organization.id });
    const client = createClient(AgentPoolService, transport());
    const error = await flood(() => client.listAgentPools({}, { headers: bearer("wdl_usr_nonsense") }));
    expect(String(error)).toContain("more than 5 rejected credentials a minute from 127.0.0.1");
    await client.listAgentPools({}, { headers: bearer(good.secret) });
  });
});

describe("requests that are no messages", () => {
  const garbage = Uint8Array.of(0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f, 1, 2, 3);
  const path = "/windlass.v1.AgentPoolService/GetAgentPool";

  test.each([
    ["application/proto", garbage],
    ["application/json", new TextEncoder().encode('{"agentPool": 7')],
    ["application/json", new TextEncoder().encode('{"agentPool": {}}')],
  ])("%s get INVALID_ARGUMENT with a reason", async (type, body) => {
    const { control, organization } = fixture;
    const { secret: own } = await createApiKey(control, {
      ...{ name: "json", role: "reader", organizationId: organization.id },
    });
    const reply = await fetch(`${listener.url}${path}`, {
      ...{ method: "POST", headers: { "content-type": type, ...bearer(own) }, body },
    });
    const answer = (await reply.json()) as { code: string; message: string; details: readonly { type: string }[] };
    expect([reply.status, answer.code]).toEqual([400, "invalid_argument"]);
    expect(answer.message).toContain("the request of GetAgentPool is malformed");
    expect(answer.details.map(({ type: detail }) => detail)).toContain("google.rpc.ErrorInfo");
  });

  test("gRPC's get INVALID_ARGUMENT too", async () => {
    const envelope = Buffer.concat([Buffer.of(0, 0, 0, 0, garbage.length), garbage]);
    const { trailers } = await rawCall(path, await freshKey(), (stream) => stream.end(envelope));
    expect(trailers).toMatchObject({ "grpc-status": "3" });
    expect(decodeURIComponent(String(trailers["grpc-message"]))).toContain("is malformed");
  });
});

test("a message of a stream that is none gets INVALID_ARGUMENT too", async () => {
  const garbage = Buffer.of(0, 0, 0, 0, 3, 0x0a, 0xff, 0x01);
  const upload = "/windlass.v1.ConfigurationService/UploadConfiguration";
  const { trailers } = await rawCall(upload, await freshKey(), (stream) => stream.end(garbage));
  expect(trailers).toMatchObject({ "grpc-status": "3" });
});

const freshKey = async () => {
  const { control, organization } = fixture;
  return (await createApiKey(control, { name: "x", role: "reader", organizationId: organization.id })).secret;
};

type Stream = ReturnType<ReturnType<typeof connect>["request"]>;

/** Makes a gRPC call by hand, and answers its trailers. */
async function rawCall(path: string, token: string, send: (stream: Stream) => void) {
  const session = connect(listener.url);
  const stream = session.request({
    ...{ [constants.HTTP2_HEADER_METHOD]: "POST", [constants.HTTP2_HEADER_PATH]: path },
    ...{ "content-type": "application/grpc+proto", te: "trailers", ...bearer(token) },
  });
  const trailers = new Promise<Readonly<Record<string, unknown>>>((resolve) => {
    stream.on("trailers", resolve);
    stream.on("response", (headers) => "grpc-status" in headers && resolve(headers));
  });
  stream.on("error", () => {});
  stream.resume();
  send(stream);
  const answer = await trailers;
  session.destroy();
  await once(session, "close");
  return { trailers: answer };
}

test("a request that never comes to its end is given up after 30 seconds", async () => {
  const { clock } = fixture;
  let isOver = false;
  const call = rawCall("/windlass.v1.AgentPoolService/GetAgentPool", await freshKey(), (stream) => {
    stream.write(Buffer.of(0, 0, 0, 0, 200, 1));
  });
  void call.then(() => {
    isOver = true;
  });
  await until("the server gives it up", async () => {
    await clock.advance(10_000);
    return isOver;
  });
  const { trailers } = await call;
  expect(trailers).toMatchObject({ "grpc-status": "4" });
});

test("a stream ends when its key is revoked, and when it expires", async () => {
  const { control, as, clock } = fixture;
  const open = async (expiresInMs: number) => {
    const wanted = { organization: "", name: "viewer", role: "reader", expiresInMs } as const;
    const { key, secret: own } = await issueApiKey(control, as("owner"), wanted);
    const client = createClient(AgentService, createConnectTransport({ baseUrl: listener.url, httpVersion: "2" }));
    const stream = client.watchAgents({}, { headers: bearer(own) })[Symbol.asyncIterator]();
    await stream.next();
    return { key, end: toEnd(stream) };
  };
  const revoked = await open(0);
  const expiring = await open(60_000);
  // Expected before the cause: an end that nobody awaits yet counts as an unhandled rejection.
  const isRevoked = expect(revoked.end).rejects.toThrow("was revoked at");
  const isExpired = expect(expiring.end).rejects.toThrow("expired at");
  await revokeApiKey(control, as("owner"), revoked.key.id);
  await isRevoked;
  await clock.advance(60_000);
  await isExpired;
});

async function toEnd(stream: AsyncIterator<unknown>): Promise<void> {
  while ((await stream.next()).done !== true);
}
