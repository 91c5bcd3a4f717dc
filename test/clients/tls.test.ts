import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { status } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { selfSigned } from "../support/certificate.ts";
import { useStage } from "../support/stage.ts";
import { loadServices, PlainClient } from "./plain-grpc.ts";
import { protoFiles } from "./proto-files.ts";

const { cert, key } = selfSigned(new Date());
const services = loadServices(protoFiles());
const listPools = "windlass.v1.AgentPoolService/ListAgentPools";
const folder = await mkdtemp(join(tmpdir(), "windlass-tls-"));
const [certFile, keyFile] = [join(folder, "tls.crt"), join(folder, "tls.key")];
await writeFile(certFile, cert);
await writeFile(keyFile, key, { mode: 0o600 });
const stage = useStage({ args: ["--tls-cert-file", certFile, "--tls-key-file", keyFile] });
let apiKey: string;
beforeAll(async () => {
  apiKey = (await readFile(stage.server.adminTokenFile, "utf8")).trim();
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe("with TLS, on the same port", () => {
  test("the server calls itself https", () => {
    expect(stage.server.url).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/);
  });

  test("grpc-js, which trusts the certificate", async () => {
    using client = new PlainClient({ url: stage.server.url, services, ca: cert });
    expect(await client.unary({ rpc: listPools, token: apiKey }, {})).toMatchObject({ agentPools: [] });
  });

  test("a client without TLS gets nothing", async () => {
    using client = new PlainClient({ url: stage.server.url, services });
    const call = client.unary({ rpc: listPools, token: apiKey }, {});
    await expect(call).rejects.toMatchObject({ code: status.UNAVAILABLE });
  });

  test("Connect with JSON over HTTP/1.1", async () => {
    const answer = await postJson(`${stage.server.url}/${listPools}`, { authorization: `Bearer ${apiKey}` });
    expect(answer).toEqual({ status: 200, body: {} });
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
