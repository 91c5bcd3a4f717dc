import type { Scene } from "../../../test/support/scene.ts";
import { Fleet } from "../load/fleet.ts";
import { createRuns, workspacesOf } from "../load/run-places.ts";
import type { Bench, Part, Row, Storage, Unit } from "../part.ts";
import { cpuWhile } from "../process-usage.ts";
import { pause } from "../timing.ts";

const idleMs = 20_000;
const dispatched = 100;
const pages = 20;
const pageSize = 200;

export const flat: Part = {
  name: "flat",
  about: "what must not grow with the installation: CPU of the server beside few agents or queued runs",
  usualSeconds: 200,
  measure,
};

/** CPU of the server for one of each. */
interface Costs {
  readonly dispatchMs: number;
  readonly heartbeatUs: number;
  readonly listMs: number;
  /** Of a core, while nothing happens but what the server does by itself. */
  readonly idlePercent: number;
}

async function measure({ scene, sizes, sqlite }: Bench): Promise<readonly Row[]> {
  const costs: Costs[] = [];
  // Ten thousand agents take long to come: one round.
  for (const size of sizes)
    costs.push({ ...(await ofAgents(scene, sqlite, size)), ...(await ofQueue(scene, sqlite, size)) });
  const rows: readonly (readonly [string, Unit, keyof Costs, string])[] = [
    ["dispatch of a run", "ms", "dispatchMs", "agents"],
    ["a heartbeat", "µs", "heartbeatUs", "agents"],
    [`a page of ${pageSize} of the waiting list`, "ms", "listMs", "queued runs"],
    ["sweeper and the rest at idle, of a core", "%", "idlePercent", "queued runs"],
  ];
  return rows.flatMap(([what, unit, part, of]) => {
    const limit = { what: `with ${sizes[0]}`, samples: [costs[0]?.[part] ?? Number.NaN] };
    return costs.map((cost, index): Row => {
      const name = `${what}, ${sizes[index]?.toLocaleString("en")} ${of}`;
      const row = { kind: "measured", what: name, unit, samples: [cost[part]] } as const;
      return index === 0 ? row : { ...row, limit, goal: { kind: "at most of limit", times: 1.2 } };
    });
  });
}

async function ofAgents(
  scene: Scene,
  storage: Storage,
  count: number,
): Promise<Pick<Costs, "dispatchMs" | "heartbeatUs">> {
  const server = await storage.server(scene);
  const { pid } = server.program;
  await using fleet = await Fleet.connect(server, { count });
  const workspaces = await workspacesOf(server, fleet.pool, 10);
  await createRuns(server, workspaces, { count: dispatched, atOnce: 1 });
  await fleet.heartbeats();
  const idleCpuMs = await cpuWhile(pid, () => pause(idleMs));
  const beats = (await fleet.heartbeats()).length;
  const had = fleet.sealed;
  const started = performance.now();
  const busyCpuMs = await cpuWhile(pid, async () => {
    const { created } = await createRuns(server, workspaces, { count: dispatched, atOnce: 1 });
    await fleet.untilSealed(had + created, 120_000);
  });
  // What the heartbeats of that time cost is not the dispatcher's.
  const beside = (idleCpuMs / idleMs) * (performance.now() - started);
  await server.stop("SIGKILL");
  return { dispatchMs: (busyCpuMs - beside) / dispatched, heartbeatUs: (idleCpuMs * 1000) / beats };
}

async function ofQueue(scene: Scene, storage: Storage, count: number): Promise<Pick<Costs, "listMs" | "idlePercent">> {
  const server = await storage.server(scene);
  const { pid } = server.program;
  const { api } = server;
  const workspaces = await workspacesOf(server, await api.pool(), 50);
  await createRuns(server, workspaces, { count, atOnce: 32 });
  const list = async () => {
    for (let call = 0; call < pages; call++) await api.clients.runs.listRuns({ active: true, pageSize });
  };
  await list();
  const listCpuMs = await cpuWhile(pid, list);
  const idleCpuMs = await cpuWhile(pid, () => pause(idleMs));
  await server.stop("SIGKILL");
  return { listMs: listCpuMs / pages, idlePercent: (idleCpuMs / idleMs) * 100 };
}
