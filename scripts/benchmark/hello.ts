import { fileURLToPath } from "node:url";
import { RunPhase } from "../../src/gen/windlass/v1/run_pb.ts";
import { systemRandom } from "../../src/lib/random.ts";
import type { Scene, TestServer } from "../../test/support/scene.ts";
import { wholeRun } from "./runs.ts";
import { openShell } from "./shell.ts";
import { now, row } from "./timing.ts";

const hello = fileURLToPath(new URL("../../test/fixtures/terraform/hello", import.meta.url));

/** The first line that terraform itself prints in a plan. */
const firstLine = "Terraform used the selected providers";

interface Timed {
  readonly firstLineMs: number;
  readonly wholeMs: number;
}

const greeting = () => ({ key: "who", value: systemRandom.uuid() });

/** A run with changes on an idle agent, from the call that creates it. */
export async function throughApi({ api }: TestServer, workspace: string): Promise<Timed> {
  const start = now();
  const runId = await api.start(workspace, { autoApply: true, variables: [greeting()] });
  let firstLineMs = 0;
  let text = "";
  for await (const { chunk } of api.clients.runs.streamRunLogs({ runId, phase: RunPhase.PLAN, follow: true })) {
    text += Buffer.from(chunk).toString();
    if (firstLineMs === 0 && text.includes(firstLine)) firstLineMs = now() - start;
  }
  await wholeRun(api, runId);
  return { firstLineMs, wholeMs: now() - start };
}

/** The same from the command line: the program's own start and the upload count too. */
export async function throughCli(scene: Scene, server: TestServer, workspace: string): Promise<Timed> {
  const directory = await scene.configuration("hello");
  const start = now();
  const { key, value } = greeting();
  const call = ["run", "start", workspace, "--dir", directory, "--auto-apply", "--var", `${key}=${value}`];
  const program = scene.startCli(server, call);
  await program.says(new RegExp(firstLine), 60_000);
  const firstLineMs = now() - start;
  const { code } = await program.ended;
  if (code !== 0) throw new Error(`windlass run start ended with ${code}: ${program.stderr()}`);
  return { firstLineMs, wholeMs: now() - start };
}

/** How long a run of the smallest configuration takes, beside a shell. */
export async function helloTable(scene: Scene, server: TestServer, rounds: number): Promise<string> {
  const pool = await server.api.pool();
  await scene.agent(server, { pool });
  const workspace = await server.api.workspace({ agentPool: pool });
  await server.api.upload(workspace, hello);
  await throughApi(server, workspace);
  await throughCli(scene, server, workspace);
  const [shell, api, cli]: [number[], Timed[], Timed[]] = [[], [], []];
  for (let round = 0; round < rounds; round++) {
    await using bare = await openShell(hello);
    shell.push(await bare.pass({ who: systemRandom.uuid() }));
    api.push(await throughApi(server, workspace));
    cli.push(await throughCli(scene, server, workspace));
  }
  const whole = (timed: readonly Timed[]) => timed.map(({ wholeMs }) => wholeMs);
  const first = (timed: readonly Timed[]) => timed.map(({ firstLineMs }) => firstLineMs);
  return [
    `hello-world, ${rounds} rounds, each beside the others`,
    row("terraform init, plan, apply in a shell", shell),
    row("run over the API: created → terraform's first line seen", first(api)),
    row("run over the API: created → applied", whole(api)),
    row("windlass run start: typed → terraform's first line shown", first(cli)),
    row("windlass run start: typed → ended", whole(cli)),
  ].join("\n");
}
