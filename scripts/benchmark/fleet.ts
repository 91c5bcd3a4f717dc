import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import type { Scene, TestServer } from "../../test/support/scene.ts";
import type { FleetNews } from "./fleet-agents.ts";
import { now } from "./timing.ts";

const idleMs = 30_000;

/** What so many idle agents cost: until they are connected, at rest, and after the server was killed. */
export async function fleetTable(scene: Scene, counts: readonly number[]): Promise<string> {
  const rows: string[] = [];
  for (const count of counts) rows.push(...(await fleetOf(scene, count)));
  return [`idle agents, one connection each, a heartbeat every 10 s, measured over ${idleMs / 1000} s`, ...rows].join(
    "\n",
  );
}

async function fleetOf(scene: Scene, count: number): Promise<readonly string[]> {
  const limits = ["--registration-rate", "1000000", "--max-agents-per-token", "1000000", "--rate-limit", "0"];
  const server = await scene.server({ args: limits });
  const pool = await server.api.pool();
  const before = await usage(server);
  const fleet = startFleet(server, count, (await server.api.token(pool)).secret);
  try {
    const startedAt = now();
    await allConnected(fleet);
    const connectedMs = now() - startedAt;
    await pause(5_000);
    await heartbeats(fleet);
    const from = await usage(server);
    await pause(idleMs);
    const to = await usage(server);
    const beats = await heartbeats(fleet);
    const backMs = await killed(server, fleet);
    const cpu = ((to.cpuMs - from.cpuMs) / idleMs) * 100;
    const kib = Math.round((to.rssKib - before.rssKib) / count);
    return [
      `  ${count} agents: connected after ${seconds(connectedMs)}, ${cpu.toFixed(1)} % of a core, RSS ${Math.round(to.rssKib / 1024)} MiB (${kib} KiB an agent)`,
      `  ${" ".repeat(String(count).length)} heartbeat answered p50 ${at(beats, 0.5)} ms, p99 ${at(beats, 0.99)} ms; all back ${seconds(backMs)} after kill -9 and start`,
    ];
  } finally {
    fleet.disconnect();
    await once(fleet, "exit");
    await server.stop("SIGTERM");
  }
}

function startFleet(server: TestServer, count: number, token: string): ChildProcess {
  const program = fileURLToPath(new URL("fleet-agents.ts", import.meta.url));
  return fork(program, [server.url, String(count)], {
    env: { FLEET_TOKEN: token },
    execArgv: ["--max-old-space-size=8192"],
  });
}

const newsOf = async <K extends FleetNews["kind"]>(
  fleet: ChildProcess,
  kind: K,
): Promise<Extract<FleetNews, { kind: K }>> => {
  for (;;) {
    const [news]: FleetNews[] = await once(fleet, "message");
    if (isNews(news, kind)) return news;
  }
};

const isNews = <K extends FleetNews["kind"]>(
  news: FleetNews | undefined,
  kind: K,
): news is Extract<FleetNews, { kind: K }> => news?.kind === kind;

const allConnected = (fleet: ChildProcess) => newsOf(fleet, "all-connected");

async function heartbeats(fleet: ChildProcess): Promise<readonly number[]> {
  fleet.send("heartbeats");
  return (await newsOf(fleet, "heartbeats")).ms.toSorted((a, b) => a - b);
}

/** How long after a kill and a start until all are back. */
async function killed(server: TestServer, fleet: ChildProcess): Promise<number> {
  await server.stop("SIGKILL");
  const back = allConnected(fleet);
  const startedAt = now();
  await server.start();
  await back;
  return now() - startedAt;
}

interface Usage {
  readonly cpuMs: number;
  readonly rssKib: number;
}

/** Of the server's process, from /proc. */
async function usage({ program }: TestServer): Promise<Usage> {
  const stat = (await readFile(`/proc/${program.pid}/stat`, "utf8")).replace(/^.*\) /, "").split(" ");
  const status = await readFile(`/proc/${program.pid}/status`, "utf8");
  const ticks = Number(stat[11]) + Number(stat[12]);
  return { cpuMs: ticks * 10, rssKib: Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) };
}

const at = (sorted: readonly number[], share: number): string =>
  (sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0).toFixed(1);

const seconds = (ms: number): string => `${(ms / 1000).toFixed(2)} s`;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
