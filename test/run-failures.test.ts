import { rename } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { type Run, RunPhase, RunState, WaitingReason } from "../src/gen/windlass/v1/run_pb.ts";
import { ExecutionMode } from "../src/gen/windlass/v1/workspace_pb.ts";
import { refusalOf } from "./support/api.ts";
import { countingEngine } from "./support/engine.ts";
import { useStage } from "./support/stage.ts";

const lacksEngine = ({ waiting }: Run): boolean => waiting?.reason === WaitingReason.NO_AGENT_WITH_ENGINE;

describe("runs that fail", () => {
  const stage = useStage();
  let pool = "";

  beforeAll(async () => {
    pool = await stage.server.api.pool();
    await stage.scene.agent(stage.server, { pool, concurrency: 2, sandbox: "auto" });
  });

  async function workspaceWith(configuration: string): Promise<string> {
    const { api } = stage.server;
    const workspace = await api.workspace({ agentPool: pool });
    await api.upload(workspace, await stage.scene.configuration(configuration));
    return workspace;
  }

  test("a configuration that does not parse: the error is in the log, and the run says where to look", async () => {
    const { api } = stage.server;
    const workspace = await workspaceWith("syntax-error");
    const run = await api.applied(workspace);
    expect(run).toMatchObject({ state: RunState.ERRORED, plan: { exitCode: 1 } });
    expect(run.errorMessage).toMatch(/terraform (init|plan) failed: .+ \(exit code 1\): see the log/);
    const { text } = await api.log(run.id, RunPhase.PLAN);
    expect(text).toContain("Error: Invalid multi-line string");
    expect(text).toContain("on main.tf line 2");
    expect(run.apply).toBeUndefined();
    expect((await api.getWorkspace(workspace)).lock).toBeUndefined();
  });

  test("an apply that fails half-way: what it made is in the state, and the next run finishes", async () => {
    const { api } = stage.server;
    const workspace = await workspaceWith("failing-halfway");
    const failed = await api.applied(workspace);
    expect(failed).toMatchObject({ state: RunState.ERRORED, apply: { exitCode: 1, logComplete: true } });
    expect(failed.errorMessage).toContain("exit code 1");
    const { text } = await api.log(failed.id, RunPhase.APPLY);
    expect(text).toContain("terraform_data.bad (local-exec): reason: disk on fire");
    expect(text).toContain("Error: local-exec provisioner error");
    const good = (await api.state(workspace)).resources.find((resource) => resource.name === "good");
    expect(good?.instances).toHaveLength(5);
    expect((await api.getWorkspace(workspace)).lock).toBeUndefined();

    const finished = await api.applied(workspace, { variables: [{ key: "fail", value: "false", hcl: true }] });
    expect(finished.state).toBe(RunState.APPLIED);
    expect(await api.outputs(workspace)).toEqual({ reached: ["never 0", "never 1", "never 2"] });
  });

  test("a working directory that the configuration does not have is named", async () => {
    const { api } = stage.server;
    const workspace = await api.workspace({ agentPool: pool, workingDirectory: "nowhere" });
    await api.upload(workspace, await stage.scene.configuration("hello"));
    const run = await api.applied(workspace);
    expect(run.state).toBe(RunState.ERRORED);
    expect(run.errorMessage).toContain('"nowhere"');
  });

  test("a version of terraform that no agent has is waited for, and named with the one there is", async () => {
    const { api } = stage.server;
    const workspace = await api.workspace({ agentPool: pool, engineVersion: "~> 0.12.0" });
    await api.upload(workspace, await stage.scene.configuration("hello"));
    const id = await api.start(workspace, { autoApply: true });
    const run = await api.runWhen(id, "waits for the version", lacksEngine);
    expect(run.waiting?.detail).toContain("has terraform ~> 0.12.0, or may download it");
    expect(run.waiting?.detail).toMatch(/has terraform 1\.\d+\.\d+/);
    const shown = await stage.scene.cli(stage.server, ["agent", "list", "--pool", pool]);
    expect(shown.stdout).toMatch(/ENGINES.*\n.*terraform 1\.\d+\.\d+/);
    await api.clients.runs.cancelRun({ runId: id });
  });

  test("a run waits while its only agent lacks terraform, and goes on when it is there", async () => {
    const { api } = stage.server;
    const empty = await api.pool();
    const engine = join(stage.scene.directory, "no-terraform");
    const agent = await stage.scene.agent(stage.server, {
      pool: empty,
      args: ["--engine-path", engine],
    });
    const workspace = await api.workspace({ agentPool: empty });
    await api.upload(workspace, await stage.scene.configuration("hello"));
    const id = await api.start(workspace, { autoApply: true });
    const run = await api.runWhen(id, "waits for terraform", lacksEngine);
    expect(run.waiting?.detail).toContain(`${agent.name} has `);
    await agent.program.says(/no-terraform is not a program that can be run/);

    const { path } = await countingEngine(stage.scene.directory);
    await rename(path, engine);
    const applied = await api.ended(id);
    expect(applied).toMatchObject({ state: RunState.APPLIED, engine: "terraform" });
    expect(applied.engineVersion).toMatch(/^1\.\d+\.\d+/);
    expect(agent.program.isRunning).toBe(true);
  });

  test("a workspace in local mode refuses runs and says why", async () => {
    const { api } = stage.server;
    const workspace = await api.workspace({ executionMode: ExecutionMode.LOCAL });
    await api.upload(workspace, await stage.scene.configuration("hello"));
    const refusal = await refusalOf(api.start(workspace));
    expect(refusal).toMatchObject({
      reason: "EXECUTION_MODE_LOCAL",
      code: "FailedPrecondition",
      metadata: { workspace },
    });
    expect(refusal.message).toContain("execution mode");
  });

  test("a workspace without a configuration refuses runs and says what to do", async () => {
    const { api } = stage.server;
    const refusal = await refusalOf(api.start(await api.workspace({ agentPool: pool })));
    expect(refusal).toMatchObject({ reason: "VALIDATION", code: "InvalidArgument" });
    expect(refusal.message).toContain("upload");
  });
});
