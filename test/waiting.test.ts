import { describe, expect, test } from "vitest";
import { type Run, RunState, WaitingReason } from "../src/gen/windlass/v1/run_pb.ts";
import { useStage } from "./support/stage.ts";
import { until } from "./support/until.ts";

const waitsFor = (reason: WaitingReason) => (run: Run) => run.waiting?.reason === reason;

describe("a run says why it waits", () => {
  const stage = useStage();

  async function hello(pool: string, configuration = "hello"): Promise<string> {
    const { api } = stage.server;
    const workspace = await api.workspace({ agentPool: pool });
    await api.upload(workspace, await stage.scene.configuration(configuration));
    return workspace;
  }

  test("for an earlier run of its workspace, whose end lets it start", async () => {
    const { api } = stage.server;
    const pool = await api.pool();
    await stage.scene.agent(stage.server, { pool });
    const workspace = await hello(pool);
    const first = await api.planned(workspace);
    expect(first.waiting).toMatchObject({ reason: WaitingReason.CONFIRMATION });
    const [second, third] = [await api.start(workspace), await api.start(workspace)];
    expect(await api.run(second)).toMatchObject({
      state: RunState.PENDING,
      waiting: { reason: WaitingReason.EARLIER_RUN, blockingRunId: first.id, queuePosition: 1 },
    });
    expect((await api.run(third)).waiting).toMatchObject({ reason: WaitingReason.EARLIER_RUN, queuePosition: 2 });
    expect((await api.run(third)).plan).toBeUndefined();
    const aside = await api.ended(await api.start(workspace, { planOnly: true }));
    expect(aside.state).toBe(RunState.PLANNED_AND_FINISHED);

    await api.confirm(first.id);
    expect(await api.ended(first.id)).toMatchObject({ state: RunState.APPLIED });
    expect(await api.ended(second)).toMatchObject({ state: RunState.PLANNED_AND_FINISHED, hasChanges: false });
    expect(await api.ended(third)).toMatchObject({ state: RunState.PLANNED_AND_FINISHED, hasChanges: false });
  });

  test("for a person's lock", async () => {
    const { api } = stage.server;
    const workspace = await hello(await api.pool());
    await api.clients.workspaces.lockWorkspace({ workspace, reason: "migration tonight" });
    const id = await api.start(workspace);
    const { state, waiting } = await api.run(id);
    expect({ state, reason: waiting?.reason }).toEqual({
      state: RunState.PENDING,
      reason: WaitingReason.WORKSPACE_LOCKED,
    });
    expect(waiting?.detail).toContain("migration tonight");
    await api.clients.workspaces.unlockWorkspace({ workspace });
    expect((await api.run(id)).state).toBe(RunState.PLAN_QUEUED);
  });

  test("for an agent: none is online, all are paused, all are busy", async () => {
    const { api } = stage.server;
    const pool = await api.pool();
    const first = await api.start(await hello(pool, "slow"), {
      autoApply: true,
      variables: [{ key: "seconds", value: "300", hcl: true }],
    });
    const offline = await api.runWhen(first, "waits for an agent", waitsFor(WaitingReason.NO_AGENT_ONLINE));
    expect(offline).toMatchObject({ state: RunState.PLAN_QUEUED, waiting: { queuePosition: 1 } });
    expect(offline.waiting?.detail).toContain(pool);

    const agent = await stage.scene.agent(stage.server, { pool });
    await api.runIn(first, RunState.APPLYING);
    // Terraform forgets an interrupt that comes before its walk begins.
    await until("the apply's first resource", async () => (await api.wholeLog(first)).includes("Creating..."));
    const second = await api.start(await hello(pool));
    await api.runWhen(second, "waits for a free agent", waitsFor(WaitingReason.AGENTS_BUSY));
    await api.clients.agents.pauseAgent({ agent: agent.name });
    await api.clients.runs.cancelRun({ runId: first });
    expect((await api.ended(first)).state).toBe(RunState.CANCELED);
    const paused = await api.runWhen(second, "waits for a paused agent", waitsFor(WaitingReason.AGENTS_PAUSED));
    expect(paused).toMatchObject({ state: RunState.PLAN_QUEUED, plan: { epoch: 0n } });
    await api.clients.agents.resumeAgent({ agent: agent.name });
    await api.runIn(second, RunState.PLANNED);
  });

  test("for a grant that was taken back, and goes on when it is given again", async () => {
    const { api } = stage.server;
    const pool = await api.pool({ grants: ["granted-once"] });
    const agent = await stage.scene.agent(stage.server, { pool });
    const workspace = await api.workspace({ name: "granted-once", agentPool: pool });
    await api.upload(workspace, await stage.scene.configuration("hello"));
    await api.clients.pools.revokeWorkspaces({ agentPool: pool, workspaces: [workspace] });
    expect((await api.getWorkspace(workspace)).agentPool).toBe(pool);
    const id = await api.start(workspace);
    const run = await api.runWhen(id, "waits for a grant", waitsFor(WaitingReason.POOL_NOT_GRANTED));
    expect(run.waiting?.detail).toContain(pool);
    expect(agent.program.stderr()).not.toContain("job accepted");
    await api.clients.pools.grantWorkspaces({ agentPool: pool, workspaces: [workspace] });
    await api.runIn(id, RunState.PLANNED);
  });
});
