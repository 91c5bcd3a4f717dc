/** Two servers on one PostgreSQL: it does not matter which of them anybody asks. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { createClient, type Interceptor } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { beforeAll, describe, expect, test } from "vitest";
import { AgentStatus } from "../../src/gen/windlass/v1/agent_pb.ts";
import { EventService, type WatchEventsResponse } from "../../src/gen/windlass/v1/event_service_pb.ts";
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
const args = [...timing, "--metrics-listen", "127.0.0.1:0"];

/** Clients of services that few tests use, until the signal is aborted. */
function eventsOf({ url }: Pick<TestServer, "url">, token: string, signal: AbortSignal) {
  const sessionManager = new Http2SessionManager(url);
  signal.addEventListener("abort", () => sessionManager.abort(), { once: true });
  const bearer: Interceptor = (next) => (request) => {
    request.header.set("authorization", `Bearer ${token}`);
    return next(request);
  };
  return createClient(EventService, createGrpcTransport({ baseUrl: url, sessionManager, interceptors: [bearer] }));
}

const adminToken = async ({ adminTokenFile }: TestServer) => (await readFile(adminTokenFile, "utf8")).trim();

describe.skipIf(!hasPostgres)("two servers on one database", () => {
  const stage = useStage({ engine: "postgres", args });
  let other: TestServer;
  let front: Relay;
  let agent: TestAgent;
  let pool = "";
  let workspace = "";

  beforeAll(async () => {
    const { scene, server } = stage;
    other = await scene.server({ beside: server, args });
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

  test("windlass status and the metrics of each show both", async () => {
    const { scene, server } = stage;
    for (const one of [server, other]) {
      const told = await scene.cli(one, ["status", "-o", "json"]);
      const { replicas } = JSON.parse(told.stdout);
      expect(replicas).toHaveLength(2);
      const states = replicas.map((row: { state: string }) => row.state);
      expect(states).toEqual(["REPLICA_STATE_ALIVE", "REPLICA_STATE_ALIVE"]);
      const port = (url: string) => new URL(url).port;
      const ports = replicas.map(({ address }: { address: string }) => address.split(":").at(-1));
      expect(ports.toSorted()).toEqual([port(server.url), port(other.url)].toSorted());
      const asked = replicas.find((row: { answers: boolean }) => row.answers);
      expect(asked.address).toContain(`:${port(one.url)}`);
    }
    for (const { program } of [server, other]) {
      const [, at = ""] = await program.says(/"url":"([^"]+)"[^\n]*metrics, \/healthz/);
      expect(await (await fetch(`${at}/metrics`)).text()).toContain('windlass_replicas{state="alive"} 2');
    }
    const { stdout } = await scene.cli(server, ["status"]);
    expect(stdout).toMatch(/^Replicas: +2$/m);
    expect(stdout).toMatch(/^REPLICA +ADDRESS/m);
  });

  test("why a run waits is the same at both, whichever of them its agents are connected to", async () => {
    const { scene, server } = stage;
    const bound = await server.api.workspace({ agentPool: pool, agentSelector: "zone=mars" });
    await server.api.upload(bound, await scene.configuration("hello"));
    const id = await server.api.start(bound);
    const why = async ({ api }: TestServer) => {
      const { waiting } = await api.runWhen(id, "tells why it waits", (run) =>
        (run.waiting?.detail ?? "").includes(agent.name),
      );
      return [waiting?.reason, waiting?.detail];
    };
    expect(await why(server)).toEqual(await why(other));
    await server.api.clients.runs.cancelRun({ runId: id });
  });

  test("who watches events at one is told of what is done at the other; its cursor is of no use there", async () => {
    const { server } = stage;
    const over = new AbortController();
    const stream = eventsOf(server, await adminToken(server), over.signal)
      .watchEvents({})
      [Symbol.asyncIterator]();
    const begin = (await stream.next()).value;
    const name = await other.api.workspace({});
    const namesOf = (answer: WatchEventsResponse | undefined): readonly string[] =>
      answer?.events.flatMap(({ subject }) => (subject.case === "workspace" ? [subject.value.name] : [])) ?? [];
    for (let told = await stream.next(); !namesOf(told.value).includes(name); told = await stream.next())
      expect(told.done).toBe(false);
    const elsewhere = eventsOf(other, await adminToken(server), over.signal);
    const late = elsewhere.watchEvents({ cursor: begin?.cursor ?? "" })[Symbol.asyncIterator]();
    await expect(late.next()).rejects.toThrow("not known any more");
    over.abort();
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
