import { watchedServer } from "../event-loop.ts";
import { createRuns, workspacesOf } from "../load/run-places.ts";
import { type Bench, onEachStorage, type Part, type Row, type Storage } from "../part.ts";
import { usageOf } from "../process-usage.ts";
import { now, pause } from "../timing.ts";

const pending = 500;
const pageSize = 200;
const pagesARound = 10;
const quietMs = 300;

export const page: Part = {
  name: "page",
  about: `a page of ${pageSize} waiting runs, ${pending} pending in one workspace: the longest block of the server's event loop`,
  usualSeconds: 20,
  measure: (bench) => onEachStorage(bench, "page of waiting runs", (storage) => measure(bench, storage)),
};

async function measure({ scene, rounds }: Bench, storage: Storage): Promise<readonly Row[]> {
  const { server, longestBlockMs } = await watchedServer(scene, storage);
  const { api, program } = server;
  const pool = await api.pool();
  const [workspace = ""] = await workspacesOf(server, pool, 1);
  await createRuns(server, [workspace], { count: pending, atOnce: 4 });
  const list = () => api.clients.runs.listRuns({ workspace, active: true, pageSize });
  await list();
  const [blocked, quiet, tookMs, cpuMs]: [number[], number[], number[], number[]] = [[], [], [], []];
  for (let round = 0; round < rounds; round++) {
    await longestBlockMs();
    await pause(quietMs);
    quiet.push(await longestBlockMs());
    const before = await usageOf(program.pid);
    for (let call = 0; call < pagesARound; call++) {
      const start = now();
      const { runs } = await list();
      tookMs.push(now() - start);
      if (runs.length !== pageSize) throw new Error(`a page of ${runs.length} runs instead of ${pageSize}`);
    }
    blocked.push(await longestBlockMs());
    cpuMs.push(((await usageOf(program.pid)).cpuMs - before.cpuMs) / pagesARound);
  }
  await server.stop("SIGKILL");
  const [kind, unit] = ["measured", "ms"] as const;
  const limit = { what: "when nothing happens", samples: quiet };
  const goal = storage.name === "SQLite" ? ({ kind: "at most", value: 30 } as const) : undefined;
  return [
    { kind, unit, what: `longest block in ${pagesARound} pages, ${storage.name}`, samples: blocked, limit, goal },
    { kind, unit, what: "  a page, asked → there", samples: tookMs },
    { kind, unit, what: "  CPU of the server for a page", samples: cpuMs },
  ];
}
