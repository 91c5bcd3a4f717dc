/** An agent is killed at 20 points of its updates, under an apply: nothing is lost, and it comes to the wished version all the same. */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { AgentUpdateState } from "../../src/gen/windlass/v1/agent_pb.ts";
import { RunPhase, RunState } from "../../src/gen/windlass/v1/run_pb.ts";
import { type FailpointName, failpointNames } from "../../src/lib/program/failpoint.ts";
import type { Program } from "../support/programs.ts";
import { openScene, type Scene, type TestServer } from "../support/scene.ts";
import { Seeded } from "../support/seeded.ts";
import { until } from "../support/until.ts";
import { Versions } from "./versions.ts";

vi.setConfig({ testTimeout: 400_000, hookTimeout: 120_000 });

const patience = { deadlineMs: 90_000, everyMs: 100 };
const points = failpointNames.filter((name) => name.startsWith("updater."));
let scene: Scene;
let server: TestServer;
let versions: Versions;
let pool: string;
let launcher: string;
let program: Program | undefined;
let call: readonly string[];

beforeAll(async () => {
  scene = await openScene();
  versions = await Versions.make(scene.directory);
  await versions.publish("1.0.0");
  await versions.publish("1.0.1");
  launcher = await versions.install("1.0.0");
  server = await scene.server({ args: ["--heartbeat-interval", "300ms", "--agent-releases", versions.directory] });
  pool = await server.api.pool();
  const tokenFile = join(scene.directory, "token");
  await writeFile(tokenFile, (await server.api.token(pool)).secret, { mode: 0o600 });
  call = [
    ...["--address", server.url, "--token-file", tokenFile, "--name", "vm-1", "--sandbox", "none"],
    ...["--data-dir", join(scene.directory, "agent"), "--log-format", "json", "--no-engine-download"],
    ...["--min-free-disk", "1MiB", "--disk-reserve", "1MiB"],
    ...["--update-trial", "20s", "--update-max-wait", "500ms"],
  ];
});
afterEach(({ task }) => {
  if (task.result?.state === "fail") console.error(scene.report());
});
afterAll(() => scene[Symbol.asyncDispose]());

/** As a service manager does when the agent has ended. */
function startAgent(dieAt?: FailpointName): Program {
  const armed = dieAt === undefined ? {} : { WINDLASS_FAILPOINTS: `${dieAt}=die`, WINDLASS_FAILPOINTS_ENABLED: "1" };
  program = scene.start("windlass-agent", call, armed, ([, ...args]) => ({ command: launcher, args }));
  return program;
}

const agent = async () => (await server.api.clients.agents.listAgents({ agentPool: pool })).agents[0];
const seen = async () => {
  const { version, update } = (await agent()) ?? {};
  return { version, state: update?.state, detail: update?.detail };
};
const moving: ReadonlySet<AgentUpdateState> = new Set([
  AgentUpdateState.SWITCHING,
  AgentUpdateState.READY,
  AgentUpdateState.DOWNLOADING,
]);
const isAt = (version: string) => async () => {
  if (program?.isRunning !== true) startAgent();
  const found = await agent();
  return found?.version === version && !moving.has(found.update?.state ?? AgentUpdateState.UNSPECIFIED);
};
const wish = async (version: string) => {
  const args = ["pool", "update", pool, "--mode", "patch", "--to", version];
  const { code, stderr } = await scene.cli(server, args);
  expect(code, stderr).toBe(0);
};

/** The process of the agent that the launcher has started, if there is one. */
async function agentPid({ pid }: Program): Promise<number | undefined> {
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8").catch(() => "");
  for (const child of children.split(" ").filter((word) => word !== "")) {
    const said = await readFile(`/proc/${child}/cmdline`, "utf8").catch(() => "");
    if (said.includes("windlass-agent.cjs")) return Number(child);
  }
  return undefined;
}

async function killAgent(): Promise<void> {
  const running = program?.isRunning === true ? program : startAgent();
  const pid = await until("the agent runs", () => agentPid(running), patience);
  process.kill(pid, "SIGKILL");
}

/** An apply that prints a line each fifth of a second until a file is there. */
async function startApply(until: string): Promise<string> {
  const folder = join(scene.directory, "long");
  await mkdir(folder);
  const loop = `i=0; while [ ! -e ${until} ]; do i=$((i+1)); echo line $i; sleep 0.2; done; echo end $i`;
  await writeFile(
    join(folder, "main.tf"),
    `resource "terraform_data" "long" {\n  provisioner "local-exec" {\n    command = ${JSON.stringify(loop)}\n  }\n}\n`,
  );
  const workspace = await server.api.workspace({ agentPool: pool });
  await server.api.upload(workspace, folder);
  return server.api.start(workspace, { autoApply: true });
}

test(`an apply goes on, whichever of ${points.length} points of an update or whatever moment of it kills its agent`, async () => {
  const isOver = join(scene.directory, "over");
  await startAgent().says(/waiting for (the )?next job/);
  const run = await startApply(isOver);
  await server.api.runIn(run, RunState.APPLYING);
  const printed = async () => (await server.api.log(run, RunPhase.APPLY, false)).text.includes("line 1");
  await until("terraform prints", printed, patience);

  await killAgent();
  await until("its launcher ends with it", () => program?.isRunning === false, patience);
  await wish("1.0.1");
  let kills = 1;
  for (const point of points) {
    const ended = startAgent(point);
    await until(`the agent dies at ${point}`, () => !ended.isRunning, { ...patience, seen });
    kills += 1;
  }
  await until("it is 1.0.1", isAt("1.0.1"), { ...patience, seen });

  const drawn = new Seeded(7);
  for (const target of ["1.0.0", "1.0.1", "1.0.0", "1.0.1", "1.0.0", "1.0.1"]) {
    await wish(target);
    // Three ends in a trial are a crash, and the third start proves itself.
    for (let kill = 0; kill < 2; kill += 1) {
      await pause(drawn.between(100, 1_600));
      await killAgent();
      kills += 1;
      if (kill === 0 || target === "1.0.0") continue;
      await server.stop("SIGKILL");
      await server.start();
    }
    await until(`it is ${target}`, isAt(target), { ...patience, seen });
  }
  expect(kills).toBe(20);

  await writeFile(isOver, "");
  const ended = await server.api.ended(run);
  expect(ended).toMatchObject({ state: RunState.APPLIED, errorMessage: "", apply: { epoch: 1n, logComplete: true } });
  const { text } = await server.api.log(run, RunPhase.APPLY);
  const lines = [...text.matchAll(/: line (\d+)$/gm)].map(([, number]) => Number(number));
  expect(lines).toEqual(lines.map((_, index) => index + 1));
  expect(text).toContain(`end ${lines.length}`);
});
