import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { RunPhase } from "../../src/gen/windlass/v1/run_pb.ts";
import { systemRandom } from "../../src/lib/random.ts";
import type { Program } from "../../test/support/programs.ts";
import type { Scene, TestAgent, TestServer } from "../../test/support/scene.ts";
import { type Doing, doingsBetween, traced } from "./road-trace.ts";
import { wholeRun } from "./runs.ts";
import { openShell } from "./shell.ts";
import { preciseMs, shareOf } from "./timing.ts";

const hello = fileURLToPath(new URL("../../test/fixtures/terraform/hello", import.meta.url));

/** A server, an agent and a workspace with a small configuration. */
interface Road {
  readonly server: TestServer;
  readonly agent: TestAgent;
  readonly workspace: string;
}

/** Where a run was, and when: milliseconds since 1970. */
interface Station {
  readonly name: string;
  readonly ms: number;
}

interface Passed {
  readonly fromMs: number;
  readonly toMs: number;
  readonly stations: readonly Station[];
}

async function openRoad(scene: Scene, trace?: { readonly server: string; readonly agent: string }): Promise<Road> {
  const server = await scene.server({ within: trace && traced(trace.server) });
  const pool = await server.api.pool();
  const agent = await scene.agent(server, { pool, within: trace && traced(trace.agent) });
  const workspace = await server.api.workspace({ agentPool: pool });
  await server.api.upload(workspace, hello);
  for (const _warm of [1, 2]) await pass({ server, agent, workspace });
  return { server, agent, workspace };
}

/** One run, from the call that creates it until its follower and its watcher have seen its end. */
async function pass({ server: { api, program }, agent, workspace }: Road): Promise<Passed> {
  const said = { server: program.stderr().length, agent: agent.program.stderr().length };
  const fromMs = preciseMs();
  const seen: Station[] = [];
  const note = (name: string) => seen.push({ name, ms: preciseMs() });
  const runId = await api.start(workspace, {
    autoApply: true,
    variables: [{ key: "who", value: systemRandom.uuid() }],
  });
  note("client: created");
  const phases = [
    ["plan", RunPhase.PLAN],
    ["apply", RunPhase.APPLY],
  ] as const;
  const logs = phases.map(async ([name, phase]) => {
    let isFirst = true;
    for await (const { chunk } of api.clients.runs.streamRunLogs({ runId, phase, follow: true })) {
      if (isFirst && chunk.length > 0) note(`client: first byte of the ${name}'s log`);
      isFirst &&= chunk.length === 0;
    }
  });
  await wholeRun(api, runId);
  note("client: applied");
  const toMs = preciseMs();
  await Promise.all(logs);
  const told = [...toldBy("server", program, said.server), ...toldBy("agent", agent.program, said.agent)];
  return { fromMs, toMs, stations: [...seen, ...told].toSorted((a, b) => a.ms - b.ms) };
}

/** What a program has logged since; the same words of the plan and of the apply get a number. */
function toldBy(name: string, program: Program, from: number): readonly Station[] {
  const times = new Map<string, number>();
  return program
    .stderr()
    .slice(from)
    .split("\n")
    .flatMap((line) => (line.startsWith("{") ? [JSON.parse(line)] : []))
    .map(({ msg, time, step }) => {
      const what = `${name}: ${msg}${step === undefined ? "" : ` ${step}`}`;
      const count = (times.get(what) ?? 0) + 1;
      times.set(what, count);
      return { name: count === 1 ? what : `${what} (${count})`, ms: new Date(time).getTime() };
    });
}

/** User and system time of a process and its threads, and of its children that it has waited for, in milliseconds. */
async function cpuMs({ pid }: Pick<Program, "pid">): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8");
  const [user = 0, system = 0] = stat
    .slice(stat.lastIndexOf(")") + 2)
    .split(" ")
    .slice(11, 13)
    .map(Number);
  return (user + system) * 10;
}

/** When a run is at its stations, what it costs in processor time, and what one does that is traced. */
export async function roadTable(scene: Scene, rounds: number): Promise<string> {
  const road = await openRoad(scene);
  const [shell, runs]: [number[], Passed[]] = [[], []];
  const before = await Promise.all([cpuMs(road.server.program), cpuMs(road.agent.program)]);
  for (let round = 0; round < rounds; round++) {
    await using bare = await openShell(hello);
    shell.push(await bare.pass({ who: systemRandom.uuid() }));
    runs.push(await pass(road));
  }
  const after = await Promise.all([cpuMs(road.server.program), cpuMs(road.agent.program)]);
  const [server = 0, agent = 0] = after.map((ms, index) => (ms - (before[index] ?? 0)) / rounds);
  const whole = runs.map(({ fromMs, toMs }) => toMs - fromMs);
  return [
    `the road of a run, ${rounds} rounds, each beside a shell's`,
    row("terraform init, plan, apply in a shell", shell),
    row("created → applied", whole),
    `  the run takes ${(shareOf(whole, 0.5) / shareOf(shell, 0.5)).toFixed(2)} times the shell's`,
    `  processor time of a run: server ${server.toFixed(0)} ms, agent ${agent.toFixed(0)} ms`,
    ...stationRows(runs),
    "",
    await tracedRun(scene),
  ].join("\n");
}

/** The stations in their usual order; one that not every run passes is left out. */
function stationRows(runs: readonly Passed[]): readonly string[] {
  const offsets = new Map<string, number[]>();
  for (const { fromMs, stations } of runs)
    for (const { name, ms } of stations) offsets.set(name, [...(offsets.get(name) ?? []), ms - fromMs]);
  return [...offsets]
    .filter(([, samples]) => samples.length === runs.length)
    .toSorted(([, a], [, b]) => shareOf(a, 0.5) - shareOf(b, 0.5))
    .map(([name, samples]) => row(name, samples));
}

async function tracedRun(scene: Scene): Promise<string> {
  const files = { server: join(scene.directory, "server.trace"), agent: join(scene.directory, "agent.trace") };
  const road = await openRoad(scene, files);
  const { fromMs, toMs, stations } = await pass(road);
  const [server, agent] = await Promise.all([
    doingsBetween(files.server, fromMs, toMs),
    doingsBetween(files.agent, fromMs, toMs),
  ]);
  const own = jobSyncs(agent, road.agent.dataDir);
  const counts = [
    `syncs: server ${count(server, "sync")}, agent ${own.length}, its children ${count(agent, "sync") - own.length}`,
    `programs started by the agent: ${count(agent, "exec")}`,
  ];
  const lines = [
    ...stations.map(({ name, ms }) => ({ ms, text: name })),
    ...server.map((one) => ({ ms: one.ms, text: `  server ${textOf(one, road.server.dataDir)}` })),
    ...agent.map((one) => ({ ms: one.ms, text: `  agent  ${textOf(one, road.agent.dataDir)}` })),
  ].toSorted((a, b) => a.ms - b.ms);
  return [
    "one run under strace",
    ...counts.map((line) => `  ${line}`),
    ...lines.map(({ ms, text }) => `  ${(ms - fromMs).toFixed(1).padStart(7)}  ${text}`),
  ].join("\n");
}

/** The median and the largest of some milliseconds, behind what they are of. */
const row = (what: string, samples: readonly number[]): string =>
  `  ${what.padEnd(62)}p50 ${Math.round(shareOf(samples, 0.5))} ms, max ${Math.round(shareOf(samples, 1))} ms`;

const count = (doings: readonly Doing[], what: Doing["what"]): number =>
  doings.filter((one) => one.what === what).length;

/** Those of the agent itself: terraform's are in the work of a job. */
const jobSyncs = (doings: readonly Doing[], dataDir: string): readonly Doing[] =>
  doings.filter(({ what, detail }) => what === "sync" && detail.startsWith(dataDir) && !detail.includes("/work/"));

const textOf = ({ what, detail, pid }: Doing, dataDir: string): string =>
  `${what} ${detail.replace(`${dataDir}/`, "").replaceAll(/(job_)[0-9a-z]+/g, "$1…")} [${pid}]`;
