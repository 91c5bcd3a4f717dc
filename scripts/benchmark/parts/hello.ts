import { RunPhase } from "../../../src/gen/windlass/v1/run_pb.ts";
import { systemRandom } from "../../../src/lib/random.ts";
import type { Scene, TestServer } from "../../../test/support/scene.ts";
import { hello as configuration } from "../load/run-places.ts";
import type { Bench, Part, Row } from "../part.ts";
import { wholeRun } from "../runs.ts";
import { openShell } from "../shell.ts";
import { now } from "../timing.ts";

/** The first line that terraform itself prints in a plan. */
const firstLine = "Terraform used the selected providers";

export const hello: Part = {
  name: "hello",
  about: "the smallest configuration on a warm agent, beside the same commands in a shell",
  usualSeconds: 30,
  measure,
};

interface Timed {
  readonly firstLineMs: number;
  readonly wholeMs: number;
}

const greeting = () => ({ key: "who", value: systemRandom.uuid() });

/** A run with changes on an idle agent, from the call that creates it. */
async function throughApi({ api }: TestServer, workspace: string, planOnly: boolean): Promise<Timed> {
  const start = now();
  const runId = await api.start(workspace, { autoApply: !planOnly, planOnly, variables: [greeting()] });
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
async function throughCli(scene: Scene, server: TestServer, workspace: string): Promise<Timed> {
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

/** In a fresh directory of a shell. */
async function inShell(appliesToo: boolean): Promise<number> {
  await using shell = await openShell(configuration);
  return await shell.pass({ who: systemRandom.uuid() }, appliesToo);
}

async function measure({ scene, sqlite, rounds }: Bench): Promise<readonly Row[]> {
  const server = await sqlite.server(scene);
  const pool = await server.api.pool();
  await scene.agent(server, { pool });
  const workspace = await server.api.workspace({ agentPool: pool });
  await server.api.upload(workspace, configuration);
  const [shell, planInShell]: [number[], number[]] = [[], []];
  const [api, planned, cli]: [Timed[], Timed[], Timed[]] = [[], [], []];
  // The first round warms the agent, and is not counted.
  for (let round = 0; round <= rounds; round++) {
    shell.push(await inShell(true));
    api.push(await throughApi(server, workspace, false));
    planInShell.push(await inShell(false));
    planned.push(await throughApi(server, workspace, true));
    cli.push(await throughCli(scene, server, workspace));
  }
  const whole = (timed: readonly Timed[]) => timed.slice(1).map(({ wholeMs }) => wholeMs);
  const first = (timed: readonly Timed[]) => timed.slice(1).map(({ firstLineMs }) => firstLineMs);
  const [kind, unit] = ["measured", "ms"] as const;
  const [bare, barePlan] = [
    { what: "init, plan, apply in a shell", samples: shell.slice(1) },
    { what: "init, plan in a shell", samples: planInShell.slice(1) },
  ];
  const run = { what: "the same over the API", samples: whole(api) };
  return [
    {
      ...{ kind, unit, what: "plan and apply, created → applied", samples: whole(api), limit: bare },
      goal: { kind: "at most of limit", times: 1.35 },
    },
    {
      ...{ kind, unit, what: "plan only, created → ended", samples: whole(planned), limit: barePlan },
      goal: { kind: "at most", value: 65, reference: 57 },
    },
    { kind, unit, what: "created → terraform's first line seen", samples: first(api) },
    {
      ...{ kind, unit, what: "windlass run start: typed → ended", samples: whole(cli), limit: run },
      goal: { kind: "at most of limit", times: 1, plus: 120 },
    },
    { kind, unit, what: "windlass run start: typed → terraform's first line shown", samples: first(cli) },
  ];
}
