import { Fleet } from "../load/fleet.ts";
import { type Bench, type Goal, orMissing, type Part, type Row } from "../part.ts";
import { usageOf } from "../process-usage.ts";
import { pause } from "../timing.ts";

const settleMs = 5_000;
const idleMs = 30_000;

export const fleet: Part = {
  name: "fleet",
  about: "idle agents, one TCP connection each, a heartbeat every 10 s",
  usualSeconds: 110,
  measure: async (bench) => {
    const rows: Row[] = [];
    for (const count of bench.agents)
      rows.push(...(await orMissing(bench, `${count} agents`, () => fleetOf(bench, count))));
    return rows;
  },
};

interface Goals {
  readonly cpu?: Goal;
  readonly rss?: Goal;
  readonly each?: Goal;
  readonly connected?: Goal;
}

const most = (value: number): Goal => ({ kind: "at most", value });

const goals: Readonly<Record<number, Goals>> = {
  1000: { cpu: most(2), rss: most(180), connected: most(0.7) },
  10000: { cpu: most(15), each: most(64), connected: most(10) },
};

/** What so many idle agents cost: until they are connected, and at rest. */
async function fleetOf({ scene, sqlite }: Bench, count: number): Promise<readonly Row[]> {
  const server = await sqlite.server(scene);
  const before = await usageOf(server.program.pid);
  await using agents = await Fleet.connect(server, { count });
  await pause(settleMs);
  await agents.heartbeats();
  const from = await usageOf(server.program.pid);
  await pause(idleMs);
  const to = await usageOf(server.program.pid);
  const beats = await agents.heartbeats();
  await server.stop("SIGKILL");
  const { cpu, rss, each, connected } = goals[count] ?? {};
  const kind = "measured";
  const name = `${count.toLocaleString("en")} idle agents`;
  return [
    { kind, what: `${name}: CPU of a core`, unit: "%", samples: [((to.cpuMs - from.cpuMs) / idleMs) * 100], goal: cpu },
    { kind, what: "  RSS of the server", unit: "MiB", samples: [to.rssKib / 1024], goal: rss },
    { kind, what: "  RSS for an agent", unit: "KiB", samples: [(to.rssKib - before.rssKib) / count], goal: each },
    { kind, what: "  connected after", unit: "s", samples: [agents.connectedMs / 1000], goal: connected },
    { kind, what: "  heartbeat → reply, p50", unit: "ms", samples: beats },
    { kind, what: "  heartbeat → reply, p99", unit: "ms", samples: beats, share: 0.99 },
  ];
}
