import { Fleet } from "../load/fleet.ts";
import { createRuns, workspacesOf } from "../load/run-places.ts";
import { type Bench, onEachStorage, type Part, type Row, type Storage } from "../part.ts";
import { usageOf } from "../process-usage.ts";
import { preciseMs } from "../timing.ts";

const agentCount = 100;
const runCount = { SQLite: 600, PostgreSQL: 200 } as const;
const workspaceCount = 50;

export const runs: Part = {
  name: "runs",
  about: `plan-only runs a second, ${agentCount} agents that answer at once`,
  usualSeconds: 50,
  measure: (bench) => onEachStorage(bench, "plan-only runs", (storage) => measure(bench, storage)),
};

async function measure({ scene, rounds }: Bench, { name, server: open }: Storage): Promise<readonly Row[]> {
  const server = await open(scene);
  await using fleet = await Fleet.connect(server, { count: agentCount });
  const workspaces = await workspacesOf(server, fleet.pool, workspaceCount);
  const [perSecond, cpuMs]: [number[], number[]] = [[], []];
  // The first round warms the server.
  for (let round = 0; round <= rounds; round++) {
    const before = await usageOf(server.program.pid);
    const [from, had] = [preciseMs(), fleet.sealed];
    const { created } = await createRuns(server, workspaces, { count: runCount[name], atOnce: 16 });
    await fleet.untilSealed(had + created, 120_000);
    perSecond.push((created / (fleet.lastAtMs - from)) * 1000);
    cpuMs.push(((await usageOf(server.program.pid)).cpuMs - before.cpuMs) / created);
  }
  await server.stop("SIGKILL");
  const goal = name === "SQLite" ? ({ kind: "at least", value: 700 } as const) : undefined;
  return [
    {
      kind: "measured",
      what: `plan-only runs, created → ended, ${name}`,
      unit: "/s",
      samples: perSecond.slice(1),
      goal,
    },
    { kind: "measured", what: "  CPU of the server for a run", unit: "ms", samples: cpuMs.slice(1) },
  ];
}
