import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { makingEngine } from "../../../test/support/engine.ts";
import type { Scene, TestServer } from "../../../test/support/scene.ts";
import { until } from "../../../test/support/until.ts";
import { type Bench, orMissing, type Part, type Row } from "../part.ts";
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
  usualSeconds: 70,
  measure,
};

async function measure(bench: Bench): Promise<readonly Row[]> {
  const { scene, sqlite, rounds } = bench;
  const server = await sqlite.server(scene);
  const pool = await server.api.pool();
  await scene.agent(server, { pool, args: ["--engine-path", await makingEngine(scene.directory)] });
  const samples = await cancelDelays(scene, server, { pool, count: rounds * cancelsARound });
  const row = { kind: "measured", unit: "ms", samples } as const;
  return [
    { ...row, what: "cancel → SIGINT at terraform, p50" },
    { ...row, what: "cancel → SIGINT at terraform, p99", share: 0.99, goal: { kind: "at most", value: 50 } },
    ...(await orMissing(bench, whatUnheard, () => unheard(bench))),
  ];
}

const whatUnheard = "cancel at one server → SIGINT by an agent at another, every notice between them lost, p50";

/** What one server stores is noticed by the other only when it looks again by itself. */
async function unheard(bench: Bench): Promise<readonly Row[]> {
  const { scene, rounds } = bench;
  const postgres = await bench.postgres();
  if (postgres.kind === "absent") return [{ kind: "missing", what: whatUnheard, why: postgres.why }];
  const [here, there] = await postgres.replicas(scene, 2, "deaf");
  if (here === undefined || there === undefined) throw new Error("a pair has two servers");
  const pool = await here.api.pool();
  await scene.agent(there, { pool, args: ["--engine-path", await makingEngine(scene.directory)] });
  const samples = await cancelDelays(scene, here, { pool, count: rounds });
  const row = { kind: "measured", unit: "ms", samples, goal: { kind: "at most", value: 12_000 } } as const;
  return [
    { ...row, what: whatUnheard },
    { ...row, what: "  p99", share: 0.99 },
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
