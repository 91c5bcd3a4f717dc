import { until } from "../../../test/support/until.ts";
import { copyRate, syncedRate } from "../disk-rates.ts";
import { Fleet } from "../load/fleet.ts";
import { workspacesOf } from "../load/run-places.ts";
import { type Bench, type Limit, onEachStorage, type Part, type Row, type Storage } from "../part.ts";
import { forgetPeak, usageOf } from "../process-usage.ts";

const jobCounts = [1, 20, 50];
/** Of all jobs together. */
const totalMib = { SQLite: 300, PostgreSQL: 150 } as const;

export const ingest: Part = {
  name: "ingest",
  about: "log bytes that are durable a second, from 1, 20 and 50 jobs at once",
  usualSeconds: 120,
  measure: (bench) => onEachStorage(bench, "log ingest", (storage) => measure(bench, storage)),
};

interface Ingested {
  readonly mibPerSecond: number;
  readonly ackMs: readonly number[];
  readonly peakMib: number;
  readonly cpuMsPerMib: number;
}

async function measure(bench: Bench, storage: Storage): Promise<readonly Row[]> {
  const raw: number[] = [];
  const samples = new Map<number, Ingested[]>(jobCounts.map((count) => [count, []]));
  for (let round = 0; round < Math.min(bench.rounds, 3); round++) {
    for (const [jobs, ingested] of samples) {
      raw.push(await rawRate(bench, storage.name));
      ingested.push(await ingestOnce(bench, storage, jobs));
    }
  }
  const limit = { what: storage.name === "SQLite" ? "written, synced each MiB" : "COPY by psql", samples: raw };
  return [...samples].flatMap(([jobs, ingested]) => rowsOf(storage.name, { jobs, ingested, limit }));
}

async function rawRate({ scene, postgres }: Bench, name: Storage["name"]): Promise<number> {
  const server = await postgres();
  if (name === "SQLite" || server.kind === "absent") return syncedRate(scene.directory, totalMib.SQLite);
  return copyRate(server.url, server.bin, totalMib.PostgreSQL);
}

/** Jobs that all write at once, on a new server. */
async function ingestOnce({ scene }: Bench, storage: Storage, jobs: number): Promise<Ingested> {
  const server = await storage.server(scene);
  const { pid } = server.program;
  const logBytes = Math.ceil((totalMib[storage.name] * 16) / jobs) * 64 * 1024;
  await using fleet = await Fleet.connect(server, { count: jobs, logBytes });
  for (const workspace of await workspacesOf(server, fleet.pool, jobs)) {
    await fleet.untilGranted(await server.api.start(workspace, { planOnly: true }));
  }
  await forgetPeak(pid);
  const before = await usageOf(pid);
  fleet.beginLogs();
  await until("every log is durable", () => fleet.logs.length === jobs, {
    deadlineMs: 180_000,
    seen: () => fleet.logs.length,
  });
  const after = await usageOf(pid);
  await server.stop("SIGKILL");
  const [from, to] = [
    Math.min(...fleet.logs.map(({ fromMs }) => fromMs)),
    Math.max(...fleet.logs.map(({ toMs }) => toMs)),
  ];
  const mib = (jobs * logBytes) / 2 ** 20;
  return {
    mibPerSecond: mib / ((to - from) / 1000),
    ackMs: fleet.logs.flatMap(({ ackMs }) => ackMs),
    ...{ peakMib: after.peakKib / 1024, cpuMsPerMib: (after.cpuMs - before.cpuMs) / mib },
  };
}

interface IngestRows {
  readonly jobs: number;
  readonly ingested: readonly Ingested[];
  readonly limit: Limit;
}

function rowsOf(name: Storage["name"], { jobs, ingested, limit }: IngestRows): readonly Row[] {
  const kind = "measured";
  const least = name === "SQLite" ? 250 : 100;
  const acks = ingested.flatMap(({ ackMs }) => ackMs);
  const what = `${jobs} ${jobs === 1 ? "job" : "jobs"}, ${name}`;
  const rates = ingested.map(({ mibPerSecond }) => mibPerSecond);
  return [
    { kind, what, unit: "MiB/s", samples: rates, limit, goal: { kind: "at least", value: least } },
    {
      kind,
      what: "  most RSS of the server",
      unit: "MiB",
      samples: ingested.map(({ peakMib }) => peakMib),
      goal: { kind: "at most", value: 250 },
    },
    {
      kind,
      what: "  CPU of the server for a MiB",
      unit: "ms",
      samples: ingested.map(({ cpuMsPerMib }) => cpuMsPerMib),
    },
    { kind, what: "  64 KiB sent → acknowledged, p50", unit: "ms", samples: acks },
    { kind, what: "  64 KiB sent → acknowledged, p99", unit: "ms", samples: acks, share: 0.99 },
  ];
}
