import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { AgentStatus } from "../src/gen/windlass/v1/agent_pb.ts";
import { RunState, WaitingReason } from "../src/gen/windlass/v1/run_pb.ts";
import { useStage } from "./support/stage.ts";

describe("agents", () => {
  const stage = useStage({ serverAgents: 1 });

  test("take the jobs of their own pool and of no other", async () => {
    const { api } = stage.server;
    const [east, west] = [await api.pool(), await api.pool()];
    const [inEast, inWest] = [
      await stage.scene.agent(stage.server, { pool: east }),
      await stage.scene.agent(stage.server, { pool: west }),
    ];
    const start = async (agentPool: string) => {
      const workspace = await api.workspace({ agentPool });
      await api.upload(workspace, await stage.scene.configuration("hello"));
      return api.start(workspace, { autoApply: true });
    };
    const ids = [await start(east), await start(west), await start(east), await start(west)];
    for (const [index, id] of ids.entries()) {
      const agentName = [inEast, inWest][index % 2]?.name;
      expect(await api.ended(id)).toMatchObject({ state: RunState.APPLIED, plan: { agentName }, apply: { agentName } });
    }
    await inEast.stop("SIGTERM");
    await api.agentWhen(inEast.name, AgentStatus.EXITED);
    const waits = await api.runWhen(await start(east), "waits", ({ waiting }) => waiting !== undefined);
    expect(waits).toMatchObject({ state: RunState.PLAN_QUEUED, waiting: { reason: WaitingReason.NO_AGENT_ONLINE } });
    expect(inWest.program.isRunning).toBe(true);
  });

  test("apply what another agent has planned, in the same absolute directory", async () => {
    const { api } = stage.server;
    const pool = await api.pool();
    const planner = await stage.scene.agent(stage.server, { pool });
    const workspace = await api.workspace({ agentPool: pool });
    await api.upload(workspace, await stage.scene.configuration("place"));
    const planned = await api.planned(workspace);
    expect(planned).toMatchObject({ state: RunState.PLANNED, plan: { agentName: planner.name } });
    expect((await planner.stop("SIGTERM")).code).toBe(0);
    const other = await stage.scene.agent(stage.server, { pool });
    await api.confirm(planned.id);
    const run = await api.ended(planned.id);
    expect(run).toMatchObject({ state: RunState.APPLIED, errorMessage: "", apply: { agentName: other.name } });
    expect((await api.outputs(workspace)).place).not.toContain(stage.scene.directory);
  });

  test("of the server run the workspaces in remote mode, started and confirmed on the command line", async () => {
    const { api } = stage.server;
    const workspace = await api.workspace();
    const directory = await stage.scene.configuration("hello");
    const args = ["run", "start", workspace, "--dir", directory, "--message", "from a shell"];
    const startedMs = performance.now();
    const following = stage.scene.startCli(stage.server, args);
    await following.says(/Terraform used the selected providers/, 60_000);
    console.info(`run start → first line of terraform: ${Math.round(performance.now() - startedMs)} ms`);
    const { runs } = await api.clients.runs.listRuns({ workspace });
    const id = runs[0]?.id ?? "";
    await api.runIn(id, RunState.PLANNED);
    const confirmed = await stage.scene.cli(stage.server, ["run", "confirm", id]);
    expect(confirmed, confirmed.stderr).toMatchObject({ code: 0 });
    expect(await following.ended, following.stderr()).toMatchObject({ code: 0 });
    expect(following.stdout()).toContain("Apply complete! Resources: 1 added");
    const run = await api.ended(id);
    expect(run).toMatchObject({
      state: RunState.APPLIED,
      message: "from a shell",
      apply: { agentName: "server-agent" },
    });
    expect(await api.outputs(workspace)).toEqual({ greeting: "hello, world" });
  });

  test("with a token of another pool belong to that pool, whatever they were before", async () => {
    const { api } = stage.server;
    const [first, second] = [await api.pool(), await api.pool()];
    const before = await stage.scene.agent(stage.server, { pool: first });
    await before.stop("SIGTERM");
    const { name, dataDir } = before;
    const after = await stage.scene.agent(stage.server, { pool: second, name: `${name}-moved`, dataDir });
    expect(await api.agentWhen(after.name, AgentStatus.IDLE)).toMatchObject({ agentPool: second });
    const workspace = await api.workspace({ agentPool: first });
    await api.upload(workspace, await stage.scene.configuration("hello"));
    const run = await api.runWhen(await api.start(workspace), "waits", ({ waiting }) => waiting !== undefined);
    expect(run).toMatchObject({ state: RunState.PLAN_QUEUED, waiting: { reason: WaitingReason.NO_AGENT_ONLINE } });
  });

  test("need a data directory of their own", async () => {
    const { api } = stage.server;
    const pool = await api.pool();
    const agent = await stage.scene.agent(stage.server, { pool });
    const tokenFile = join(stage.scene.directory, `${agent.name}.token`);
    const second = stage.scene.start("windlass-agent", [
      ...["--address", stage.server.url, "--token-file", tokenFile, "--data-dir", agent.dataDir],
    ]);
    expect(await second.ended).toMatchObject({ code: 2 });
    expect(second.stderr()).toContain(agent.dataDir);
    expect(agent.program.isRunning).toBe(true);
  });
});
