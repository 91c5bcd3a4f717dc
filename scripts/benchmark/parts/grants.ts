import { open } from "node:fs/promises";
import { join } from "node:path";
import { Fleet } from "../load/fleet.ts";
import { workspacesOf } from "../load/run-places.ts";
import { type Bench, onEachStorage, type Part, type Row, type Storage } from "../part.ts";
import { preciseMs, timed } from "../timing.ts";

const agentCount = 1_000;
const runsARound = 40;

export const grants: Part = {
  name: "grants",
  about: `a run is created → its start is granted, with ${agentCount} agents connected`,
  usualSeconds: 40,
  measure: (bench) => onEachStorage(bench, "grants", (storage) => measure(bench, storage)),
};

async function measure({ scene, rounds }: Bench, { name, server: openServer }: Storage): Promise<readonly Row[]> {
  const server = await openServer(scene);
  await using fleet = await Fleet.connect(server, { count: agentCount });
  const workspaces = await workspacesOf(server, fleet.pool, 10);
  const file = await open(join(scene.directory, "synced"), "w");
  const [granted, synced]: [number[], number[]] = [[], []];
  try {
    for (let run = 0; run < rounds * runsARound; run++) {
      const from = preciseMs();
      const runId = await server.api.start(workspaces[run % workspaces.length] ?? "", { planOnly: true });
      granted.push((await fleet.untilGranted(runId)) - from);
      synced.push(
        await timed(async () => {
          await file.write(Buffer.alloc(4096));
          await file.datasync();
        }),
      );
    }
  } finally {
    await file.close();
  }
  await server.stop("SIGKILL");
  const limit = { what: "4 KiB written and synced", samples: synced };
  const row = { kind: "measured", unit: "ms", samples: granted, limit } as const;
  const goal = name === "SQLite" ? ({ kind: "at most", value: 4 } as const) : undefined;
  return [
    { ...row, what: `created → start granted, p50, ${name}`, goal },
    { ...row, what: "  p99", share: 0.99 },
  ];
}
