import { beforeAll, describe, expect, test } from "vitest";
import { RunPhase, RunState } from "../src/gen/windlass/v1/run_pb.ts";
import { type CountingEngine, countingEngine } from "./support/engine.ts";
import { processesIn } from "./support/leftovers.ts";
import type { TestAgent } from "./support/scene.ts";
import { slowLines } from "./support/slow-lines.ts";
import { useStage } from "./support/stage.ts";
import { until } from "./support/until.ts";

describe("an agent that is started again", () => {
  const stage = useStage();
  let pool = "";
  let agent: TestAgent;
  let engine: CountingEngine;

  beforeAll(async () => {
    pool = await stage.server.api.pool();
    engine = await countingEngine(stage.scene.directory);
    agent = await stage.scene.agent(stage.server, { pool, args: engine.args });
  });

  const shellsOf = (agent: TestAgent) => processesIn(`${agent.dataDir}/jobs`);

  test.each(["SIGTERM", "SIGKILL"] as const)("after %s between plan and apply: it applies the plan", async (signal) => {
    const { api } = stage.server;
    const workspace = await api.workspace({ agentPool: pool });
    await api.upload(workspace, await stage.scene.configuration("place"));
    const planned = await api.planned(workspace);
    expect(planned.state).toBe(RunState.PLANNED);
    const { id } = (await api.clients.agents.getAgent({ agent: agent.name })).agent ?? {};
    const ending = await agent.stop(signal);
    expect(ending).toEqual(signal === "SIGTERM" ? { code: 0, signal: null } : { code: null, signal });
    await agent.start();
    await api.confirm(planned.id);
    expect(await api.ended(planned.id)).toMatchObject({ state: RunState.APPLIED, errorMessage: "" });
    expect((await api.clients.agents.getAgent({ agent: agent.name })).agent?.id).toBe(id);
  });

  test.each([
    ["while terraform goes on", false],
    ["after terraform has ended", true],
  ])("after SIGKILL in mid-apply, %s: nothing is lost and terraform runs once", async (_, waitsForTerraform) => {
    const { api } = stage.server;
    const before = (await engine.executions("apply")).length;
    const workspace = await api.workspace({ agentPool: pool });
    await api.upload(workspace, await stage.scene.configuration("slow"));
    const seconds = waitsForTerraform ? 3 : 5;
    const id = await api.start(workspace, {
      autoApply: true,
      variables: [
        { key: "seconds", value: String(seconds), hcl: true },
        { key: "workers", value: "1", hcl: true },
      ],
    });
    const shows = async (text: string) => (await api.log(id, RunPhase.APPLY, false)).text.includes(text);
    await until("terraform prints", () => shows("second 2 of"), { deadlineMs: 40_000 });
    await agent.stop("SIGKILL");
    expect(shellsOf(agent).length).toBeGreaterThan(0);
    if (waitsForTerraform) await until("terraform has ended", () => shellsOf(agent).length === 0);
    await agent.start();
    const run = await api.ended(id);
    expect(run).toMatchObject({ state: RunState.APPLIED, errorMessage: "", apply: { epoch: 1n, logComplete: true } });
    const { text, missingBytes } = await api.log(id, RunPhase.APPLY);
    expect(missingBytes).toBe(0);
    expect(slowLines(text, 0)).toEqual(Array.from({ length: seconds }, (_, index) => index + 1));
    expect(text.match(/Apply complete!/g)).toHaveLength(1);
    expect((await engine.executions("apply")).length - before).toBe(1);
    expect((await api.state(workspace)).resources[0]?.instances).toHaveLength(1);
  });

  test("after SIGTERM in mid-apply it finishes first", async () => {
    const { api } = stage.server;
    const workspace = await api.workspace({ agentPool: pool });
    await api.upload(workspace, await stage.scene.configuration("slow"));
    const options = { autoApply: true, variables: [{ key: "seconds", value: "2", hcl: true }] };
    const id = await api.start(workspace, options);
    await api.runIn(id, RunState.APPLYING);
    expect(await agent.stop("SIGTERM")).toEqual({ code: 0, signal: null });
    expect(await api.run(id)).toMatchObject({ state: RunState.APPLIED, apply: { logComplete: true } });
    await agent.start();
  });
});
