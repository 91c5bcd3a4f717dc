import { execFile } from "node:child_process";
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { RunPhase, RunState } from "../src/gen/windlass/v1/run_pb.ts";
import { systemRandom } from "../src/lib/random.ts";
import { openScene, type Scene, type TestServer } from "../test/support/scene.ts";

const execute = promisify(execFile);
const rounds = Number(process.argv[2] ?? 15);
const hello = new URL("../test/fixtures/terraform/hello", import.meta.url).pathname;

/** The first line that terraform itself prints in a plan. */
const firstLine = "Terraform used the selected providers";

const now = (): number => performance.now();

/** `p50 41 ms, p99 60 ms` of the given milliseconds. */
function spread(samples: readonly number[]): string {
  const sorted = samples.toSorted((a, b) => a - b);
  const at = (share: number): string =>
    `${Math.round(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0)} ms`;
  return `p50 ${at(0.5)}, max ${at(1)}`;
}

/** init, plan and apply of the same configuration, as a person types them. */
async function inShell(): Promise<number> {
  const dir = await mkdtemp(join(tmpdir(), "windlass-bench-"));
  try {
    await cp(hello, dir, { recursive: true });
    const start = now();
    for (const args of [
      ["init", "-input=false"],
      ["plan", "-input=false", "-out=tfplan"],
      ["apply", "-input=false", "tfplan"],
    ]) {
      await execute("terraform", args, { cwd: dir });
    }
    return now() - start;
  } finally {
    await rm(dir, { recursive: true });
  }
}

interface Timed {
  readonly firstLineMs: number;
  readonly wholeMs: number;
}

/** A run with changes on an idle agent, from the call that creates it. */
async function throughApi({ api }: TestServer, workspace: string): Promise<Timed> {
  const start = now();
  const variables = [{ key: "who", value: systemRandom.uuid() }];
  const runId = await api.start(workspace, { autoApply: true, variables });
  let firstLineMs = 0;
  let text = "";
  for await (const { chunk } of api.clients.runs.streamRunLogs({ runId, phase: RunPhase.PLAN, follow: true })) {
    text += Buffer.from(chunk).toString();
    if (firstLineMs === 0 && text.includes(firstLine)) firstLineMs = now() - start;
  }
  for await (const { run } of api.clients.runs.watchRun({ runId })) {
    if (run?.state === RunState.APPLIED) return { firstLineMs, wholeMs: now() - start };
  }
  throw new Error(`run ${runId} was not applied`);
}

/** The same from the command line: the program's own start and the upload count too. */
async function throughCli(scene: Scene, server: TestServer, workspace: string): Promise<Timed> {
  const directory = await scene.configuration("hello");
  const start = now();
  const who = `who=${systemRandom.uuid()}`;
  const program = scene.startCli(server, ["run", "start", workspace, "--dir", directory, "--auto-apply", "--var", who]);
  await program.says(new RegExp(firstLine), 60_000);
  const firstLineMs = now() - start;
  const { code } = await program.ended;
  if (code !== 0) throw new Error(`windlass run start ended with ${code}: ${program.stderr()}`);
  return { firstLineMs, wholeMs: now() - start };
}

await using scene = await openScene();
const server = await scene.server();
const pool = await server.api.pool();
await scene.agent(server, { pool });
const workspace = await server.api.workspace({ agentPool: pool, executionMode: 2 });
await server.api.upload(workspace, hello);
await throughApi(server, workspace);
await throughCli(scene, server, workspace);

const shell: number[] = [];
const api: Timed[] = [];
const cli: Timed[] = [];
for (let round = 0; round < rounds; round++) {
  shell.push(await inShell());
  api.push(await throughApi(server, workspace));
  cli.push(await throughCli(scene, server, workspace));
}
const whole = (timed: readonly Timed[]) => spread(timed.map(({ wholeMs }) => wholeMs));
const first = (timed: readonly Timed[]) => spread(timed.map(({ firstLineMs }) => firstLineMs));
console.log(`hello-world, ${rounds} rounds, each beside the others`);
console.log(`  terraform init, plan, apply in a shell                    ${spread(shell)}`);
console.log(`  run over the API: created → terraform's first line seen   ${first(api)}`);
console.log(`  run over the API: created → applied                       ${whole(api)}`);
console.log(`  windlass run start: typed → terraform's first line shown  ${first(cli)}`);
console.log(`  windlass run start: typed → ended                         ${whole(cli)}`);
