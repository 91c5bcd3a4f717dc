import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { type ProgramName, programPath } from "../../test/support/programs.ts";
import type { Scene, TestServer } from "../../test/support/scene.ts";
import { throughApi, throughCli } from "./hello.ts";
import { now, row } from "./timing.ts";

const hello = fileURLToPath(new URL("../../test/fixtures/terraform/hello", import.meta.url));
/** How long a program has nothing to do before its memory is read. */
const idleMs = 30_000;

/** How a program is called. */
interface Way {
  readonly label: string;
  readonly call: (name: ProgramName) => readonly string[];
}

const ways: readonly Way[] = [
  { label: "", call: (name) => [programPath(name)] },
  {
    label: ", from source",
    call: (name) => [process.execPath, "--disable-warning=ExperimentalWarning", sourceOf(name)],
  },
];

const sourceOf = (name: ProgramName): string => fileURLToPath(new URL(`../../cmd/${name}.ts`, import.meta.url));

interface Started extends AsyncDisposable {
  readonly pid: number;
  /** Until it said what was waited for. */
  readonly ms: number;
  readonly said: RegExpExecArray;
}

/** Starts a program and waits for what it says on standard error. */
async function startUntil(scene: Scene, [command = "", ...args]: readonly string[], pattern: RegExp): Promise<Started> {
  const start = now();
  const child = spawn(command, args, { env: environmentIn(scene), stdio: ["ignore", "ignore", "pipe"] });
  const ended = once(child, "exit");
  let text = "";
  let found: RegExpExecArray | null = null;
  for await (const chunk of child.stderr.iterator({ destroyOnReturn: false })) {
    text += String(chunk);
    found = pattern.exec(text);
    if (found !== null) break;
  }
  const ms = now() - start;
  if (found === null || child.pid === undefined) throw new Error(`${command} has ended: ${text}`);
  child.stderr.resume();
  return {
    ...{ pid: child.pid, ms, said: found },
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGTERM");
      await ended;
    },
  };
}

/** Compiled code is kept from one start to the next, as it is for people. */
const environmentIn = ({ directory }: Scene, more: Readonly<Record<string, string>> = {}) => ({
  ...{ PATH: process.env.PATH ?? "", HOME: directory, LANG: "C.UTF-8" },
  ...more,
});

const quiet = ["--log-format", "json", "--sandbox", "none", "--no-engine-download"];

const startServer = (scene: Scene, { call }: Way): Promise<Started> => {
  const places = ["--data-dir", join(scene.directory, "timed-server"), "--listen", "127.0.0.1:0"];
  return startUntil(scene, [...call("windlassd"), ...places, ...quiet], /"url":"([^"]+)"[^\n]*windlassd is ready/);
};

async function agentStarter(scene: Scene, server: TestServer): Promise<(way: Way) => Promise<Started>> {
  const tokenFile = join(scene.directory, "timed.token");
  await writeFile(tokenFile, (await server.api.token(await server.api.pool())).secret, { mode: 0o600 });
  const places = ["--address", server.url, "--token-file", tokenFile, "--data-dir", join(scene.directory, "timed")];
  return ({ call }) => startUntil(scene, [...call("windlass-agent"), ...places, ...quiet], /waiting for next job/);
}

/** From the start of a command to its end. */
async function timed(scene: Scene, [command = "", ...args]: readonly string[], server?: TestServer): Promise<number> {
  const more = server === undefined ? {} : { WINDLASS_ADDRESS: server.url, WINDLASS_TOKEN_FILE: server.adminTokenFile };
  const start = now();
  const child = spawn(command, args, { env: environmentIn(scene, more), stdio: "ignore" });
  const [code] = await once(child, "exit");
  if (code !== 0) throw new Error(`${[command, ...args].join(" ")} ended with ${code}`);
  return now() - start;
}

/** The first time fills the cache of compiled code, and is not counted. */
async function repeated(rounds: number, once: () => Promise<number>): Promise<number[]> {
  const samples: number[] = [];
  for (let round = 0; round <= rounds; round++) samples.push(await once());
  return samples.slice(1);
}

async function untilSaid(start: () => Promise<Started>): Promise<number> {
  await using started = await start();
  return started.ms;
}

async function idleRow(what: string, start: () => Promise<Started>): Promise<string> {
  await using started = await start();
  await sleep(idleMs);
  const status = await readFile(`/proc/${started.pid}/status`, "utf8");
  const [, kilobytes] = /^VmRSS:\s+(\d+) kB$/m.exec(status) ?? [];
  return `  ${what.padEnd(62)}${Math.round(Number(kilobytes) / 1024)} MiB`;
}

/** What starting costs: time, and memory of who has nothing to do; beside an empty Node and beside the source. */
export async function startTable(scene: Scene, server: TestServer, rounds: number): Promise<string> {
  const startAgent = await agentStarter(scene, server);
  const node = [process.execPath, "-e", ""];
  const waiting = [process.execPath, "-e", "console.error('up'); setInterval(() => {}, 1e9)"];
  const lines = [row("an empty Node", await repeated(rounds, () => timed(scene, node)))];
  for (const way of ways) {
    const windlass = (...words: string[]) =>
      repeated(rounds, () => timed(scene, [...way.call("windlass"), ...words], server));
    const daemon = () => startServer(scene, way);
    const agent = () => startAgent(way);
    lines.push(
      row(`windlass version${way.label}`, await windlass("version")),
      row(`windlass run list${way.label}`, await windlass("run", "list")),
      row(`windlassd: started → ready${way.label}`, await repeated(rounds, () => untilSaid(daemon))),
      row(`windlass-agent: started → connected${way.label}`, await repeated(rounds, () => untilSaid(agent))),
      await idleRow(`memory of windlassd that idles${way.label}`, daemon),
      await idleRow(`memory of windlass-agent that idles${way.label}`, agent),
    );
  }
  lines.push(await idleRow("memory of an empty Node that idles", () => startUntil(scene, waiting, /up/)));
  return [`starts, ${rounds} rounds`, ...lines, ...(await runRows(scene, server, rounds))].join("\n");
}

async function runRows(scene: Scene, server: TestServer, rounds: number): Promise<readonly string[]> {
  const pool = await server.api.pool();
  await scene.agent(server, { pool });
  const workspace = await server.api.workspace({ agentPool: pool });
  await server.api.upload(workspace, hello);
  const api = await repeated(rounds, async () => (await throughApi(server, workspace)).wholeMs);
  const cli = await repeated(rounds, async () => (await throughCli(scene, server, workspace)).wholeMs);
  return [row("run over the API: created → applied", api), row("windlass run start: typed → ended", cli)];
}
