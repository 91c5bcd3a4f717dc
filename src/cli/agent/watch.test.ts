import { expect, test } from "vitest";
import { Code, FakeServer, refusal } from "../../../test/support/cli/fake-server.ts";
import { runCli } from "../../../test/support/cli/run-cli.ts";
import { AgentStatus } from "../../gen/windlass/v1/agent_pb.ts";
import { AgentService } from "../../gen/windlass/v1/agent_service_pb.ts";

/** Watches a server whose stream says twice that it lives, and then ends for good. */
async function watched(format: readonly string[]) {
  const server = await new FakeServer((router) =>
    router.service(AgentService, {
      async *watchAgents() {
        yield { agents: [], snapshotComplete: true };
        yield { snapshotComplete: true };
        yield { agents: [{ id: "agent_1", name: "vm-7", status: AgentStatus.IDLE }], snapshotComplete: true };
        yield { snapshotComplete: true };
        yield { goneAgentIds: ["agent_1"], snapshotComplete: true };
        throw refusal(Code.PermissionDenied, "PERMISSION_DENIED", "no more", {});
      },
    }),
  ).start();
  try {
    const environment = { WINDLASS_ADDRESS: server.address, WINDLASS_TOKEN: "t" };
    const { stdout } = await runCli(["agent", "watch", ...format], { environment });
    return stdout.trim().split("\n");
  } finally {
    await server.stop();
  }
}

test("a sign that the stream lives is no news", async () => {
  expect(await watched([])).toEqual([expect.stringContaining("vm-7 of pool"), expect.stringContaining("vm-7 is gone")]);
  const events = (await watched(["-o", "jsonl"])).map((line) => JSON.parse(line));
  expect(events).toMatchObject([
    { snapshotComplete: true },
    { agents: [{ name: "vm-7" }] },
    { goneAgentIds: ["agent_1"] },
  ]);
});
