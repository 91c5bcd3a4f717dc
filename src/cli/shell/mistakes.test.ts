import type { ConnectRouter } from "@connectrpc/connect";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Code, FakeServer, refusal } from "../../../test/support/cli/fake-server.ts";
import { runCli } from "../../../test/support/cli/run-cli.ts";
import { AgentPoolService } from "../../gen/windlass/v1/agent_pool_service_pb.ts";
import { RunService } from "../../gen/windlass/v1/run_service_pb.ts";
import { SystemService } from "../../gen/windlass/v1/system_service_pb.ts";
import { WorkspaceService } from "../../gen/windlass/v1/workspace_service_pb.ts";

const run = "run_01h455vb4pex5vsknk084sn02q";

/** Answers as the real server does when somebody has made a mistake. */
function routes(router: ConnectRouter): void {
  router.service(SystemService, {
    whoAmI: () => {
      throw refusal(Code.Unauthenticated, "TOKEN_REVOKED", "this token was revoked", { token_id: "key_1" });
    },
    getServerInfo: () => ({}),
  });
  router.service(AgentPoolService, {
    listAgentPools: () => {
      const organizations = { organizations: "acme,umbrella" };
      throw refusal(
        Code.InvalidArgument,
        "ORGANIZATION_REQUIRED",
        "name an organization: acme or umbrella",
        organizations,
      );
    },
    getAgentPool: ({ agentPool }) => ({ agentPool: { name: agentPool } }),
    createAgentPool: ({ name }) => {
      throw refusal(Code.AlreadyExists, "NAME_TAKEN", `a pool named "${name}" exists`, {
        resource: "agent_pool",
        name,
      });
    },
    getAgentPoolOverview: ({ agentPool: name }) => {
      if (name === "broken") throw refusal(Code.Internal, "INTERNAL", "something unforeseen went wrong on the server");
      return {
        agentPool: {
          ...{ id: "apool_1", name, grantedWorkspaces: ["network"], counts: { idleAgents: 2 } },
          assignedWorkspaces: name === "prod" ? ["network", "dns"] : [],
        },
        agents: [{}, {}, {}],
        agentTokens: [{}],
      };
    },
    assignWorkspaces: () => {
      const metadata = { pool: "prod", workspaces: "network" };
      throw refusal(Code.FailedPrecondition, "POOL_NOT_GRANTED", 'pool "prod" does not grant "network"', metadata);
    },
  });
  router.service(WorkspaceService, {
    getWorkspace: ({ workspace }) => {
      const metadata = { resource: "workspace", name: workspace };
      throw refusal(Code.NotFound, "NOT_FOUND", `workspace "${workspace}" does not exist`, metadata);
    },
    createWorkspace: () => {
      throw refusal(Code.FailedPrecondition, "NO_POOL", 'mode agent of "network" needs a pool', {
        workspace: "network",
      });
    },
    unlockWorkspace: () => {
      throw refusal(Code.FailedPrecondition, "NOT_LOCKED", 'workspace "network" is not locked', {
        workspace: "network",
      });
    },
  });
  router.service(RunService, {
    createRun: () => {
      throw refusal(Code.FailedPrecondition, "EXECUTION_MODE_LOCAL", '"network" is in local mode', {
        workspace: "network",
      });
    },
    getRun: () => ({ run: { id: run, planSha256: "b".repeat(64) } }),
    confirmRun: () => {
      const metadata = { run_id: run, state: "APPLIED" };
      throw refusal(
        Code.FailedPrecondition,
        "RUN_NOT_CONFIRMABLE",
        `run ${run} is applied: it cannot be confirmed`,
        metadata,
      );
    },
    cancelRun: () => {
      const metadata = { run_id: run, available_in_seconds: "12" };
      throw refusal(Code.FailedPrecondition, "FORCE_TOO_EARLY", "terraform still has 12 s to end by itself", metadata);
    },
    listRuns: () => ({ runs: [] }),
  });
}

let server: FakeServer;
beforeAll(async () => {
  server = await new FakeServer(routes).start();
});
afterAll(() => server.stop());

/** `exit N`, then what stands on stderr; the port and request ids are left out. */
async function mistake(line: string, environment: Record<string, string> = {}): Promise<string> {
  const own = { WINDLASS_ADDRESS: server.address, WINDLASS_TOKEN: "t" };
  const { exit, stdout, stderr } = await runCli(line.split(" "), { environment: { ...own, ...environment } });
  const masked = (stdout + stderr).replaceAll(server.address, "SERVER").replace(/[0-9a-f-]{36}/g, "ID");
  return `exit ${exit}\n${masked.trimEnd()}`;
}

describe("mistakes are told with what to do", () => {
  test("unknown noun", async () =>
    expect(await mistake("pol list")).toMatchInlineSnapshot(`
    "exit 2
    Error: unknown command "pol". Did you mean "pool"?
      Help:  windlass --help"
  `));
  test("unknown verb", async () =>
    expect(await mistake("pool lits")).toMatchInlineSnapshot(`
    "exit 2
    Error: unknown command "pool lits". Did you mean "list"?
      Help:  windlass pool --help"
  `));
  test("unknown flag", async () =>
    expect(await mistake("run start net --plan-onyl")).toMatchInlineSnapshot(`
    "exit 2
    Error: unknown flag --plan-onyl. Did you mean --plan-only?
      Help:  windlass run start --help"
  `));
  test("missing word", async () =>
    expect(await mistake("workspace get")).toMatchInlineSnapshot(`
    "exit 2
    Error: windlass workspace get needs WS: its name or id
      Help:  windlass workspace get --help"
  `));
  test("missing flag", async () =>
    expect(await mistake("var list")).toMatchInlineSnapshot(`
      "exit 2
      Error: say whose variables: either --workspace WS (-w) or --set SET
        Help:  windlass var list --help"
    `));
  test("flag without its value", async () =>
    expect(await mistake("pool create prod --description")).toMatchInlineSnapshot(`
      "exit 2
      Error: --description needs a value (one that begins with - as --description=-…)
        Help:  windlass pool create --help"
    `));
  test("a value of the wrong kind", async () =>
    expect(await mistake("run start net --refresh=maybe")).toMatchInlineSnapshot(`
      "exit 2
      Error: --refresh is true or false, not "maybe"
        Help:  windlass run start --help"
    `));
  test("flags that exclude each other", async () =>
    expect(await mistake("run start net --dir . --cv cv_1")).toMatchInlineSnapshot(`
      "exit 2
      Error: --dir and --cv exclude each other: a run uses one configuration
        Help:  windlass run start --help"
    `));
  test("nothing to upload", async () =>
    expect((await mistake("run start net")).replace(/\S+ holds/, "DIR holds")).toMatchInlineSnapshot(`
      "exit 2
      Error: DIR holds no .tf files, nor do its folders: name the directory of a configuration
        Help:  windlass run start --help"
    `));
  test("a directory that is none", async () =>
    expect((await mistake("upload gone -w net", {})).replace(/\S+ is not a/, "DIR is not a")).toMatchInlineSnapshot(`
      "exit 2
      Error: DIR is not a directory: name the directory that holds the Terraform files
        Help:  windlass upload --help"
    `));
  test("not logged in", async () =>
    expect(await mistake("pool list", { WINDLASS_TOKEN: "" })).toMatchInlineSnapshot(`
      "exit 4
      Error: not logged in to SERVER: no token was found
        Log in:  windlass login SERVER"
    `));
  test("token revoked", async () =>
    expect(await mistake("whoami")).toMatchInlineSnapshot(`
      "exit 4
      Error: this token was revoked
        Log in:  windlass login"
    `));
  test("no organization named", async () =>
    expect(await mistake("pool list")).toMatchInlineSnapshot(`
      "exit 2
      Error: name an organization: acme or umbrella
        Name one:  export WINDLASS_ORG=acme"
    `));
  test("name taken", async () =>
    expect(await mistake("pool create prod")).toMatchInlineSnapshot(`
    "exit 5
    Error: a pool named "prod" exists
      See it:  windlass pool get prod"
  `));
  test("nobody can be asked", async () =>
    expect(await mistake("pool delete spare")).toMatchInlineSnapshot(`
      "exit 2
      Error: Delete pool spare? It takes along: 2 connected agents, 1 lost agent, 1 token, 1 grant. Nobody can be asked here: add --yes
        Help:  windlass pool delete --help"
    `));
  test("a pool in use", async () =>
    expect(await mistake("pool delete prod --yes --org acme")).toMatchInlineSnapshot(`
      "exit 5
      Error: pool prod is used by network, dns: assign them to another pool first
        See who uses it:  windlass workspace list --pool prod --org acme"
    `));
  test("a pool that does not grant the workspace", async () =>
    expect(await mistake("pool assign prod network")).toMatchInlineSnapshot(`
      "exit 5
      Error: pool "prod" does not grant "network"
        Grant it:  windlass pool grant prod network"
    `));
  test("mode agent without a pool", async () =>
    expect(await mistake("ws create network --execution-mode agent")).toMatchInlineSnapshot(`
      "exit 5
      Error: mode agent of "network" needs a pool
        See the pools:  windlass pool list"
    `));
  test("no such workspace", async () =>
    expect(await mistake("ws get netwrok")).toMatchInlineSnapshot(`
    "exit 3
    Error: workspace "netwrok" does not exist
      See what is there:  windlass workspace list"
  `));
  test("not locked", async () =>
    expect(await mistake("ws unlock network")).toMatchInlineSnapshot(`
    "exit 5
    Error: workspace "network" is not locked
      See it:  windlass workspace get network"
  `));
  test("a run in a local workspace", async () =>
    expect(await mistake("run start network --cv latest")).toMatchInlineSnapshot(`
      "exit 5
      Error: "network" is in local mode
        Run on the server:  windlass workspace edit network --execution-mode remote"
    `));
  test("confirmed twice", async () =>
    expect(await mistake(`run confirm ${run}`)).toMatchInlineSnapshot(`
      "exit 5
      Error: run run_01h455vb4pex5vsknk084sn02q is applied: it cannot be confirmed
        See it:  windlass run get run_01h455vb4pex5vsknk084sn02q"
    `));
  test("force too early", async () =>
    expect(await mistake(`run cancel ${run} --force --yes`)).toMatchInlineSnapshot(`
      "exit 5
      Error: terraform still has 12 s to end by itself
        Watch it:  windlass run watch run_01h455vb4pex5vsknk084sn02q"
    `));
  test("half a run id", async () =>
    expect(await mistake("run get run_01h4")).toMatchInlineSnapshot(`
    "exit 3
    Error: there is no run whose id begins with "run_01h4"
      See them:  windlass run list"
  `));
  test("a workspace without runs", async () =>
    expect(await mistake("run logs network")).toMatchInlineSnapshot(`
    "exit 3
    Error: there is no run in workspace network yet
      Start one:  windlass run start network --dir DIR"
  `));
  test("a fault of the server", async () =>
    expect(await mistake("pool get broken")).toMatchInlineSnapshot(`
      "exit 1
      Error: something unforeseen went wrong on the server (request ID)
        Check the server:  windlass status"
    `));
  test("nobody listens there", async () =>
    expect(await mistake("pool list --address http://127.0.0.1:9")).toMatchInlineSnapshot(`
      "exit 7
      Error: no server answers at http://127.0.0.1:9: the connection was refused
        Check the address:  windlass context show --origin --address http://127.0.0.1:9"
    `));
  test("TLS where there is none", async () => {
    const address = server.address.replace("http:", "https:");
    const told = await mistake(`pool list --address ${address}`);
    expect(told.replaceAll(new URL(address).host, "HOST")).toMatchInlineSnapshot(`
      "exit 7
      Error: https://HOST does not speak TLS, though its address begins with https
        Try http:  export WINDLASS_ADDRESS=SERVER"
    `);
  });
  test("a method that the server does not have", async () =>
    expect(await mistake("org list")).toMatchInlineSnapshot(`
      "exit 1
      Error: the server does not know this call: it is older than this program, or no Windlass server (request ID)
        Check the server:  windlass status"
    `));
  test("a command that the environment forbids", async () =>
    expect(await mistake("pool delete prod --yes", { WINDLASS_NO_DELETE: "1" })).toMatchInlineSnapshot(`
      "exit 4
      Error: WINDLASS_NO_DELETE refuses every command of the kind "delete"
        Show it:  windlass context show --origin"
    `));
  test("an unknown variable of ours", async () =>
    expect(await mistake("context list", { WINDLASS_ORGANISATION: "x" })).toMatchInlineSnapshot(`
      "exit 0
      ! WINDLASS_ORGANISATION is not a variable of Windlass."
    `));
  test("as JSON", async () =>
    expect(await mistake("pool delete prod --yes -o json")).toMatchInlineSnapshot(`
      "exit 5
      {"error":{"code":"FAILED_PRECONDITION","reason":"POOL_IN_USE","message":"pool prod is used by network, dns: assign them to another pool first","metadata":{"pool":"prod","workspaces":"network,dns"},"hints":["windlass workspace list --pool prod"],"requestId":"","exitCode":5}}"
    `));
});
