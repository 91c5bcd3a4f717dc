/**
 * Three servers on one database are restarted one after the other. The long form:
 * `WINDLASS_ROLLING=1000,50 npx vitest run test/replicas/rolling-restart.test.ts`: so many simulated agents, so many jobs.
 */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { type RunningAgent, startAgent } from "../../src/agent/agent.ts";
import { serverRoute } from "../../src/agent/contract/server-route.ts";
import { RunState } from "../../src/gen/windlass/v1/run_pb.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { readEnvironment } from "../../src/lib/environment.ts";
import { createGrpcTransports } from "../../src/lib/grpc/transport.ts";
import { silentLog } from "../../src/lib/program/log.ts";
import { systemRandom } from "../../src/lib/random.ts";
import { Endpoints } from "../../src/lib/way/endpoints.ts";
import type { SeveralTransport } from "../../src/lib/way/several.ts";
import type { Cluster } from "../faults/cluster.ts";
import { FakeEngine } from "../faults/fake-plan.ts";
import { expectPromisesKept, fakePlan, startFakeRun, untilApplying } from "../faults/fake-runs.ts";
import type { FaultRun } from "../faults/fault-run.ts";
import { Member } from "../faults/member.ts";
import { hasPostgres } from "../postgres.ts";
import { freshName } from "../support/api.ts";
import type { Scene, TestServer } from "../support/scene.ts";
import { useStage } from "../support/stage.ts";
import { until } from "../support/until.ts";

const [simulated = 20, jobs = 6] = (readEnvironment().WINDLASS_ROLLING ?? "20,6").split(",").map(Number);
const realAgents = 3;
/** All agents of a large fleet share one process here, and their machine with three servers: how long they take is told, and is no rule. */
const withinMs = simulated > 100 ? 60_000 : 10_000;
const timing = [
  ...["--heartbeat-interval", "2s", "--shutdown-timeout", "10s", "--registration-rate", "0"],
  ...["--max-agents-per-token", "0", "--rate-limit", "0"],
];
vi.setConfig({ testTimeout: 900_000 });

/** Where an agent is connected, and since when. */
interface Stay {
  readonly url: string;
  readonly atMs: number;
}

/** An agent of the real code, without jobs, in the process of the test. */
class SimulatedAgent implements AsyncDisposable {
  stay: Stay | undefined;
  readonly #agent: RunningAgent;
  readonly #transports: readonly SeveralTransport[];

  constructor(dataDir: string, { urls, token }: { readonly urls: readonly string[]; readonly token: string }) {
    const parts = { clock: systemClock, random: systemRandom };
    const endpoints = new Endpoints(urls, parts);
    const session = createGrpcTransports(endpoints, {});
    const transfers = createGrpcTransports(endpoints, {});
    this.#transports = [session, transfers];
    const route = serverRoute(endpoints, { session, transfers });
    const stay = () => {
      route.stay();
      this.stay = { url: session.endpoint?.url ?? "", atMs: performance.now() };
    };
    this.#agent = startAgent({
      ...parts,
      transport: session,
      transfers,
      route: { leave: route.leave, hangUp: route.hangUp, address: undefined, stay },
      token: async () => token,
      log: silentLog(),
      config: {
        ...{ dataDir, workRoot: join(dataDir, "work"), name: freshName("simulated"), labels: {}, concurrency: 1 },
        ...{ version: "0.0.0", isServerAgent: false, searchPath: "", sandbox: "none", minFreeBytes: 0 },
      },
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#agent[Symbol.asyncDispose]();
    for (const transport of this.#transports) transport.close();
  }
}

/** A real one, for the fake terraform. */
async function realAgent(scene: Scene, { urls, token, engine }: { urls: string[]; token: string; engine: FakeEngine }) {
  const name = freshName("real");
  const [dataDir, workDir, tokenFile] = ["data", "work", "token"].map((end) => join(scene.directory, `${name}-${end}`));
  await writeFile(tokenFile ?? "", token, { mode: 0o600 });
  const call = [
    ...["--address", urls.join(","), "--token-file", tokenFile ?? "", "--name", name, "--data-dir", dataDir ?? ""],
    ...[
      "--work-dir",
      workDir ?? "",
      "--engine-path",
      engine.path,
      "--concurrency",
      String(Math.ceil(jobs / realAgents)),
    ],
    ...["--log-format", "json", "--min-free-disk", "1MiB", "--disk-reserve", "1MiB", "--sandbox", "none"],
  ];
  const start = (env: Readonly<Record<string, string>>) => scene.start("windlass-agent", call, env);
  const member = new Member({ name, ready: /registered successfully/, start });
  await member.open();
  return { name, member, dataDir: dataDir ?? "", workDir: workDir ?? "" };
}

/** Where a real agent has registered, and when by the wall clock, in their order. */
const registrations = (member: Member) =>
  [...member.said().matchAll(/"time":(\d+)[^\n]*"server":"([^"]+)"[^\n]*registered successfully/g)].map(
    ([, time, url = ""]) => ({ url, at: Number(time) }),
  );

const shown = (times: readonly number[]) => {
  const sorted = times.toSorted((a, b) => a - b).map(Math.round);
  return { agents: sorted.length, medianMs: sorted[Math.floor(sorted.length / 2)], mostMs: sorted.at(-1) };
};

/** Processor time that a server has used. */
async function cpuMsOf({ program: { pid } }: TestServer): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8");
  const [user, system] = stat
    .slice(stat.lastIndexOf(")") + 2)
    .split(" ")
    .slice(11, 13);
  return (Number(user) + Number(system)) * 10;
}

describe.skipIf(!hasPostgres)("a rolling restart of three servers", () => {
  const stage = useStage({ engine: "postgres", args: timing });

  test("moves every agent within 10 s, and no job notices", async () => {
    const { scene, server: first } = stage;
    const servers: readonly TestServer[] = [
      first,
      await scene.server({ beside: first, args: timing }),
      await scene.server({ beside: first, args: timing }),
    ];
    const urls = servers.map(({ url }) => url);
    const engine = await FakeEngine.install(join(scene.directory, "engine"));
    const pool = await first.api.pool();
    const { secret: token } = await first.api.token(pool);
    const agents: Awaited<ReturnType<typeof realAgent>>[] = [];
    for (let index = 0; index < realAgents; index++) agents.push(await realAgent(scene, { urls, token, engine }));
    scene.defer(async () => {
      for (const { member } of agents) await member.close("SIGKILL").catch(() => {});
    });
    const idle = await first.api.token(await first.api.pool());
    const fleet: SimulatedAgent[] = [];
    scene.defer(async () => void (await Promise.all(fleet.map((one) => one[Symbol.asyncDispose]()))));
    for (let index = 0; index < simulated; index++) {
      const dataDir = join(scene.directory, "fleet", String(index));
      await mkdir(dataDir, { recursive: true });
      fleet.push(new SimulatedAgent(dataDir, { urls, token: idle.secret }));
    }
    const missing = () => fleet.filter(({ stay }) => stay === undefined).length;
    await until("the fleet is connected", () => missing() === 0, { deadlineMs: 300_000, seen: missing });

    const cluster = {
      ...{ directory: scene.directory, api: first.api, url: first.url, pool, engine, agents },
      ...{ servers: [{ member: { surprises: [] } }], serverDataDir: first.dataDir },
    } as unknown as Cluster;
    const runs: FaultRun[] = [];
    for (let index = 0; index < jobs; index++)
      runs.push(
        await startFakeRun(cluster, fakePlan({ applyLines: 1_000_000, every: 20, pace: 0.2, mode: "release" })),
      );
    for (const run of runs) await untilApplying(cluster, run);

    for (const [index, server] of servers.entries()) {
      const [startMs, startAt, own] = [performance.now(), Date.now(), process.cpuUsage()];
      const others = servers.filter((other) => other !== server);
      const before = await Promise.all(others.map(cpuMsOf));
      const moving = fleet.filter(({ stay }) => stay?.url === server.url);
      const real = agents.filter(({ member }) => registrations(member).at(-1)?.url === server.url);
      const ending = server.stop("SIGTERM");
      const staying = () =>
        moving.filter(({ stay }) => stay?.url === server.url).length +
        real.filter(({ member }) => registrations(member).at(-1)?.url === server.url).length;
      await until("every agent is elsewhere", () => staying() === 0, {
        deadlineMs: 60_000,
        everyMs: 20,
        seen: staying,
      });
      const times = [
        ...moving.map(({ stay }) => (stay?.atMs ?? 0) - startMs),
        ...real.map(({ member }) => (registrations(member).at(-1)?.at ?? 0) - startAt),
      ];
      const serversMs = (await Promise.all(others.map(cpuMsOf))).map((ms, at) => ms - (before[at] ?? 0));
      const { user, system } = process.cpuUsage(own);
      const cpu = { agentsMs: Math.round((user + system) / 1000), serversMs };
      console.log(JSON.stringify({ stopped: index + 1, ...shown(times), jobs, cpu }));
      expect(Math.max(0, ...times)).toBeLessThan(withinMs);
      expect(await ending).toEqual({ code: 0, signal: null });
      await server.start();
    }

    await engine.release();
    await expectPromisesKept(cluster, runs, 240_000);
    for (const { id } of runs) {
      const run = await servers[1]?.api.run(id);
      expect(run).toMatchObject({ state: RunState.APPLIED, plan: { epoch: 1n }, apply: { epoch: 1n } });
    }
    for (const { member } of agents) expect([member.starts, member.surprises]).toEqual([1, []]);
  });
});
