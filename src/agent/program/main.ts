import { systemClock } from "../../lib/clock.ts";
import { helpText } from "../../lib/command-line.ts";
import { readEnvironment } from "../../lib/environment.ts";
import { createGrpcTransport } from "../../lib/grpc-transport.ts";
import { createLog, type Log } from "../../lib/log.ts";
import { systemRandom } from "../../lib/random.ts";
import { openStatusPort } from "../../lib/status-port.ts";
import { version } from "../../lib/version.ts";
import { type Agent, startAgent } from "../agent.ts";
import type { AgentOutcome } from "../agent-outcome.ts";
import { agentSettings } from "./agent-settings.ts";
import { forgetHiddenToken } from "./hide-token.ts";
import { type ProgramConfig, readProgramCall } from "./program-config.ts";

/** Exit codes of `windlass-agent`. */
export const exitCodes = { done: 0, failed: 1, misconfigured: 2, tokenRejected: 4, versionRefused: 9 } as const;

/** A second signal this long after the first one cancels plans; sooner it is a double of the first. */
const secondSignalMs = 5_000;

/** Runs `windlass-agent` and resolves with its exit code. */
export async function main(argv: readonly string[]): Promise<number> {
  const environment = readEnvironment();
  const isDoctor = argv[0] === "doctor";
  const call = readProgramCall(isDoctor ? argv.slice(1) : argv, environment);
  forgetHiddenToken(environment);
  switch (call.kind) {
    case "help":
      process.stdout.write(helpText(agentSettings(environment), help));
      return exitCodes.done;
    case "version":
      process.stdout.write(`windlass-agent ${version}\n`);
      return exitCodes.done;
    case "invalid":
      for (const problem of call.problems) process.stderr.write(`windlass-agent: ${problem}\n`);
      return exitCodes.misconfigured;
    case "run":
      return isDoctor ? doctor(call.config) : run(call.config);
  }
}

const help = {
  usage: "windlass-agent [doctor] [flags]",
  about:
    "Takes jobs of a Windlass control plane and runs terraform for them. With doctor, checks whether it could, and ends with 1 if not.",
  examples: [
    "WINDLASS_AGENT_TOKEN=wdl_agt_… windlass-agent --address https://tf.example.com",
    "windlass-agent --token-file /etc/windlass/agent-token --concurrency 2",
    "windlass-agent doctor --token-file /etc/windlass/agent-token",
  ],
};

/** Prints a line for each check, or all of them as JSON where logs would be JSON. */
async function doctor(config: ProgramConfig): Promise<number> {
  const [{ examineAgent }, { checkLines, isHealthy }] = await Promise.all([
    import("./doctor.ts"),
    import("../../lib/checks.ts"),
  ]);
  const checks = await examineAgent(config, systemClock);
  const text = config.log.format === "json" ? JSON.stringify(checks, undefined, 2) : checkLines(checks).join("\n");
  process.stdout.write(`${text}\n`);
  return isHealthy(checks) ? exitCodes.done : exitCodes.failed;
}

async function run({
  agent: config,
  address,
  tls,
  token,
  log: logOptions,
  httpListen,
}: ProgramConfig): Promise<number> {
  const log = createLog(logOptions);
  using transport = createGrpcTransport({ address, tls, userAgent: `windlass-agent/${version}` });
  await using agent = startAgent({
    ...{ transport, config, log },
    token: async () => token,
    clock: systemClock,
    random: systemRandom,
  });
  using _signals = drainOnSignal(agent, log);
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

/** The first signal drains; later ones are doubles, or end plans when nothing else is left. */
function drainOnSignal(agent: Agent, log: Log): Disposable {
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

function exitCode(outcome: AgentOutcome, log: Log): number {
  switch (outcome.kind) {
    case "drained":
    case "stopped":
      log.info("agent has left");
      return exitCodes.done;
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
