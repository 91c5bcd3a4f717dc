/** Two servers on one PostgreSQL: it does not matter which of them anybody asks. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { AgentStatus } from "../../src/gen/windlass/v1/agent_pb.ts";
import { RunPhase, RunState } from "../../src/gen/windlass/v1/run_pb.ts";
import { hasPostgres } from "../postgres.ts";
import { processesIn } from "../support/leftovers.ts";
import { Relay } from "../support/relay.ts";
import type { TestAgent, TestServer } from "../support/scene.ts";
import { useStage } from "../support/stage.ts";
import { until } from "../support/until.ts";
import { windlassd } from "../support/windlassd.ts";

/** What heartbeats would tell comes late: what comes in time has come by a notice, or by a look at the rows. */
const timing = ["--heartbeat-interval", "20s", "--agent-unknown-after", "60s", "--shutdown-timeout", "2s"];

describe.skipIf(!hasPostgres)("two servers on one database", () => {
  const stage = useStage({ engine: "postgres", args: timing });
  let other: TestServer;
  let front: Relay;
  let agent: TestAgent;
  let pool = "";
  let workspace = "";

  beforeAll(async () => {
    const { scene, server } = stage;
    other = await scene.server({ beside: server, args: timing });
    front = await Relay.open(other.url);
    scene.defer(() => front[Symbol.asyncDispose]());
    pool = await server.api.pool();
    agent = await scene.agent({ ...other, url: front.url }, { pool });
    workspace = await server.api.workspace({ agentPool: pool });
    await server.api.upload(workspace, await scene.configuration("slow"));
  });

  const slowRun = (seconds: number) =>
    stage.server.api.start(workspace, {
      autoApply: true,
      variables: [
        { key: "seconds", value: String(seconds), hcl: true },
        { key: "run", value: JSON.stringify(`${seconds}-${Math.random()}`), hcl: true },
      ],
    });

  test("they know each other", async () => {
    const { server } = stage;
    await server.program.says(/another replica serves this database/);
    await other.program.says(/another replica serves this database/);
  });

  test("a run that is started, watched and followed at one is done by an agent of the other", async () => {
    const { api } = stage.server;
    const id = await slowRun(2);
    const states: RunState[] = [];
    const watching = (async () => {
      for await (const { run } of api.clients.runs.watchRun({ runId: id }))
        if (run !== undefined) states.push(run.state);
    })();
    const { text } = await api.log(id, RunPhase.APPLY);
    expect(text).toContain("second 2 of 2");
    await watching;
    expect(states).toContain(RunState.APPLYING);
    expect(states.at(-1)).toBe(RunState.APPLIED);
    expect((await other.api.run(id)).state).toBe(RunState.APPLIED);
  });

  test("a run is canceled at one, and the agent of the other hears of it long before its next heartbeat", async () => {
    const id = await slowRun(300);
    const { api } = stage.server;
    await until("terraform prints", async () =>
      (await api.log(id, RunPhase.APPLY, false)).text.includes("second 1 of"),
    );
    const begin = performance.now();
    await api.clients.runs.cancelRun({ runId: id });
    const run = await api.ended(id);
    expect(run.state).toBe(RunState.CANCELED);
    expect(performance.now() - begin).toBeLessThan(15_000);
  });

  test("an agent that is paused at one takes no jobs of the other", async () => {
    const { api } = stage.server;
    await api.clients.agents.pauseAgent({ agent: agent.name, reason: "look" });
    const id = await slowRun(1);
    await other.api.runWhen(id, "waits", (run) => run.waiting !== undefined);
    await api.clients.agents.resumeAgent({ agent: agent.name });
    await api.runIn(id, RunState.APPLIED);
  });

  test("commands that need the database alone are refused while one of them lives", async () => {
    const { scene, server } = stage;
    await server.stop("SIGTERM");
    const args = ["rotate-key", "--data-dir", server.dataDir, "--database-url", server.databaseUrl ?? ""];
    expect(await windlassd(scene, args)).toMatchObject({
      code: 5,
      stderr: expect.stringContaining("another windlassd serves this database"),
    });
    await server.start();
  });

  test("a server with another master key is refused", async () => {
    const { scene, server } = stage;
    const args = ["--data-dir", join(scene.directory, "stranger"), "--listen", "127.0.0.1:0"];
    const env = { WINDLASS_MASTER_KEY: "ab".repeat(32) };
    const stranger = scene.start("windlassd", [...args, "--database-url", server.databaseUrl ?? ""], env);
    expect(await stranger.ended).toMatchObject({ code: 2 });
    expect(stranger.stderr()).toContain("is not the one of this database");
    const key = (await readFile(join(server.dataDir, "master.key"), "utf8")).trim();
    expect(stranger.stderr()).not.toContain(key);
  });

  test("one that is killed while a job runs on its agent costs a reconnection: the job goes on at the other", async () => {
    const { server } = stage;
    const id = await slowRun(12);
    await until("terraform prints", async () =>
      (await server.api.log(id, RunPhase.APPLY, false)).text.includes("second 1 of"),
    );
    front.aim(server.url);
    await other.stop("SIGKILL");
    const run = await server.api.ended(id);
    expect(run.state).toBe(RunState.APPLIED);
    const { text, missingBytes } = await server.api.log(id, RunPhase.APPLY);
    expect(text).toContain("second 12 of 12");
    expect(missingBytes).toBe(0);
    expect(processesIn(`${agent.dataDir}/jobs`)).toEqual([]);
    await server.api.agentWhen(agent.name, AgentStatus.IDLE);
    await server.program.says(/a replica is gone/);
  });
});
