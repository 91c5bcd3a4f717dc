import { describe, expect, test } from "vitest";
import { AgentStatus } from "../src/gen/windlass/v1/agent_pb.ts";
import { RunState, WaitingReason } from "../src/gen/windlass/v1/run_pb.ts";
import { refusalOf } from "./support/api.ts";
import { useStage } from "./support/stage.ts";
import { until } from "./support/until.ts";

describe("agents of one pool", () => {
  const stage = useStage({ args: ["--heartbeat-interval", "1s"] });

  test("get the jobs that their labels match; while none matches, the run and the queue say so", async () => {
    const { scene, server } = stage;
    const { api } = server;
    const pool = await api.pool();
    const west = await scene.agent(server, { pool, args: ["--labels", "zone=b"] });
    const workspace = await api.workspace({ agentPool: pool, agentSelector: "zone=a,gpu" });
    await api.upload(workspace, await scene.configuration("hello"));
    const id = await api.start(workspace, { autoApply: true });
    const isStalled = ({ waiting }: Awaited<ReturnType<typeof api.run>>) =>
      waiting?.reason === WaitingReason.NO_MATCHING_AGENT;
    const stalled = await api.runWhen(id, "waits for an agent that matches", isStalled);
    expect(stalled.waiting?.detail).toContain(`matches the selector "zone=a,gpu"`);
    expect(stalled.waiting?.detail).toContain(`${west.name} (arch=`);

    const queue = await scene.cli(server, ["pool", "queue", pool]);
    expect(queue.stdout).toMatch(new RegExp(`1 +${id} +${workspace} +plan +normal .*no matching agent`));
    const overview = await scene.cli(server, ["pool", "get", pool]);
    expect(overview.stdout).toContain(west.name);
    expect(overview.stdout).toContain("no matching agent");

    const east = await scene.agent(server, { pool, args: ["--labels", "zone=a,gpu"] });
    const agentName = east.name;
    expect(await api.ended(id)).toMatchObject({ state: RunState.APPLIED, plan: { agentName }, apply: { agentName } });
    const found = await scene.cli(server, ["agent", "list", "--selector", "zone=a,os=linux", "-o", "name"]);
    expect(found.stdout).toBe(`agent/${east.name}\n`);
    const jobs = await scene.cli(server, ["agent", "jobs", east.name]);
    expect(jobs.stdout).toMatch(new RegExp(`${id} +${workspace} +apply +finished`));
    const bad = await refusalOf(
      api.clients.workspaces.updateWorkspace({
        workspace,
        changes: { agentSelector: "zone=a,b c" },
        updateMask: { paths: ["agent_selector"] },
      }),
    );
    expect(bad).toMatchObject({ reason: "VALIDATION", message: expect.stringContaining('"b c"') });
  });

  test("take plans or applies only, and leave after one job, as they were told", async () => {
    const { scene, server } = stage;
    const { api } = server;
    const pool = await api.pool();
    const planner = await scene.agent(server, { pool, args: ["--accept", "plan"] });
    const workspace = await api.workspace({ agentPool: pool });
    await api.upload(workspace, await scene.configuration("hello"));
    const planned = await api.planned(workspace);
    await api.confirm(planned.id);
    const isStalled = ({ waiting }: typeof planned) => waiting?.reason === WaitingReason.NO_MATCHING_AGENT;
    const stalled = await api.runWhen(planned.id, "waits for an agent that applies", isStalled);
    expect(stalled.waiting?.detail).toContain("takes applies");
    const applier = await scene.agent(server, { pool, args: ["--accept", "apply", "--single"] });
    expect(await api.ended(planned.id)).toMatchObject({
      state: RunState.APPLIED,
      plan: { agentName: planner.name },
      apply: { agentName: applier.name },
    });
    expect(await applier.program.ended).toEqual({ code: 0, signal: null });
    expect(applier.program.stderr()).toContain("it takes one job");
  });

  test("that have nothing to do leave after their time", async () => {
    const { scene, server } = stage;
    const agent = await scene.agent(server, { pool: await server.api.pool(), args: ["--idle-timeout", "1s"] });
    expect(await agent.program.ended).toEqual({ code: 0, signal: null });
    await server.api.agentWhen(agent.name, AgentStatus.EXITED);
  });

  test("go on with a rotated token for the overlap, and end then; the new one admits others", async () => {
    const { scene, server } = stage;
    const { api } = server;
    const pool = await api.pool();
    const { id, secret } = await api.token(pool);
    const before = await scene.agent(server, { pool, token: secret });
    const rotated = await scene.cli(server, ["token", "rotate", id, "--grace", "20s"]);
    expect(rotated, rotated.stderr).toMatchObject({ code: 0 });
    expect(rotated.stdout).toMatch(/^wdl_agt_\w+\n$/);
    expect(rotated.stderr).toContain(before.name);
    expect(rotated.stderr).not.toContain(rotated.stdout.trim());
    const after = await scene.agent(server, { pool, token: rotated.stdout.trim() });
    expect(before.program.isRunning).toBe(true);
    expect(await before.program.ended).toEqual({ code: 4, signal: null });
    expect(after.program.isRunning).toBe(true);
    const { agentTokens } = await api.clients.tokens.listAgentTokens({ agentPool: pool });
    expect(agentTokens.map(({ active, replacedBy }) => [active, replacedBy !== ""])).toEqual([
      [true, false],
      [false, true],
    ]);
    expect(agentTokens[0]?.agents).toEqual([after.name]);
    const again = await refusalOf(api.clients.tokens.rotateAgentToken({ agentTokenId: id }));
    expect(again).toMatchObject({ reason: "NOT_ROTATABLE", metadata: { id } });
    const listed = await scene.cli(server, ["token", "list", "--pool", pool]);
    expect(listed.stdout).toMatch(new RegExp(`active .* ${after.name}`));
  });

  test("are watched: each change is a line, the reason of a pause is shown, and Ctrl-C ends it", async () => {
    const { scene, server } = stage;
    const { api } = server;
    const pool = await api.pool();
    const watching = scene.startCli(server, ["agent", "watch", "--pool", pool]);
    const messages = scene.startCli(server, ["agent", "list", "--watch", "--pool", pool, "-o", "jsonl"]);
    await messages.says(/\{"agents":\[\]/);
    const agent = await scene.agent(server, { pool });
    await watching.says(new RegExp(`${agent.name} of pool ${pool}: idle, 0 of 1 job`));
    const paused = await scene.cli(server, ["agent", "pause", agent.name, "--reason", "new disk"]);
    expect(paused, paused.stderr).toMatchObject({ code: 0 });
    await watching.says(new RegExp(`${agent.name} of pool ${pool}: idle, paused`));
    await messages.says(/"reason":"new disk"/);
    const { agents } = await api.clients.agents.listAgents({ agentPool: pool });
    expect(agents[0]).toMatchObject({ reason: "new disk", connectedTo: expect.stringMatching(/./) });
    await agent.stop("SIGTERM");
    await watching.says(new RegExp(`${agent.name} is gone`));
    for (const program of [watching, messages]) {
      program.signal("SIGINT");
      expect(await program.ended).toMatchObject({ code: 130 });
    }
    await until("the agent is connected to nobody", async () => {
      const { agents: left } = await api.clients.agents.listAgents({ agentPool: pool, includeExited: true });
      return left[0]?.connectedTo === "";
    });
  });

  test("a grant of a name that is none yet is made, and the mistake it may be is told", async () => {
    const { scene, server } = stage;
    const pool = await server.api.pool({ grants: [] });
    const workspace = await server.api.workspace();
    const granted = await scene.cli(server, ["pool", "grant", pool, workspace, "netwrok"]);
    expect(granted).toMatchObject({ code: 0 });
    expect(granted.stderr).toContain("there is no workspace of this name yet: netwrok");
    expect(granted.stderr).not.toContain(`yet: ${workspace}`);
    const assigned = await scene.cli(server, ["pool", "assign", pool, workspace]);
    expect(assigned, assigned.stderr).toMatchObject({ code: 0 });
    expect(await server.api.getWorkspace(workspace)).toMatchObject({ agentPool: pool });
    const taken = await scene.cli(server, ["pool", "unassign", workspace]);
    expect(taken, taken.stderr).toMatchObject({ code: 0 });
    expect(await server.api.getWorkspace(workspace)).toMatchObject({ agentPool: "" });
    const stats = await scene.cli(server, ["pool", "stats", pool, "-o", "json"]);
    expect(JSON.parse(stats.stdout)).toMatchObject({ idleAgents: 0, capacity: 0 });
  });
});
