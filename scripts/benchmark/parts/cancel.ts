import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { makingEngine } from "../../../test/support/engine.ts";
import type { Scene, TestServer } from "../../../test/support/scene.ts";
import { until } from "../../../test/support/until.ts";
import type { Bench, Part, Row } from "../part.ts";
import { preciseMs } from "../timing.ts";

const cancelsARound = 4;

/** Waits for SIGINT, for a minute at most, and notes when it came. Its line says that it walks its graph: an agent holds SIGINT back until then. */
const waiting = (signs: string): string =>
  `trap 'echo $EPOCHREALTIME > "${signs}.signal"; kill $!; exit 1' INT
sleep 60 &
echo 'data.a.b: Reading...'
echo up > '${signs}.up'
wait
`;

export const cancel: Part = {
  name: "cancel",
  about: "CancelRun is called → SIGINT reaches the program of a plan, the agent connected",
  usualSeconds: 40,
  measure,
};

async function measure({ scene, sqlite, rounds }: Bench): Promise<readonly Row[]> {
  const server = await sqlite.server(scene);
  const pool = await server.api.pool();
  await scene.agent(server, { pool, args: ["--engine-path", await makingEngine(scene.directory)] });
  const samples = await cancelDelays(scene, server, { pool, count: rounds * cancelsARound });
  const row = { kind: "measured", unit: "ms", samples } as const;
  return [
    { ...row, what: "cancel → SIGINT at terraform, p50" },
    { ...row, what: "cancel → SIGINT at terraform, p99", share: 0.99, goal: { kind: "at most", value: 50 } },
    {
      ...{ kind: "missing", what: "cancel → SIGINT with every wake-up lost (goal ≤ 12 s)" },
      why: "nothing loses wake-ups here; an agent learns it by its next heartbeat, every 10 s ± 20 %",
    },
  ];
}

/** How long each of so many cancels at a server takes to the program of an agent of the pool, which makes what it is told to. */
export async function cancelDelays(
  scene: Scene,
  { api }: TestServer,
  { pool, count }: { readonly pool: string; readonly count: number },
): Promise<readonly number[]> {
  const workspace = await api.workspace({ agentPool: pool });
  const directory = await scene.configuration("hello");
  const signs = join(scene.directory, "signs");
  await writeFile(join(directory, "waiting.bash"), waiting(signs));
  // The program of the plan is this shell: it becomes the one that waits.
  await writeFile(join(directory, "made.sh"), "exec bash waiting.bash\n");
  await api.upload(workspace, directory);
  const samples: number[] = [];
  for (let number = 0; number < count; number++) {
    const runId = await api.start(workspace, { planOnly: true });
    await until("the program waits", () => contents(`${signs}.up`));
    const from = preciseMs();
    await api.clients.runs.cancelRun({ runId });
    const at = await until("SIGINT has come", () => contents(`${signs}.signal`));
    samples.push(Number(at.replace(",", ".")) * 1000 - from);
    await api.ended(runId);
    for (const sign of ["up", "signal"]) await rm(`${signs}.${sign}`);
  }
  return samples;
}

async function contents(file: string): Promise<string | undefined> {
  const text = await readFile(file, "utf8").catch(() => "");
  return text.endsWith("\n") ? text : undefined;
}
