import { systemClock } from "../../lib/clock.ts";
import { asksForCompletion, helpText, terminalWidth } from "../../lib/command-line.ts";
import { type Environment, readEnvironment } from "../../lib/environment.ts";
import { closeInherited } from "../../lib/fs/inherited-descriptors.ts";
import { makePrivate } from "../../lib/fs/umask.ts";
import { createGrpcTransports } from "../../lib/grpc/transport.ts";
import { createLog, type Log } from "../../lib/program/log.ts";
import { openStatusPort } from "../../lib/program/status-port.ts";
import { version } from "../../lib/program/version.ts";
import { systemRandom } from "../../lib/random.ts";
import { Endpoints } from "../../lib/way/endpoints.ts";
import { agentSettings } from "../../settings/agent.ts";
import { type RunningAgent, startAgent } from "../agent.ts";
import type { AgentOutcome } from "../contract/outcome.ts";
import { serverRoute } from "../contract/server-route.ts";
import { providerProblems } from "../work/providers/check-providers.ts";
import { forgetHiddenToken } from "./hide-token.ts";
import { type ProgramConfig, readProgramCall } from "./program-config.ts";
import { currentToken, whoElseReads } from "./token-source.ts";

/** Exit codes of `windlass-agent`. */
export const exitCodes = {
  done: 0,
  failed: 1,
  misconfigured: 2,
  tokenRejected: 4,
  versionRefused: 9,
  otherVersion: 75,
} as const;

/** How often an agent looks whether its launcher is still there. */
const launcherLookMs = 3_000;

/** A second signal this long after the first one cancels plans; sooner it is a double of the first. */
const secondSignalMs = 5_000;

/** Runs `windlass-agent` and resolves with its exit code. */
export async function main(argv: readonly string[]): Promise<number> {
  if (asksForCompletion(argv)) return complete(argv);
  const environment = readEnvironment();
  if (argv[0] === "config") return config(argv.slice(1), environment);
  const isDoctor = argv[0] === "doctor";
  const call = readProgramCall(isDoctor ? argv.slice(1) : argv, environment);
  forgetHiddenToken(environment);
  // What lies in the data directory is the agent's alone, and no job gets a descriptor of whoever started the agent.
  makePrivate();
  closeInherited();
  switch (call.kind) {
    case "help":
      return say(helpText(agentSettings, help, terminalWidth(process.stdout)));
    case "version":
      return say(versionLine);
    case "invalid":
      return refuse(call.problems);
    case "run":
      return isDoctor ? doctor(call.config) : run(call.config);
  }
}

async function config(argv: readonly string[], environment: Environment): Promise<number> {
  const { callConfig, configHelp } = await import("./config-command.ts");
  const call = callConfig(argv, environment);
  forgetHiddenToken(environment);
  switch (call.kind) {
    case "help":
      return say(helpText(agentSettings, configHelp, terminalWidth(process.stdout)));
    case "version":
      return say(versionLine);
    case "printed":
      return say(call.text);
    case "refused":
      return refuse([call.message]);
    case "invalid":
      return refuse(call.problems);
  }
}

function say(text: string): number {
  process.stdout.write(text);
  return exitCodes.done;
}

const versionLine = `windlass-agent ${version}\n`;

async function complete(argv: readonly string[]): Promise<number> {
  const { answerCompletion } = await import("../../lib/shell-completion.ts");
  const { printFlags } = await import("../../lib/print-settings.ts");
  const commands = [
    { name: "run", summary: "take jobs: the default", settings: agentSettings, flags: [] },
    { name: "doctor", summary: "check whether it could", settings: agentSettings, flags: [] },
    {
      name: "config",
      summary: "print the settings that a start would have",
      settings: agentSettings,
      flags: printFlags,
    },
  ];
  const completable = { program: "windlass-agent", commands, settings: agentSettings };
  return say(await answerCompletion(completable, argv));
}

function refuse(problems: readonly string[]): number {
  for (const problem of problems) process.stderr.write(`windlass-agent: ${problem}\n`);
  return exitCodes.misconfigured;
}

const help = {
  usage: "windlass-agent [run|doctor|config|completion] [flags]",
  about:
    "Takes jobs of a Windlass control plane and runs terraform or tofu for them. With doctor, checks whether it could, and ends with 1 if not. With config print, prints the settings that a start would have. With completion, prints the completion script for the shell of $SHELL.",
  examples: [
    "WINDLASS_AGENT_TOKEN=wdl_agt_… windlass-agent --address https://tf.example.com",
    "windlass-agent --address https://tf1.example.com,https://tf2.example.com --token-file /etc/windlass/agent-token",
    "windlass-agent --token-file /etc/windlass/agent-token --concurrency 2",
    "windlass-agent --identity-token-file /var/run/secrets/windlass/token --pool acme/prod",
    "windlass-agent doctor --token-file /etc/windlass/agent-token",
    "windlass-agent config print --origin",
  ],
};

/** Prints a line for each check, or all of them as JSON where logs would be JSON. */
async function doctor(config: ProgramConfig): Promise<number> {
  const [{ examineAgent }, { checkLines, isHealthy }] = await Promise.all([
    import("./doctor.ts"),
    import("../../lib/checks/check.ts"),
  ]);
  const checks = await examineAgent(config, systemClock);
  const text =
    config.log.format === "json"
      ? JSON.stringify(checks, undefined, 2)
      : checkLines(checks, terminalWidth(process.stdout)).join("\n");
  process.stdout.write(`${text}\n`);
  return isHealthy(checks) ? exitCodes.done : exitCodes.failed;
}

async function run({
  agent: config,
  addresses,
  tls,
  environment,
  token,
  log: logOptions,
  httpListen,
  aliases,
}: ProgramConfig): Promise<number> {
  const problems = await providerProblems(config);
  if (problems.length > 0) return refuse(problems);
  const log = createLog(logOptions);
  if (aliases !== undefined) log.info(aliases);
  const tokenNow = currentToken(token, (reason) =>
    log.warn({ reason }, "the agent token cannot be read again: the last one is used"),
  );
  const readers = whoElseReads(token);
  if (readers !== undefined) log.warn({ reason: readers }, "the agent token is no secret: chmod 600 its file");
  const endpoints = new Endpoints(addresses, { clock: systemClock, random: systemRandom });
  const common = { tls, environment, userAgent: `windlass-agent/${version}` };
  using transport = createGrpcTransports(endpoints, common);
  // A ping there may wait behind a piece, and every call has its own deadline.
  using transfers = createGrpcTransports(endpoints, { ...common, keepAliveTimeoutMs: 60_000 });
  await using agent = startAgent({
    ...{ transport, transfers, config, log },
    route: serverRoute(endpoints, { session: transport, transfers }),
    token: async () => tokenNow(),
    clock: systemClock,
    random: systemRandom,
  });
  using _signals = drainOnSignal(agent, log);
  using _launcher = leaveWithLauncher(config.update?.launch?.pid, agent, log);
  using _hangup = renewOnHangup(agent, log);
  await using opened = new AsyncDisposableStack();
  if (httpListen !== null) {
    const { agentStatus } = await import("./agent-metrics.ts");
    const port = await openStatusPort(httpListen, agentStatus(agent, config)).catch((error: unknown) => {
      log.error({ err: error }, "the address of --http-listen cannot be used");
    });
    if (port === undefined) return exitCodes.misconfigured;
    log.info({ url: opened.use(port).url }, "metrics, /healthz and /readyz are served");
  }
  return exitCode(await agent.done, log);
}

/** The next start of its launcher would find the data directory in use. What the jobs started goes on. */
function leaveWithLauncher(pid: number | undefined, agent: RunningAgent, log: Log): Disposable {
  const ended = new AbortController();
  const watch = async () => {
    while (process.ppid === pid) await systemClock.sleep(launcherLookMs, ended.signal);
    log.warn("the launcher of this agent is gone: the next start goes on with the jobs");
    await agent[Symbol.asyncDispose]();
  };
  if (pid !== undefined) watch().catch(() => {});
  return { [Symbol.dispose]: () => ended.abort() };
}

/** The first signal drains; later ones are doubles, or end plans when nothing else is left. */
function drainOnSignal(agent: RunningAgent, log: Log): Disposable {
  let firstMs: number | undefined;
  const onSignal = (signal: NodeJS.Signals) => {
    const nowMs = systemClock.monotonicMs();
    if (firstMs === undefined) {
      firstMs = nowMs;
      return agent.drain(signal);
    }
    if (agent.isApplying || nowMs - firstMs < secondSignalMs)
      return log.info({ signal }, "already draining: signal ignored");
    log.warn({ signal }, "second signal: canceling plans");
    agent.cancelPlans();
  };
  const signals = ["SIGTERM", "SIGINT"] as const;
  for (const signal of signals) process.on(signal, onSignal);
  return {
    [Symbol.dispose]: () => {
      for (const signal of signals) process.off(signal, onSignal);
    },
  };
}

/** SIGHUP, as daemons have it: what may have changed on the disk is read again. Jobs do not notice. */
function renewOnHangup(agent: RunningAgent, log: Log): Disposable {
  const onSignal = () => {
    log.info("SIGHUP: reading the agent token again and registering anew");
    agent.renew();
  };
  process.on("SIGHUP", onSignal);
  return { [Symbol.dispose]: () => void process.off("SIGHUP", onSignal) };
}

function exitCode(outcome: AgentOutcome, log: Log): number {
  switch (outcome.kind) {
    case "drained":
    case "stopped":
      log.info("agent has left");
      return exitCodes.done;
    case "switching":
      log.info({ version: outcome.detail }, "making room for another version");
      return exitCodes.otherVersion;
    case "given_up":
      log.error({ reason: outcome.detail }, "this version gives itself up");
      return exitCodes.failed;
    case "token_rejected":
      log.error({ reason: outcome.detail }, "the agent token was rejected: give the agent a valid one");
      return exitCodes.tokenRejected;
    case "version_refused":
      log.error({ reason: outcome.detail }, "this version is refused by the server: update the agent");
      return exitCodes.versionRefused;
    case "directory_unusable":
      log.error({ reason: outcome.detail }, "the data directory cannot be used");
      return exitCodes.misconfigured;
    case "sandbox_unusable":
      log.error({ reason: outcome.detail }, "the sandbox cannot be used: install bubblewrap, or choose another one");
      return exitCodes.misconfigured;
    case "deleted":
      log.error({ reason: outcome.detail }, "the agent was deleted");
      return exitCodes.failed;
    case "failed":
      log.error({ reason: outcome.detail }, "the agent failed");
      return exitCodes.failed;
  }
}
