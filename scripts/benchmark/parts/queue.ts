import type { Scene } from "../../../test/support/scene.ts";
import { Fleet } from "../load/fleet.ts";
import { createRuns, workspacesOf } from "../load/run-places.ts";
import type { Bench, Part, Row, Storage } from "../part.ts";
import { usageOf } from "../process-usage.ts";
import { preciseMs } from "../timing.ts";

const agentCount = 100;
const workspaceCount = 50;
const shallow = 300;
/** So many of a deep queue are drained: the rate at its deep end is what may be worse. */
const drainedOfDeep = 1_000;

export const queue: Part = {
  name: "queue",
  about: `long queues of plan-only runs that ${agentCount} agents drain, beside one of ${shallow}`,
  usualSeconds: 120,
  measure,
};

interface Drained {
  readonly perSecond: number;
  /** Of the server, for a run that was drained; for one that was created while the queue was longest. */
  readonly drainCpuMs: number;
  readonly createCpuMs: number;
}

async function measure({ scene, rounds, queued: deep, sqlite }: Bench): Promise<readonly Row[]> {
  const samples = new Map<number, Drained[]>([shallow, ...deep].map((depth) => [depth, []]));
  // Filling takes longer than draining.
  for (let round = 0; round < Math.min(rounds, 3); round++) {
    for (const [depth, drained] of samples) drained.push(await drain(scene, sqlite, depth));
  }
  const of = (depth: number, part: keyof Drained) => samples.get(depth)?.map((one) => one[part]) ?? [];
  return deep.flatMap((depth): readonly Row[] => {
    const row = { kind: "measured", unit: "ms", goal: { kind: "at most of limit", times: 1.2 } } as const;
    const limit = (part: keyof Drained) => ({ what: `with ${shallow} queued`, samples: of(shallow, part) });
    const name = `${depth.toLocaleString("en")} queued`;
    return [
      {
        ...{ ...row, what: `${name}: drained`, unit: "/s", samples: of(depth, "perSecond"), limit: limit("perSecond") },
        goal: { kind: "at least of limit", times: 0.8 },
      },
      { ...row, what: "  CPU for a run that is drained", samples: of(depth, "drainCpuMs"), limit: limit("drainCpuMs") },
      {
        ...row,
        what: "  CPU for one more in the queue",
        samples: of(depth, "createCpuMs"),
        limit: limit("createCpuMs"),
      },
    ];
  });
}

/** Fills a queue that nobody looks at, lets the agents come, and answers how fast it goes. */
async function drain(scene: Scene, storage: Storage, depth: number): Promise<Drained> {
  const server = await storage.server(scene);
  const pool = await server.api.pool();
  const workspaces = await workspacesOf(server, pool, workspaceCount);
  const last = Math.min(200, depth / 2);
  const filled = await createRuns(server, workspaces, { count: depth - last, atOnce: 32 });
  const { created, cpuUs } = await createRuns(server, workspaces, { count: last, atOnce: 32 });
  const all = filled.created + created;
  const count = depth > shallow ? drainedOfDeep : all;
  await using fleet = await Fleet.connect(server, { count: agentCount, pool, holds: true });
  const before = await usageOf(server.program.pid);
  const from = preciseMs();
  fleet.beginStarts();
  await fleet.untilSealed(Math.min(count, all), 300_000);
  const after = await usageOf(server.program.pid);
  const drained = fleet.sealed;
  await server.stop("SIGKILL");
  return {
    perSecond: (drained / (fleet.lastAtMs - from)) * 1000,
    drainCpuMs: (after.cpuMs - before.cpuMs) / drained,
    createCpuMs: cpuUs / 1000,
  };
}
