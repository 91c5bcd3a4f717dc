import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { RunState } from "../src/gen/windlass/v1/run_pb.ts";
import { VariableCategory } from "../src/gen/windlass/v1/variable_pb.ts";
import { sandboxesHere } from "./support/agent/sandbox-here.ts";
import { startCli } from "./support/cli/run-cli.ts";
import { fakeProviderArgs, uploadFake } from "./support/fake-workspaces.ts";
import { useStage } from "./support/stage.ts";
import { until } from "./support/until.ts";

const main = `
resource "fake_server" "web" {
  name = "web"
}
resource "terraform_data" "address" {
  input = fake_server.web.ip
}
`;

const stage = useStage();

test.each(sandboxesHere)(
  "what changed outside of terraform is told beside the counts, with the sandbox %s",
  async (sandbox) => {
    const { scene, server } = stage;
    const { api } = server;
    const pool = await api.pool();
    await scene.agent(server, { pool, sandbox, args: await fakeProviderArgs(scene) });
    const workspace = await api.workspace({ agentPool: pool });
    await uploadFake(scene, server, { workspace, main });
    expect(await api.applied(workspace)).toMatchObject({ state: RunState.APPLIED, errorMessage: "" });

    const drift = { key: "FAKE_PROVIDER_DRIFT", value: "ip", category: VariableCategory.ENV };
    await api.set(workspace, [drift]);
    const planned = await api.planned(workspace);
    expect(planned).toMatchObject({ state: RunState.PLANNED, plannedChanges: { change: 1, drift: 1 } });
    const told = await scene.cli(server, ["run", "get", planned.id]);
    expect(told.stdout).toMatch(/Planned: .*1 to change.*1 changed outside of terraform/);
    await api.clients.runs.discardRun({ runId: planned.id });

    const environment = {
      WINDLASS_ADDRESS: server.url,
      WINDLASS_TOKEN: (await readFile(server.adminTokenFile, "utf8")).trim(),
    };
    const asking = startCli(["run", "start", workspace, "--cv", "latest", "--refresh-only"], {
      environment,
      isTty: true,
    });
    const question = `${workspace}: 1 changed outside of terraform: accept?`;
    await until("it is asked", () => asking.stderr().includes(question), {
      deadlineMs: 60_000,
      seen: () => asking.stderr(),
    });
    for (const key of ["\u001b[A", "\u001b[A", "\r"]) asking.type(key);
    expect(await asking.exit, asking.stderr()).toBe(0);
    expect(asking.stderr()).toContain("applied: 1 changed outside of terraform, accepted");
    expect(JSON.stringify(await api.state(workspace))).toContain('"ip":"192.0.2.1"');
  },
);
