import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { RunPhase, RunState } from "../src/gen/windlass/v1/run_pb.ts";
import { hasPostgres } from "./postgres.ts";
import { hangingLine, type InitEngine, initConfiguration, makeInitEngine } from "./support/agent/init-engine.ts";
import { describeWithSandbox } from "./support/agent/sandbox-here.ts";
import type { TestAgent } from "./support/scene.ts";
import { type Stage, useStage } from "./support/stage.ts";
import { until } from "./support/until.ts";

interface Ground {
  readonly stage: Stage;
  readonly pool: () => string;
  readonly engine: () => InitEngine;
  readonly agent: () => TestAgent;
}

/** A server with an agent whose terraform has an init that does what it is told. */
function useGround(engineOfStorage: "sqlite" | "postgres", args: readonly string[] = []): Ground {
  const stage = useStage({ engine: engineOfStorage });
  const made: { pool?: string; engine?: InitEngine; agent?: TestAgent } = {};
  beforeAll(async () => {
    made.pool = await stage.server.api.pool();
    made.engine = await makeInitEngine(stage.scene.directory);
    const engineArgs = ["--engine-path", made.engine.path, ...args];
    made.agent = await stage.scene.agent(stage.server, { pool: made.pool, args: engineArgs });
  });
  const present = <T>(value: T | undefined): T => {
    if (value === undefined) throw new Error("the ground is made before the tests");
    return value;
  };
  return {
    stage,
    pool: () => present(made.pool),
    engine: () => present(made.engine),
    agent: () => present(made.agent),
  };
}

async function write(directory: string, files: Readonly<Record<string, string>>): Promise<string> {
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(directory, name)), { recursive: true });
    await writeFile(join(directory, name), content);
  }
  return directory;
}

let count = 0;

async function workspaceOn({ stage, pool }: Ground, settings: object = {}): Promise<string> {
  const workspace = await stage.server.api.workspace({ agentPool: pool(), ...settings });
  const directory = await write(join(stage.scene.directory, `init-${++count}`), initConfiguration);
  await stage.server.api.upload(workspace, directory);
  return workspace;
}

const rules = (ground: Ground) => {
  const { stage } = ground;
  const logOf = async (id: string, phase: RunPhase) => (await stage.server.api.log(id, phase, false)).text;
  const hangs = (id: string, phase: RunPhase) =>
    until("its init hangs", async () => (await logOf(id, phase)).includes(hangingLine), { deadlineMs: 40_000 });

  test("a canceled init ends within seconds, in a plan and in an apply, and the workspace is free", async () => {
    const { api } = stage.server;
    const workspace = await workspaceOn(ground);
    await ground.engine().behave("hangs");
    const plan = await api.start(workspace);
    await hangs(plan, RunPhase.PLAN);
    const canceledAt = performance.now();
    await api.clients.runs.cancelRun({ runId: plan });
    expect(await api.ended(plan)).toMatchObject({ state: RunState.CANCELED });
    expect(performance.now() - canceledAt).toBeLessThan(20_000);
    await ground.engine().behave("works");
    const planned = await api.planned(workspace);
    await ground.engine().behave("hangs");
    await api.confirm(planned.id);
    await hangs(planned.id, RunPhase.APPLY);
    await api.clients.runs.cancelRun({ runId: planned.id });
    expect(await api.ended(planned.id)).toMatchObject({ state: RunState.CANCELED, resourcesInFlight: [] });
    expect((await api.getWorkspace(workspace)).lock).toBeUndefined();
    await ground.engine().behave("works");
  });

  test("an init that is over its workspace's limit ends the plan with what it waited for", async () => {
    const { api } = stage.server;
    const workspace = await workspaceOn(ground, { initTimeout: { seconds: 2n } });
    await ground.engine().behave("hangs");
    const run = await api.ended(await api.start(workspace));
    await ground.engine().behave("works");
    expect(run.state).toBe(RunState.ERRORED);
    expect(run.errorMessage).toContain(
      "terraform init did not end in 2s: it waited for the download of provider hashicorp/random 3.9.0",
    );
  });

  test("a confirmed plan whose apply's init failed is confirmed again, and applied", async () => {
    const { api } = stage.server;
    const workspace = await workspaceOn(ground);
    const { id, planSha256 } = await api.planned(workspace);
    await ground.engine().behave("fails");
    await api.confirm(id);
    await until("it waits again", async () => (await api.run(id)).errorMessage !== "", { deadlineMs: 40_000 });
    const again = await api.run(id);
    expect(again).toMatchObject({ state: RunState.PLANNED, planSha256 });
    expect(again.waiting?.detail).toContain("confirm it again, or discard it");
    expect(await logOf(id, RunPhase.APPLY)).toContain("Failed to query available provider packages");
    const shown = await stage.scene.cli(stage.server, ["run", "get", id]);
    expect(shown.stdout).toContain("the apply did not start");
    await ground.engine().behave("works");
    const { code } = await stage.scene.cli(stage.server, ["run", "confirm", id]);
    expect(code).toBe(0);
    expect(await api.ended(id)).toMatchObject({ state: RunState.APPLIED, errorMessage: "" });
    expect(await logOf(id, RunPhase.APPLY)).toContain("Apply complete!");
    expect((await api.state(workspace)).resources).toHaveLength(1);
  });

  test("--yes confirms a plan once: an apply that did not start ends the run, and the workspace is free", async () => {
    const { api } = stage.server;
    const workspace = await workspaceOn(ground);
    await ground.engine().behave("fails-apply");
    const argv = ["run", "start", workspace, "--cv", "latest", "--yes"];
    const { code, stdout, stderr } = await stage.scene.cli(stage.server, argv);
    await ground.engine().behave("works");
    expect([code, stderr]).toEqual([6, expect.stringContaining("the apply did not start, and nothing was changed")]);
    expect(stdout.match(/Error: Failed to query available provider packages/g)).toHaveLength(1);
    const { runs } = await api.clients.runs.listRuns({ workspace });
    expect(runs.map(({ state }) => state)).toEqual([RunState.DISCARDED]);
    expect((await api.getWorkspace(workspace)).lock).toBeUndefined();
  });

  test("a client that follows shows the log of each apply", async () => {
    const { api } = stage.server;
    const workspace = await workspaceOn(ground);
    await ground.engine().behave("fails-apply");
    const follower = stage.scene.startCli(stage.server, ["run", "start", workspace, "--cv", "latest"]);
    await follower.says(/waits until somebody decides/);
    const { runs } = await api.clients.runs.listRuns({ workspace });
    const id = runs[0]?.id ?? "";
    await api.confirm(id);
    await until("it waits again", async () => (await api.run(id)).errorMessage !== "", { deadlineMs: 40_000 });
    await ground.engine().behave("works");
    await api.confirm(id);
    expect((await follower.ended).code).toBe(0);
    const log = follower.stdout();
    expect(log.indexOf("Failed to query available provider packages")).toBeGreaterThan(0);
    expect(log.indexOf("Apply complete!")).toBeGreaterThan(log.indexOf("Failed to query available provider packages"));
  });
};

describe("init, on SQLite", () => {
  const ground = useGround("sqlite");
  rules(ground);

  test("an agent that is killed while an init hangs takes it up again, and its log is whole", async () => {
    const { api } = ground.stage.server;
    const workspace = await workspaceOn(ground);
    await ground.engine().behave("hangs");
    const id = await api.start(workspace);
    const text = async () => (await api.log(id, RunPhase.PLAN, false)).text;
    await until("its init hangs", async () => (await text()).includes(hangingLine), { deadlineMs: 40_000 });
    const notices = async () => (await text()).match(/Windlass: terraform init has printed nothing for/g)?.length ?? 0;
    await until("the log says so", async () => (await notices()) > 0, { deadlineMs: 40_000 });
    const before = await notices();
    await ground.agent().stop("SIGKILL");
    const starting = ground.agent().start();
    await until("the next agent says so too", async () => (await notices()) > before, { deadlineMs: 60_000 });
    await ground.engine().behave("works");
    await starting;
    const run = await api.runIn(id, RunState.PLANNED);
    expect(run).toMatchObject({ errorMessage: "", plan: { epoch: 1n, logComplete: true } });
    await api.clients.runs.discardRun({ runId: id });
  });
});

describe.skipIf(!hasPostgres)("init, on PostgreSQL", () => {
  rules(useGround("postgres"));
});

describeWithSandbox("init, in a sandbox", () => {
  const stage = useStage();

  test("a hanging one ends when its time is over", async () => {
    const { api } = stage.server;
    const pool = await api.pool();
    const engine = await makeInitEngine(stage.scene.directory);
    await stage.scene.agent(stage.server, { pool, sandbox: "auto", args: ["--engine-path", engine.path] });
    const workspace = await api.workspace({ agentPool: pool, initTimeout: { seconds: 2n } });
    const files = { ...initConfiguration, "init-manner": "hangs" };
    await api.upload(workspace, await write(join(stage.scene.directory, "sandboxed"), files));
    const run = await api.ended(await api.start(workspace));
    expect(run.errorMessage).toContain("it waited for the download of provider hashicorp/random 3.9.0");
  });
});
