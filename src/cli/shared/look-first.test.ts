import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { ConnectRouter } from "@connectrpc/connect";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Code, FakeServer, refusal } from "../../../test/support/cli/fake-server.ts";
import { runCli } from "../../../test/support/cli/run-cli.ts";
import { AgentStatus } from "../../gen/windlass/v1/agent_pb.ts";
import { AgentPoolService } from "../../gen/windlass/v1/agent_pool_service_pb.ts";
import { AgentService } from "../../gen/windlass/v1/agent_service_pb.ts";
import { AgentTokenService } from "../../gen/windlass/v1/agent_token_service_pb.ts";
import { OrganizationService } from "../../gen/windlass/v1/organization_service_pb.ts";
import { RunService } from "../../gen/windlass/v1/run_service_pb.ts";
import { WorkspaceService } from "../../gen/windlass/v1/workspace_service_pb.ts";

const statusOf = (name: string): AgentStatus => (name === "gone" ? AgentStatus.EXITED : AgentStatus.IDLE);

const deeds: string[] = [];
const organizations: string[] = [];
const tokens = [
  { id: "atok_1", description: "vm-7", agentPool: "prod", active: true, agents: ["vm-7", "vm-8"] },
  { id: "atok_2", description: "twice", agentPool: "prod", active: true },
  { id: "atok_3", description: "twice", agentPool: "prod", active: true },
  { id: "atok_4", description: "renewed", agentPool: "prod", active: false },
  { id: "atok_5", description: "renewed", agentPool: "prod", active: true },
];
const missing = (resource: string, name: string) =>
  refusal(Code.NotFound, "NOT_FOUND", `${resource} "${name}" does not exist, or you may not see it`, {
    resource,
    name,
  });

function routes(router: ConnectRouter): void {
  router.service(AgentTokenService, {
    listAgentTokens: () => ({ agentTokens: tokens }),
    revokeAgentToken: ({ agentTokenId: id }) => {
      deeds.push(`revoke ${id}`);
      return { agentToken: { id, agentPool: "prod" } };
    },
  });
  router.service(AgentPoolService, {
    getAgentPoolOverview: ({ agentPool: name }) => {
      if (name === "gone") throw missing("agent pool", name);
      const counts = { idleAgents: 1, busyAgents: 1 };
      return {
        agentPool: { id: `apool_${name}`, name, counts, assignedWorkspaces: name === "used" ? ["network"] : [] },
        ...{ agents: [{}, {}, {}], agentTokens: [{}] },
      };
    },
    deleteAgentPool: ({ agentPool }) => {
      deeds.push(`delete ${agentPool}`);
      return {};
    },
  });
  router.service(AgentService, {
    getAgent: ({ agent: name }) => ({
      agent: { id: `agent_${name}`, name, status: name === "here" ? AgentStatus.IDLE : AgentStatus.ERRORED },
    }),
    drainAgent: ({ agent: name }) => {
      const lastSeenTime = timestampFromMs(Date.now() - 53_000);
      return { agent: { name, status: statusOf(name), connectedTo: name === "lost" ? "" : "here", lastSeenTime } };
    },
    resumeAgent: ({ agent: name }) => ({ agent: { name, status: statusOf(name) } }),
    deleteAgent: ({ agent }) => {
      deeds.push(`forget ${agent}`);
      return {};
    },
  });
  router.service(WorkspaceService, {
    getWorkspace: ({ workspace }) => {
      throw missing("workspace", workspace);
    },
    updateWorkspace: ({ workspace }) => ({ workspace: { name: workspace } }),
    deleteWorkspace: ({ workspace, validateOnly }) => {
      if (workspace === "gone") throw missing("workspace", workspace);
      if (!validateOnly) deeds.push(`delete ${workspace}`);
      return { losses: { runs: 2 } };
    },
  });
  router.service(OrganizationService, {
    getOrganization: ({ organization: name }) => {
      throw missing("organization", name);
    },
    deleteOrganization: ({ organization }) => {
      organizations.push(`delete ${organization}`);
      return {};
    },
  });
  router.service(RunService, {
    listRuns: ({ organization }) => {
      organizations.push(organization);
      return { runs: [] };
    },
  });
}

let server: FakeServer;
beforeEach(async () => {
  deeds.splice(0);
  organizations.splice(0);
  server = await new FakeServer(routes).start();
});
afterEach(() => server.stop());

const cli = async (line: string, environment: Record<string, string> = {}) => {
  const own = { WINDLASS_ADDRESS: server.address, WINDLASS_TOKEN: "t", ...environment };
  const { exit, stdout, stderr } = await runCli(line.split(" "), { environment: own });
  return { exit, stdout, stderr };
};

describe("what is not there, or cannot go, is told before anybody is asked", () => {
  test.each([
    ["token revoke atok_9", 3, 'agent token "atok_9" does not exist'],
    ["token revoke twice", 5, '2 agent tokens are named "twice": say which by its id (atok_2, atok_3)'],
    ["pool delete gone", 3, 'agent pool "gone" does not exist'],
    ["pool delete spare used", 5, "pool used is used by network: assign it to another pool first"],
    ["agent delete here", 5, "agent here is idle, that is connected"],
    ["ws delete network gone", 3, 'workspace "gone" does not exist'],
    ["ws unlock gone --force", 3, 'workspace "gone" does not exist'],
    ["org delete gone", 3, 'organization "gone" does not exist'],
  ])("%s", async (line, exit, told) => {
    for (const yes of ["", " --yes"]) {
      const answer = await cli(line + yes);
      expect(answer).toMatchObject({ exit, stderr: expect.stringContaining(told) });
      expect(answer.stderr).not.toContain("add --yes");
    }
    expect(deeds).toEqual([]);
  });
});

describe("the question says what goes", () => {
  test.each([
    ["pool delete spare", "Delete pool spare? It takes along: 2 connected agents, 1 lost agent, 1 token."],
    ["token revoke vm-7", "Revoke token atok_1 (vm-7) of pool prod? Its agents are disconnected: vm-7, vm-8."],
    [
      "token revoke vm-7 --stop",
      "the states that these still send are put aside, and the workspaces of their applies stay locked",
    ],
  ])("%s", async (line, told) =>
    expect(await cli(line)).toMatchObject({ exit: 2, stderr: expect.stringContaining(told) }),
  );
});

test("many things go with one command, and names of tokens count for those that are still good", async () => {
  expect((await cli("token revoke vm-7 renewed --yes")).exit).toBe(0);
  expect((await cli("ws rm network dns --yes")).stdout).toBe(
    "✓ Deleted workspace network with 2 runs\n✓ Deleted workspace dns with 2 runs\n",
  );
  expect((await cli("pool rm a b --yes")).exit).toBe(0);
  expect((await cli("agent rm x y --yes")).exit).toBe(0);
  expect(deeds).toEqual([
    ...["revoke atok_1", "revoke atok_5", "delete network", "delete dns"],
    ...["delete apool_a", "delete apool_b", "forget agent_x", "forget agent_y"],
  ]);
});

describe("windlass api is about the context's organization", () => {
  test("when the request names none", async () => {
    await cli("api RunService/ListRuns", { WINDLASS_ORG: "acme" });
    await cli('api RunService/ListRuns -d {"organization":"umbrella"}', { WINDLASS_ORG: "acme" });
    expect(organizations).toEqual(["acme", "umbrella"]);
  });

  test("but never does anything to that organization itself", async () => {
    await cli("api OrganizationService/DeleteOrganization", { WINDLASS_ORG: "acme" });
    expect(organizations).toEqual(["delete "]);
  });
});

test("the list that is looked into for an organization is not asked for in that organization", async () => {
  expect((await cli("org delete gone --org nope")).stderr).toMatch(/windlass org list$/m);
});

test("a workspace that shares with one that is not there yet is changed, with a warning", async () => {
  const { exit, stderr } = await cli("ws edit network --share-state-with nope");
  expect([exit, stderr]).toEqual([0, "! there is no workspace of this name yet: nope\n"]);
});

test.each([
  ["agent drain vm-7", "Agent vm-7 finishes its jobs and exits"],
  ["agent drain lost", "Agent lost finishes its jobs and exits as soon as it is back (last seen 53s ago)"],
  ["agent drain gone", "Agent gone has left already: there is nothing to drain"],
  ["agent resume gone", "Agent gone has left: it gets jobs when it comes back"],
])("%s says what it did", async (line, said) => {
  const { exit, stdout, stderr } = await cli(line);
  expect(exit, stderr).toBe(0);
  expect(stdout + stderr).toContain(said);
});
