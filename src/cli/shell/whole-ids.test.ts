import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { FakeServer } from "../../../test/support/cli/fake-server.ts";
import { runCli } from "../../../test/support/cli/run-cli.ts";
import { AgentService } from "../../gen/windlass/v1/agent_service_pb.ts";
import { AgentTokenService } from "../../gen/windlass/v1/agent_token_service_pb.ts";
import { ApiKeyService } from "../../gen/windlass/v1/api_key_service_pb.ts";
import { ConfigurationService } from "../../gen/windlass/v1/configuration_service_pb.ts";
import { RunService } from "../../gen/windlass/v1/run_service_pb.ts";
import { StateService } from "../../gen/windlass/v1/state_service_pb.ts";
import { SystemService } from "../../gen/windlass/v1/system_service_pb.ts";
import { WorkspaceService } from "../../gen/windlass/v1/workspace_service_pb.ts";
import { idFromCompact } from "../../lib/words/ids.ts";

const suffix = "01h455vb4pex5vsknk084sn02q";
const other = "01h455vb4pzzzzzzzzzzzzzzzz";
const kinds = ["run", "atok", "key", "agent", "cv", "sv", "ws"];
const known = [...kinds.map((kind) => `${kind}_${suffix}`), `run_${other}`];

/** The last id with which each method was called. */
let asked: string[] = [];
const take = (id: string) => {
  asked.push(id);
  return {};
};

let server: FakeServer;
beforeAll(async () => {
  server = await new FakeServer((router) => {
    router.service(SystemService, { findIds: ({ prefix }) => ({ ids: known.filter((id) => id.startsWith(prefix)) }) });
    router.service(RunService, { getRun: ({ runId }) => take(runId), listRunEvents: () => ({}) });
    router.service(AgentTokenService, {
      listAgentTokens: () => ({ agentTokens: [{ id: `atok_${suffix}` }] }),
      rotateAgentToken: ({ agentTokenId }) => take(agentTokenId),
    });
    router.service(ApiKeyService, { getApiKey: ({ apiKeyId }) => take(apiKeyId) });
    router.service(AgentService, { pauseAgent: ({ agent }) => take(agent) });
    router.service(ConfigurationService, { getConfiguration: ({ configurationVersionId: id }) => take(id) });
    router.service(StateService, { getStateVersion: ({ stateVersionId }) => take(stateVersionId) });
    router.service(WorkspaceService, { getWorkspace: ({ workspace }) => take(workspace) });
  }).start();
});
afterAll(() => server.stop());
beforeEach(() => {
  asked = [];
});

const cli = (...args: readonly string[]) =>
  runCli(args, { environment: { WINDLASS_ADDRESS: server.address, WINDLASS_TOKEN: "t" } });

test.each([
  ["run", ["run", "get", "run_01h455vb4pex"]],
  ["run", ["run", "get", "run/run_01h455vb4pex"]],
  ["atok", ["token", "rotate", "atok_01h455vb"]],
  ["key", ["apikey", "get", "key_01h455vb"]],
  ["agent", ["agent", "pause", "agent_01h455vb"]],
  ["cv", ["cv", "get", "cv_01h4"]],
  ["sv", ["state", "get", "sv_01h455vb"]],
  ["ws", ["workspace", "get", "ws_01h455vb"]],
] as const)("the beginning of a %s id stands for it: %s", async (kind, args) => {
  const { stderr } = await cli(...args);
  expect(asked, stderr).toContain(`${kind}_${suffix}`);
});

test("an id as the terraform program shows it stands for the whole one, and a name of that form for itself", async () => {
  const run = idFromCompact("run", "h0pAB1r2FmdwkI2B") ?? "";
  known.push(run);
  await cli("run", "get", "run-h0pAB1r2FmdwkI2B");
  expect(asked).toEqual([run]);
  asked = [];
  await cli("workspace", "get", "ws-0123456789abcdef");
  expect(asked).toEqual(["ws-0123456789abcdef"]);
});

test("one that several ids share is refused with all of them", async () => {
  const { exit, stderr } = await cli("run", "get", "run_01h455vb");
  expect(exit).toBe(2);
  expect(stderr).toContain(`"run_01h455vb" is the beginning of 2 ids`);
  expect(stderr).toContain(`run_${suffix}`);
  expect(stderr).toContain(`run_${other}`);
  expect(asked).toEqual([]);
});

test("what no id begins with is taken as a name", async () => {
  await cli("workspace", "get", "run_7777");
  expect(asked).toEqual(["run_7777"]);
});

test("a run that does not exist is told so", async () => {
  const { exit, stderr } = await cli("run", "get", "run_7777");
  expect({ exit, stderr }).toMatchObject({
    exit: 3,
    stderr: expect.stringContaining('there is no run whose id begins with "run_7777"'),
  });
});
