import { readFile } from "node:fs/promises";
import { Code, createClient } from "@connectrpc/connect";
import { createGrpcWebTransport } from "@connectrpc/connect-node";
import { beforeAll, describe, expect, test } from "vitest";
import { AgentPoolService } from "../../src/gen/windlass/v1/agent_pool_service_pb.ts";
import { RunService } from "../../src/gen/windlass/v1/run_service_pb.ts";
import { useStage } from "../support/stage.ts";

const stage = useStage();
let apiKey: string;
beforeAll(async () => {
  apiKey = (await readFile(stage.server.adminTokenFile, "utf8")).trim();
});

const post = (rpc: string, body: object, headers: Readonly<Record<string, string>> = {}) =>
  fetch(`${stage.server.url}/windlass.v1.${rpc}`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });

const bearer = () => ({ authorization: `Bearer ${apiKey}` });

describe("Connect with JSON, as curl and fetch speak it", () => {
  test("the server describes itself to anybody", async () => {
    const answer = await post("SystemService/GetServerInfo", {});
    expect(answer.headers.get("content-type")).toBe("application/json");
    expect(await answer.json()).toMatchObject({ database: "sqlite" });
  });

  test("a pool is created and listed; names of fields and enums are those of proto3 JSON", async () => {
    const created = await post(
      "AgentPoolService/CreateAgentPool",
      { name: "prod", organizationScoped: false },
      bearer(),
    );
    expect(created.status).toBe(200);
    const listed = await post("AgentPoolService/ListAgentPools", {}, bearer());
    expect(await listed.json()).toMatchObject({ agentPools: [{ name: "prod", organization: "default" }] });
  });

  test("a call that only reads can be a GET", async () => {
    const message = encodeURIComponent(JSON.stringify({ agentPool: "prod" }));
    const path = `windlass.v1.AgentPoolService/GetAgentPool?connect=v1&encoding=json&message=${message}`;
    const answer = await fetch(`${stage.server.url}/${path}`, { headers: bearer() });
    expect(await answer.json()).toMatchObject({ agentPool: { name: "prod" } });
  });

  test("errors are JSON with a code, a sentence and details", async () => {
    const stranger = await post("AgentPoolService/ListAgentPools", {});
    expect(stranger.status).toBe(401);
    expect(await stranger.json()).toMatchObject({ code: "unauthenticated" });
    const wrong = await post("AgentPoolService/CreateAgentPool", { name: "NOT A NAME" }, bearer());
    expect(wrong.status).toBe(400);
    expect(await wrong.json()).toMatchObject({ code: "invalid_argument", details: expect.any(Array) });
  });
});

describe("gRPC-Web, as a browser speaks it", () => {
  const client = <Service extends typeof AgentPoolService | typeof RunService>(service: Service) =>
    createClient<Service>(
      service,
      createGrpcWebTransport({
        baseUrl: stage.server.url,
        httpVersion: "1.1",
        interceptors: [
          (next) => (request) => {
            request.header.set("authorization", `Bearer ${apiKey}`);
            return next(request);
          },
        ],
      }),
    );

  test("unary calls", async () => {
    const { agentPools } = await client(AgentPoolService).listAgentPools({});
    expect(agentPools.map(({ name }) => name)).toEqual(["prod"]);
  });

  test("server streaming, and errors in trailers", async () => {
    const watching = Array.fromAsync(client(RunService).watchRun({ runId: "run_none" }));
    await expect(watching).rejects.toMatchObject({ code: Code.NotFound });
  });
});
