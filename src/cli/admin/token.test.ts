import { afterAll, beforeAll, expect, test } from "vitest";
import { FakeServer } from "../../../test/support/cli/fake-server.ts";
import { runCli } from "../../../test/support/cli/run-cli.ts";
import { AgentTokenService } from "../../gen/windlass/v1/agent_token_service_pb.ts";

const token = { id: "atok_01h455vb4pex5vsknk084sn02q", description: "vm-7", pool: "prod", active: true };

let server: FakeServer;
beforeAll(async () => {
  server = await new FakeServer((router) => {
    router.service(AgentTokenService, {
      listAgentTokens: () => ({ agentTokens: [token] }),
      createAgentToken: () => ({ agentToken: token, secret: "wdl_agt_new" }),
      rotateAgentToken: () => ({ agentToken: token, secret: "wdl_agt_new", replaced: token }),
    });
  }).start();
});
afterAll(() => server.stop());

const cli = (...args: readonly string[]) =>
  runCli(args, { environment: { WINDLASS_ADDRESS: server.address, WINDLASS_TOKEN: "t", WINDLASS_ORG: "acme" } });

test.each([
  [["token", "create", "--pool", "prod"], "windlass-agent --address", "SIGHUP"],
  [["token", "rotate", "vm-7"], "SIGHUP", "windlass-agent --address"],
])("a new token is for a new agent, one in another's place for the agents that run: %j", async (args, said, not) => {
  const { stdout, stderr } = await cli(...args);
  expect(stdout).toBe("wdl_agt_new\n");
  expect(stderr).toContain(said);
  expect(stderr).not.toContain(not);
});
