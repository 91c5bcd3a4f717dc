import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { FakeEngine, writeFakeConfiguration } from "../test/faults/fake-plan.ts";
import { openScene, type Scene, type TestAgent, type TestServer } from "../test/support/scene.ts";
import { loadUntil, type Place, readerKey, Tally } from "./endurance/load.ts";
import { descriptorsOf, peakBytes, type Sample, sampleOf, takenBy } from "./endurance/measure.ts";
import { boundsText, broken, reportOf, type Seen } from "./endurance/report.ts";
import { flagsOf } from "./flags.ts";

const usage = `scripts/soak [--minutes N] [--database-url postgres://…] [--terraform]
Loads a server for N minutes (10) after a minute of warming up: real runs on a real agent, agents that come and leave with and
without good-bye or never come, uploads that are refused, cut or abandoned over each protocol, bad tokens, log followers and
watches that abort, CLI calls. --terraform: the real program instead of one that only looks like it. --database-url: an empty
database; without it SQLite. Bounds, exit 1 when one is broken:
${boundsText.map((text) => `  ${text}`).join("\n")}`;

const values = flagsOf(usage, {
  minutes: { type: "string", default: "10" },
  "database-url": { type: "string" },
  terraform: { type: "boolean", default: false },
});

const minuteMs = 60_000;
const warmMs = minuteMs;
/** How long descriptors may take to be given back. */
const settleMs = minuteMs;

function minutesOf(text: string): number {
  const minutes = Number(text);
  if (minutes > 0 && minutes <= 24 * 60) return minutes;
  throw new Error(`--minutes: expected a number of minutes, at most a day, got "${text}"`);
}

async function openServer(scene: Scene, databaseUrl: string | undefined): Promise<TestServer> {
  return scene.server({
    args: [
      ...["--metrics-listen", "127.0.0.1:0", "--agent-unknown-after", "15s", "--agent-errored-after", "45s"],
      ...(databaseUrl === undefined ? [] : ["--database-url", databaseUrl]),
    ],
    env: inspected,
  });
}

/** Memory is only worth comparing after a garbage collection, which an inspector can ask for. */
const inspected = { NODE_OPTIONS: "--inspect=127.0.0.1:0" };

interface Stage {
  readonly place: Place;
  readonly agent: TestAgent;
}

async function openStage(scene: Scene, server: TestServer): Promise<Stage> {
  const { api } = server;
  const pool = await api.pool();
  // Those that come and leave have a pool of their own: a job that is offered to one waits until its lease is over.
  const { secret: churnToken } = await api.token(await api.pool());
  const engine = await FakeEngine.install(join(scene.directory, "engine"));
  const args = values.terraform ? [] : ["--engine-path", engine.path];
  const agent = await scene.agent(server, { pool, concurrency: 4, args, env: inspected });
  const directory = values.terraform ? await scene.configuration("hello") : join(scene.directory, "fake");
  if (!values.terraform) {
    const lines = { planLines: 60, applyLines: 40, every: 10, pace: 0, wide: 0 };
    await writeFakeConfiguration(directory, {
      ...lines,
      mode: "obey",
      lineage: "soak",
      saves: "rise",
      habit: "terraform",
    });
  }
  const workspaces: string[] = [];
  for (let number = 0; number < 6; number += 1) {
    const workspace = await api.workspace({ agentPool: pool });
    await api.upload(workspace, directory);
    workspaces.push(workspace);
  }
  return { place: { scene, server, workspaces, churnToken, readerKey: await readerKey(server) }, agent };
}

/** Waits until as few descriptors are open as before, or long enough. */
async function settle(server: TestServer, agent: TestAgent, wanted: Pick<Seen, "before" | "agentBefore"> | undefined) {
  const end = performance.now() + settleMs;
  const isDone = async () =>
    wanted !== undefined &&
    (await descriptorsOf(server.program)) <= wanted.before.descriptors &&
    (await descriptorsOf(agent.program)) <= wanted.agentBefore.descriptors;
  await pause(10_000);
  while (wanted !== undefined && !(await isDone()) && performance.now() < end) await pause(1_000);
}

async function load(place: Place, forMs: number): Promise<Tally> {
  const tally = new Tally();
  await loadUntil(place, tally, AbortSignal.timeout(forMs));
  return tally;
}

async function soak(minutes: number): Promise<Seen> {
  await using scene = await openScene();
  const databaseUrl = values["database-url"];
  const server = await openServer(scene, databaseUrl);
  const { place, agent } = await openStage(scene, server);
  await load(place, warmMs);
  await settle(server, agent, undefined);
  const before: Sample = await sampleOf(server, databaseUrl);
  const agentBefore = await takenBy(agent.program);
  const tally = await load(place, minutes * minuteMs);
  await settle(server, agent, { before, agentBefore });
  const after: Sample = await sampleOf(server, databaseUrl);
  const agentAfter = await takenBy(agent.program);
  const peak = await peakBytes(server.program);
  const startedMs = performance.now();
  await server.stop("SIGTERM");
  const { counts, failures } = tally;
  return {
    minutes,
    runs: counts.get("runs") ?? 0,
    before,
    after,
    agentBefore,
    agentAfter,
    peakBytes: peak,
    stopMs: performance.now() - startedMs,
    counts,
    failures,
  };
}

const seen = await soak(minutesOf(values.minutes));
console.log(reportOf(seen));
const problems = broken(seen);
for (const problem of problems) console.log(`BROKEN: ${problem}`);
console.log(problems.length === 0 ? "every bound holds" : `${problems.length} bounds are broken`);
process.exitCode = problems.length === 0 ? 0 : 1;
