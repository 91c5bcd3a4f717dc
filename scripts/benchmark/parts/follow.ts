import { spawn } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { RunPhase } from "../../../src/gen/windlass/v1/run_pb.ts";
import { makingEngine } from "../../../test/support/engine.ts";
import type { Scene, TestServer } from "../../../test/support/scene.ts";
import { type Bench, onEachStorage, type Part, type Row, type Storage } from "../part.ts";
import { wholeRun } from "../runs.ts";
import { preciseMs } from "../timing.ts";

const linesARound = 100;

/**
 * Says when each line is written, by the clock that bash itself reads: no program starts between that and the line. It ends as lines of
 * terraform do: digits may begin a secret, and are held back until it is known that they do not.
 */
const talking = `for i in $(seq ${linesARound}); do sleep 0.0$((RANDOM % 60 + 20)); echo "at=$EPOCHREALTIME: Still creating..."; done\n`;

export const follow: Part = {
  name: "follow",
  about: "a line is printed in a run → a follower of its log has it",
  usualSeconds: 90,
  measure: (bench) => onEachStorage(bench, "line printed → seen", (storage) => measure(bench, storage)),
};

async function measure({ scene, rounds }: Bench, { name, server: open }: Storage): Promise<readonly Row[]> {
  const server = await open(scene);
  const pool = await server.api.pool();
  const agent = await scene.agent(server, { pool, args: ["--engine-path", await makingEngine(scene.directory)] });
  const { workspace, script } = await talkingWorkspace(scene, server, pool);
  const [seen, piped]: [number[], number[]] = [[], []];
  for (let round = 0; round < rounds; round++) {
    seen.push(...(await followed(server, workspace)));
    piped.push(...(await throughPipe(script)));
  }
  await agent.stop("SIGTERM");
  await server.stop("SIGTERM");
  const isSqlite = name === "SQLite";
  const goal = (value: number) => (isSqlite ? ({ kind: "at most", value } as const) : undefined);
  const row = {
    kind: "measured",
    unit: "ms",
    samples: seen,
    limit: { what: "a pipe to Node", samples: piped },
  } as const;
  return [
    { ...row, what: `line printed → seen, p50, ${name}`, goal: goal(2.5) },
    { ...row, what: "  p99", share: 0.99, goal: goal(12) },
  ];
}

/** A workspace whose plans write lines, and the script that does. */
export async function talkingWorkspace(
  scene: Scene,
  { api }: TestServer,
  agentPool: string,
): Promise<{ readonly workspace: string; readonly script: string }> {
  const workspace = await api.workspace({ agentPool });
  const directory = await scene.configuration("hello");
  const script = join(directory, "talking.bash");
  await writeFile(script, talking);
  await writeFile(join(directory, "made.sh"), "bash talking.bash\n");
  await api.upload(workspace, directory);
  return { workspace, script };
}

/** How late each line of a plan comes to a follower at this server. */
export async function followed({ api }: TestServer, workspace: string): Promise<readonly number[]> {
  const runId = await api.start(workspace, { planOnly: true });
  const delays = new LineDelays();
  for await (const { chunk } of api.clients.runs.streamRunLogs({ runId, phase: RunPhase.PLAN, follow: true })) {
    delays.hear(Buffer.from(chunk).toString());
  }
  await wholeRun(api, runId);
  return delays.all();
}

async function throughPipe(script: string): Promise<readonly number[]> {
  const delays = new LineDelays();
  for await (const text of spawn("bash", [script], { stdio: ["ignore", "pipe", "inherit"] }).stdout)
    delays.hear(String(text));
  return delays.all();
}

/** How late each line came. */
class LineDelays {
  readonly #delays: number[] = [];
  #rest = "";

  hear(text: string): void {
    const at = preciseMs();
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) {
      const written = /\bat=(\d+)[.,](\d+)/.exec(line);
      if (written !== null) this.#delays.push(at - Number(`${written[1]}.${written[2]}`) * 1000);
    }
  }

  all(): readonly number[] {
    if (this.#delays.length === linesARound) return this.#delays;
    throw new Error(`${this.#delays.length} of ${linesARound} lines were shown`);
  }
}
