// The story that scripts/quickstart tells. It uses the programs as a person would: every command that it shows is run
// by a shell exactly as shown.
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import {
  type Actor,
  dismiss,
  heading,
  note,
  perform,
  run,
  StoryError,
  type Surroundings,
  showCommand,
  showLine,
  start,
  until,
} from "./quickstart-stage.ts";

const root = resolve(import.meta.dirname, "..");
const storyMs = 180_000;
const drainMs = 60_000;
const stopMs = 10_000;

const usage = "Usage: scripts/quickstart [--once]\n";

/** What every act of the story works with. */
interface Stage extends Surroundings {
  /** Everything that is made lies in here. */
  readonly dir: string;
  /** Which program runs. */
  readonly engine: Engine;
}

interface Times {
  readonly firstLineMs: number | undefined;
  readonly wholeMs: number;
}

async function main(args: readonly string[]): Promise<number> {
  const isOnce = args.includes("--once");
  if (args.some((arg) => arg !== "--once")) {
    process.stderr.write(usage);
    return args.includes("--help") ? 0 : 2;
  }
  const engine = await engineOnPath();
  if (engine === undefined) {
    process.stderr.write(
      "quickstart: neither terraform nor tofu was found on the PATH, and an agent runs one of them.\n" +
        "Install Terraform 1.4 or newer (https://developer.hashicorp.com/terraform/install) or OpenTofu\n" +
        "(https://opentofu.org/docs/intro/install/) and start again.\n",
    );
    return 1;
  }
  const [interrupted, again] = interrupts();
  await using held = new AsyncDisposableStack();
  const dir = await mkdtemp(join(tmpdir(), "windlass-quickstart-"));
  held.defer(() => rm(dir, { recursive: true, force: true }));
  const signal = AbortSignal.any([interrupted, AbortSignal.timeout(storyMs)]);
  const stage: Stage = { dir, engine, env: environment(dir), signal };
  try {
    const url = await tell(stage, held, again);
    if (isOnce) return 0;
    showHowToGoOn(stage, url);
    if (!interrupted.aborted) await new Promise((done) => interrupted.addEventListener("abort", done));
    return 0;
  } catch (error) {
    if (interrupted.aborted) return 130;
    if (!(error instanceof StoryError)) throw error;
    process.stderr.write(`\nquickstart: ${error.message}\n`);
    await showEndOf(join(dir, "server.log"));
    await showEndOf(join(dir, "agent.log"));
    return 1;
  } finally {
    note("\nEnding what was started.");
  }
}

type Engine = "terraform" | "tofu";

async function engineOnPath(): Promise<Engine | undefined> {
  for (const engine of ["terraform", "tofu"] as const)
    if ((await run(`${engine} version`, process.env)).code === 0) return engine;
  return undefined;
}

/** One signal for the first Ctrl-C, one for the second. */
function interrupts(): readonly [AbortSignal, AbortSignal] {
  const [first, second] = [new AbortController(), new AbortController()];
  const onSignal = () => (first.signal.aborted ? second : first).abort();
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(name, onSignal);
  // Nobody reads on, as after `scripts/quickstart | head`: what was started must end all the same.
  process.stdout.on("error", () => first.abort());
  return [first.signal, second.signal];
}

/** Ours, without settings of Windlass that the caller may have; the commands are found first, contexts are kept apart. */
function environment(dir: string): NodeJS.ProcessEnv {
  const others = Object.entries(process.env).filter(([name]) => !name.startsWith("WINDLASS_"));
  return { ...Object.fromEntries(others), ...exported(dir), PATH: `${join(root, "bin")}:${process.env.PATH}` };
}

const exported = (dir: string) => ({ QUICKSTART: dir, WINDLASS_CONFIG: join(dir, "windlass.yaml") });

/** The whole story; answers the server's address. */
async function tell(stage: Stage, held: AsyncDisposableStack, again: AbortSignal): Promise<string> {
  const { dir, engine, env, signal } = stage;
  note("Every command below can be typed as it stands, after these:");
  showSurroundings(dir);

  heading("1  A control plane: windlassd, on SQLite");
  const server = held.adopt(
    background("windlassd --data-dir $QUICKSTART/server --listen 127.0.0.1:0 --log-format json", stage, "server.log"),
    async (it) => void (await dismiss(it, stopMs, again)),
  );
  const url = await until("the server is ready", () => readyUrl(server, join(dir, "server.log")), signal);
  showLine(`ready at ${url}`);
  await perform(`windlass login ${url} --token-stdin < $QUICKSTART/server/admin-token`, stage);

  heading("2  A pool for agents, and a workspace that may use it");
  await perform("windlass pool create quickstart --organization-scoped=false", stage);
  await perform(`windlass workspace create hello --engine ${engine}`, stage);
  await perform("windlass pool grant quickstart hello", stage);
  await perform("windlass pool assign quickstart hello", stage);

  heading("3  An agent, which dials out to the control plane");
  await perform("windlass token create --pool quickstart --name quickstart > $QUICKSTART/agent-token", stage);
  const line = `windlass-agent --address ${url} --token-file $QUICKSTART/agent-token --name quickstart-1 --data-dir $QUICKSTART/agent --log-format json`;
  const agent = held.adopt(background(line, stage, "agent.log"), (it) => endAgent(it, stage, again));
  await until("the agent is idle", () => isIdle(agent, env), signal);
  await perform("windlass agent list", stage);

  heading("4  A run: plan, confirm, apply");
  const times = await runHello(stage, held);

  heading("5  What is left");
  await perform("windlass state list hello", stage);
  await perform("windlass state outputs hello", stage);
  showTimes(times, engine);
  return url;
}

function showSurroundings(dir: string): void {
  showCommand(`cd ${root}`);
  showCommand('export PATH="$PWD/bin:$PATH"');
  for (const [name, value] of Object.entries(exported(dir))) showCommand(`export ${name}=${value}`);
}

function background(line: string, { env }: Stage, log: string): Actor {
  const whole = `${line} > $QUICKSTART/${log} 2>&1`;
  showCommand(`${whole} &`);
  return start(whole, env);
}

/** The address in the record with which the server says that it is ready; it chose a free port. */
async function readyUrl(server: Actor, log: string): Promise<string | undefined> {
  if (!server.isRunning) throw new StoryError("the server has ended");
  const records = (await readFile(log, "utf8").catch(() => "")).split("\n").slice(0, -1);
  const ready = records.find((record) => record.includes("windlassd is ready"));
  if (ready === undefined) return undefined;
  const { url }: { readonly url: string } = JSON.parse(ready);
  return url;
}

async function isIdle(agent: Actor, env: NodeJS.ProcessEnv): Promise<true | undefined> {
  if (!agent.isRunning) throw new StoryError("the agent has ended");
  const { code, stdout } = await run("windlass agent list --pool quickstart -o json", env);
  if (code !== 0) return undefined;
  const { agents }: { readonly agents: readonly { readonly status: string }[] } = JSON.parse(stdout);
  return agents.some(({ status }) => status === "AGENT_STATUS_IDLE") || undefined;
}

interface RunFacts {
  readonly id: string;
  readonly state: string;
  readonly errorMessage: string;
}

async function newestRun(env: NodeJS.ProcessEnv): Promise<RunFacts | undefined> {
  const { code, stdout } = await run("windlass run get hello -o json", env);
  return code === 0 ? JSON.parse(stdout) : undefined;
}

/** Starts the run in one process, which shows its log live, and confirms it from another. */
async function runHello(stage: Stage, held: AsyncDisposableStack): Promise<Times> {
  const { env, signal } = stage;
  const line = 'windlass run start hello --dir examples/hello -m "quickstart"';
  showCommand(`${line} &`);
  const startedAt = performance.now();
  let firstLineMs: number | undefined;
  const following = held.adopt(
    start(line, env, {
      onLine: (text, stream) => {
        // The log's heading comes from the agent; what follows comes from terraform.
        if (stream === "stdout" && text !== "" && !text.startsWith("Windlass: "))
          firstLineMs ??= performance.now() - startedAt;
        showLine(text);
      },
    }),
    (it) => it.signal("SIGINT"),
  );
  const planned = await until(
    "the run is planned",
    async () => {
      if (!following.isRunning) throw new StoryError("the run has ended before it could be confirmed");
      const found = await newestRun(env);
      return found?.state === "RUN_STATE_PLANNED" ? found : undefined;
    },
    signal,
  );
  await perform(`windlass run confirm ${planned.id}`, stage);
  await until("the run has ended", async () => (following.isRunning ? undefined : true), signal);
  const wholeMs = performance.now() - startedAt;
  await expectApplied(env, planned.id, await following.ended);
  return { firstLineMs, wholeMs };
}

async function expectApplied(
  env: NodeJS.ProcessEnv,
  id: string,
  { code }: { readonly code: number | null },
): Promise<void> {
  const last = await newestRun(env);
  if (last?.id === id && last.state === "RUN_STATE_APPLIED" && code === 0) return;
  const why = last?.errorMessage ? `: ${last.errorMessage}` : "";
  throw new StoryError(
    `run ${id} is ${last?.state ?? "unknown"}${why}; \`windlass run start\` ended with exit code ${code}`,
  );
}

function showTimes({ firstLineMs, wholeMs }: Times, engine: Engine): void {
  const seconds = (ms: number) => `${(ms / 1000).toFixed(2)} s`;
  const first =
    firstLineMs === undefined ? `${engine} printed nothing` : `${engine}'s first line after ${seconds(firstLineMs)}`;
  note(`\nFrom \`run start\`: ${first}; the whole run took ${seconds(wholeMs)}, of which the example sleeps 2.4 s.`);
}

function showHowToGoOn({ dir }: Stage, url: string): void {
  heading("Now you");
  process.stdout.write(
    "Server and agent keep running until Ctrl-C, which also removes their files. In another terminal:\n\n",
  );
  showSurroundings(dir);
  for (const command of [
    "windlass status",
    "windlass run start hello --dir examples/hello --var name=you",
    "windlass run logs hello",
    "windlass var set -w hello name=everybody",
    "windlass run start hello --dir examples/hello --destroy",
    "windlass --help",
  ])
    showCommand(command);
  process.stdout.write(
    `\nOr in a browser: ${url}   The API key that it asks for is in ${join(dir, "server/admin-token")}\n\nServer  ${url}   log ${join(dir, "server.log")}\nAgent   quickstart-1             log ${join(dir, "agent.log")}\n`,
  );
}

/** Cancels what runs, so that terraform ends, then lets the agent go. */
async function endAgent(agent: Actor, { env, dir }: Stage, again: AbortSignal): Promise<void> {
  const { code, stdout } = await run("windlass run list --state planning,applying -o json", env);
  const { runs: running }: { readonly runs: readonly RunFacts[] } = code === 0 ? JSON.parse(stdout) : { runs: [] };
  for (const { id } of running) {
    note(`Canceling ${id}; Ctrl-C again does not wait for its end.`);
    await run(`windlass run cancel ${id}`, env);
  }
  const hasLeft = await dismiss(agent, drainMs, again);
  if (!hasLeft)
    process.stderr.write(`quickstart: the agent was ended before its job; the program may still run below ${dir}\n`);
}

async function showEndOf(file: string): Promise<void> {
  const text = await readFile(file, "utf8").catch(() => "");
  if (text !== "") process.stderr.write(`\nThe end of ${file}:\n${text.split("\n").slice(-12).join("\n")}`);
}

process.exitCode = await main(process.argv.slice(2));
