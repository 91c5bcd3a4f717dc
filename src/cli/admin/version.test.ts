import { create } from "@bufbuild/protobuf";
import type { ConnectRouter } from "@connectrpc/connect";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { FakeServer } from "../../../test/support/cli/fake-server.ts";
import { runCli } from "../../../test/support/cli/run-cli.ts";
import { AgentSchema } from "../../gen/windlass/v1/agent_pb.ts";
import { AgentService, ListAgentsResponseSchema } from "../../gen/windlass/v1/agent_service_pb.ts";
import {
  GetServerInfoResponseSchema,
  ListReplicasResponseSchema,
  ReplicaSchema,
  SystemService,
} from "../../gen/windlass/v1/system_service_pb.ts";
import { version } from "../../lib/program/version.ts";
import { systemRandom } from "../../lib/random.ts";
import { mintToken } from "../../lib/words/tokens.ts";

describe("version --check", () => {
  let server: FakeServer;
  let its = version;
  let agents: readonly string[] = [];
  let replicas: readonly string[] = [];

  beforeAll(async () => {
    server = await new FakeServer((router: ConnectRouter) => {
      router.service(SystemService, {
        getServerInfo: () => create(GetServerInfoResponseSchema, { version: its }),
        listReplicas: () =>
          create(ListReplicasResponseSchema, {
            replicas: replicas.map((one, at) => create(ReplicaSchema, { name: `tf${at + 1}`, version: one })),
          }),
      });
      router.service(AgentService, {
        listAgents: () =>
          create(ListAgentsResponseSchema, {
            agents: agents.map((one, at) => create(AgentSchema, { name: `vm-${at + 1}`, version: one })),
          }),
      });
    }).start();
  });
  afterAll(() => server[Symbol.asyncDispose]());

  const look = () => {
    const token = mintToken("usr", systemRandom);
    const environment = { WINDLASS_ADDRESS: server.address, WINDLASS_TOKEN: token, WINDLASS_ORG: "acme" };
    return runCli(["version", "--check"], { environment });
  };

  test("finds all of one version well", async () => {
    agents = [version, version];
    expect(await look()).toMatchObject({
      exit: 0,
      stdout: `ok    client  windlass ${version}, server ${version}\nok    agents  2 agents with ${version}: vm-1, vm-2\n`,
    });
  });

  test("tells a client and agents that are newer than their server, and servers that differ", async () => {
    its = "0.0.9";
    replicas = ["0.0.9", "0.0.8"];
    agents = [version, "0.0.9", version, version, version];
    const { exit, stdout } = await look();
    expect(exit).toBe(1);
    expect(stdout).toBe(
      `fail  client  windlass ${version}, server 0.0.9
              → update the server to ${version} first
warn  server  replica tf2 is 0.0.8
              → bring all servers to one version
fail  agents  4 agents with ${version}: vm-1, vm-3, vm-4, 1 more
              → update the server to ${version} first
ok    agents  1 agent with 0.0.9: vm-2
`,
    );
  });
});
