import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { RunState } from "../src/gen/windlass/v1/run_pb.ts";
import type { Check } from "../src/lib/checks/check.ts";
import type { Program } from "./support/programs.ts";
import { useStage } from "./support/stage.ts";
import { until } from "./support/until.ts";

const statusUrlOf = async (program: Program): Promise<string> =>
  (await program.says(/"url":"([^"]+)"[^\n]*metrics, \/healthz and \/readyz are served/))[1] ?? "";

/** The value of one series; undefined if there is none. */
async function sample(url: string, series: string): Promise<number | undefined> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const line = text.split("\n").find((each) => each.startsWith(`${series} `));
  return line === undefined ? undefined : Number(line.slice(series.length + 1));
}

describe("what watches over the programs", () => {
  const stage = useStage({ args: ["--metrics-listen", "127.0.0.1:0"] });

  test("sees a run from both sides, and what waits", async () => {
    const { scene, server } = stage;
    const { api } = server;
    const pool = await api.pool();
    const workspace = await api.workspace({ agentPool: pool });
    await api.upload(workspace, await scene.configuration("hello"));
    const ofServer = await statusUrlOf(server.program);
    const labels = `organization="default",pool="${pool}"`;
    const waiting = await api.start(workspace, { autoApply: true });
    expect(await sample(ofServer, `windlass_pool_jobs{${labels},state="queued"}`)).toBe(1);
    expect(await sample(ofServer, `windlass_pool_oldest_wait_seconds{${labels}}`)).toBeGreaterThanOrEqual(0);
    expect(await sample(ofServer, "windlass_connected_agents")).toBe(0);

    const agent = await scene.agent(server, { pool, args: ["--http-listen", "127.0.0.1:0"] });
    const ofAgent = await statusUrlOf(agent.program);
    expect((await api.ended(waiting)).state).toBe(RunState.APPLIED);
    expect(await sample(ofAgent, "windlass_agent_connected")).toBe(1);
    expect(await sample(ofServer, "windlass_connected_agents")).toBe(1);
    expect(await sample(ofServer, `windlass_pool_jobs{${labels},state="queued"}`)).toBe(0);
    for (const phase of ["plan", "apply"]) {
      const series = `windlass_job_seconds_count{phase="${phase}",status="finished"}`;
      await until(`the ${phase} is counted`, async () => (await sample(ofServer, series)) === 1);
      expect(await sample(ofServer, `windlass_job_wait_seconds_count{phase="${phase}"}`)).toBe(1);
    }
    expect(await sample(ofServer, "windlass_log_bytes_total")).toBeGreaterThan(100);
    const storage = (kind: string) => sample(ofServer, `windlass_storage_bytes{kind="${kind}"}`);
    expect(await storage("rows")).toBeGreaterThan(100_000);
    expect(await storage("logs")).toBeGreaterThan(16_000);
    expect(await sample(ofServer, 'windlass_storage_free_bytes{kind="rows"}')).toBeGreaterThanOrEqual(0);
    await until("objects are counted", async () => ((await storage("objects")) ?? 0) > 0);
    expect(await sample(ofServer, "windlass_objects")).toBeGreaterThan(0);
    expect(await sample(ofServer, "windlass_oldest_run_seconds")).toBeGreaterThan(0);
    const created = 'windlass_rpc_calls_total{method="windlass.v1.RunService/CreateRun",code="OK"}';
    expect(await sample(ofServer, created)).toBe(1);
  });

  test("hears that a program is ready, and why it is not", async () => {
    const { scene, server } = stage;
    const ofServer = await statusUrlOf(server.program);
    for (const path of ["healthz", "readyz"]) expect((await fetch(`${ofServer}/${path}`)).status).toBe(200);
    expect((await fetch(`${ofServer}/other`)).status).toBe(404);
    expect((await fetch(`${ofServer}/metrics`, { method: "POST" })).status).toBe(405);

    const agent = await scene.agent(server, { pool: await server.api.pool(), args: ["--http-listen", "127.0.0.1:0"] });
    const ofAgent = await statusUrlOf(agent.program);
    expect((await fetch(`${ofAgent}/readyz`)).status).toBe(200);
    await server.stop("SIGTERM");
    await until("the agent knows", async () => (await fetch(`${ofAgent}/readyz`)).status === 503);
    expect(await (await fetch(`${ofAgent}/readyz`)).text()).toBe("not connected\n");
    expect((await fetch(`${ofAgent}/healthz`)).status).toBe(200);
    await server.start();
    await until("the agent is back", async () => (await fetch(`${ofAgent}/readyz`)).status === 200);
    expect(await sample(ofAgent, "windlass_agent_streams")).toBe(2);
  });
});

describe("doctor of an agent", () => {
  const stage = useStage();

  test("finds everything that a connected agent needs, and what is wrong with a token", async () => {
    const { scene, server } = stage;
    const examine = async (token: string) => {
      const file = join(scene.directory, "doctor.token");
      await writeFile(file, token, { mode: 0o600 });
      const dataDir = join(scene.directory, "doctor-data");
      const call = ["doctor", "--address", server.url, "--token-file", file, "--data-dir", dataDir];
      const program = scene.start("windlass-agent", [...call, "--log-format", "json", "--min-free-disk", "1MiB"]);
      const { code } = await program.ended;
      const checks = JSON.parse(program.stdout()) as readonly Check[];
      return { code, of: (id: string) => checks.find((check) => check.id === id)?.status };
    };
    const { secret, id } = await server.api.token(await server.api.pool());
    const well = await examine(secret);
    expect(["tcp", "http2", "token", "engine", "data-dir"].map(well.of)).toEqual(["ok", "ok", "ok", "ok", "ok"]);
    expect(well.code).toBe(0);
    await server.api.clients.tokens.revokeAgentToken({ agentTokenId: id });
    const revoked = await examine(secret);
    expect(revoked.of("token")).toBe("fail");
    expect(revoked.code).toBe(1);
  });
});

describe("traces", () => {
  const spans: { readonly name: string; readonly traceId: string }[] = [];
  const collector = createServer((request, response) => {
    const pieces: Buffer[] = [];
    request.on("data", (piece: Buffer) => pieces.push(piece));
    request.on("end", () => {
      const { resourceSpans } = JSON.parse(Buffer.concat(pieces).toString()) as Exported;
      spans.push(...resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans)));
      response.end("{}");
    });
  });
  const stage = useStage();

  test("of a run's jobs are one trace, and calls are spans of their callers", async () => {
    collector.listen(0, "127.0.0.1");
    await once(collector, "listening");
    const { port } = collector.address() as AddressInfo;
    const server = await stage.scene.server({
      serverAgents: 1,
      env: { OTEL_BSP_SCHEDULE_DELAY: "100", OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}` },
    });
    stage.scene.defer(() => void collector.close());
    const { api } = server;
    const workspace = await api.workspace({});
    await api.upload(workspace, await stage.scene.configuration("hello"));
    const run = await api.ended(await api.start(workspace, { autoApply: true }));
    expect(run.state).toBe(RunState.APPLIED);
    const named = (name: string) => spans.filter((span) => span.name === name);
    await until("the apply was exported", () => named("apply").length > 0);
    const [plan, wait] = [named("plan")[0], named("wait for plan")[0]];
    expect(plan?.traceId).toBe(named("apply")[0]?.traceId);
    expect(wait?.traceId).toBe(plan?.traceId);
    expect(named("windlass.v1.RunService/CreateRun")).toHaveLength(1);
    collector.closeAllConnections();
  });
});

interface Exported {
  readonly resourceSpans: readonly {
    readonly scopeSpans: readonly { readonly spans: readonly { readonly name: string; readonly traceId: string }[] }[];
  }[];
}
