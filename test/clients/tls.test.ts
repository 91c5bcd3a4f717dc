import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { status } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { selfSigned } from "../support/certificate.ts";
import { type ServerProcess, startServer } from "../support/server-process.ts";
import { loadServices, PlainClient } from "./plain-grpc.ts";
import { protoFiles } from "./proto-files.ts";
import { hasPython, pythonClient } from "./python.ts";

const { cert, key } = selfSigned(new Date());
const services = loadServices(protoFiles());
const listPools = "windlass.v1.AgentPoolService/ListAgentPools";
let folder: string;
let server: ServerProcess;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "windlass-tls-"));
  await writeFile(join(folder, "tls.crt"), cert);
  await writeFile(join(folder, "tls.key"), key, { mode: 0o600 });
  server = await startServer(["--tls-cert-file", join(folder, "tls.crt"), "--tls-key-file", join(folder, "tls.key")]);
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

describe("with TLS, on the same port", () => {
  test("the server calls itself https", () => {
    expect(server.url).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/);
  });

  test("grpc-js, which trusts the certificate", async () => {
    using client = new PlainClient({ url: server.url, services, ca: cert });
    expect(await client.unary({ rpc: listPools, token: server.adminToken }, {})).toMatchObject({ agentPools: [] });
  });

  test("a client without TLS gets nothing", async () => {
    using client = new PlainClient({ url: server.url, services });
    const call = client.unary({ rpc: listPools, token: server.adminToken }, {});
    await expect(call).rejects.toMatchObject({ code: status.UNAVAILABLE });
  });

  test("Connect with JSON over HTTP/1.1", async () => {
    const answer = await postJson(`${server.url}/${listPools}`, { authorization: `Bearer ${server.adminToken}` });
    expect(answer).toEqual({ status: 200, body: {} });
  });

  test.skipIf(!hasPython)("Python", async () => {
    const said = await pythonClient({
      script: "list_pools.py",
      url: server.url,
      apiKey: server.adminToken,
      caFile: join(folder, "tls.crt"),
    });
    expect(said).toEqual([{ pools: [] }]);
  });
});

async function postJson(url: string, headers: Readonly<Record<string, string>>) {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number | undefined; body: unknown }>();
  const call = request(url, { method: "POST", ca: cert, headers: { "content-type": "application/json", ...headers } });
  call.on("error", reject).on("response", (response) => {
    text(response).then((body) => resolve({ status: response.statusCode, body: JSON.parse(body) as unknown }), reject);
  });
  call.end("{}");
  return promise;
}
