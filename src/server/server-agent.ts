import type { Transport } from "@connectrpc/connect";
import { startAgent } from "../agent/agent.ts";
import type { Clock } from "../lib/clock.ts";
import type { Environment } from "../lib/environment.ts";
import type { Log } from "../lib/program/log.ts";
import type { Random } from "../lib/random.ts";
import { serverAgentConfig } from "./server-agent-config.ts";
import type { ServerSettings } from "./settings.ts";

export interface ServerAgentOptions {
  readonly transport: Transport;
  readonly token: string;
  readonly settings: ServerSettings;
  readonly dataDir: string;
  readonly environment: Environment;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** Starts the agent that runs the jobs of workspaces in remote mode: the same code as windlass-agent, without a network. */
export function runServerAgent({
  transport,
  token,
  settings,
  dataDir,
  environment,
  clock,
  random,
  log,
}: ServerAgentOptions): AsyncDisposable {
  const agent = startAgent({
    transport,
    token: async () => token,
    clock,
    random,
    log: log.child({ component: "server-agent" }),
    config: serverAgentConfig(settings, { dataDir, environment }),
  });
  void agent.done.then((outcome) => {
    if (outcome.kind !== "stopped" && outcome.kind !== "drained")
      log.error({ outcome }, "the server agent has ended: workspaces in remote mode wait");
  });
  return agent;
}
