import { join } from "node:path";
import type { Transport } from "@connectrpc/connect";
import { startAgent } from "../agent/agent.ts";
import { defaultMinFreeBytes, defaultReserveBytes, defaultWorkRoot } from "../agent/agent-config.ts";
import { engineDownloadsOf } from "../agent/program/engine-settings.ts";
import type { Clock } from "../lib/clock.ts";
import type { Environment } from "../lib/environment.ts";
import type { Log } from "../lib/log.ts";
import type { Random } from "../lib/random.ts";
import { version } from "../lib/version.ts";
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
  const downloads = engineDownloadsOf(settings, []);
  const agent = startAgent({
    transport,
    token: async () => token,
    clock,
    random,
    log: log.child({ component: "server-agent" }),
    config: {
      dataDir: join(dataDir, "server-agent"),
      workRoot: defaultWorkRoot,
      name: "server-agent",
      labels: {},
      concurrency: settings.serverAgentConcurrency,
      version,
      isServerAgent: true,
      searchPath: environment.PATH ?? "",
      sandbox: settings.sandbox,
      minFreeBytes: defaultMinFreeBytes,
      reserveBytes: defaultReserveBytes,
      ...(settings.enginePath === undefined ? {} : { enginePath: settings.enginePath }),
      ...(downloads === undefined ? {} : { engineDownloads: downloads }),
    },
  });
  void agent.done.then((outcome) => {
    if (outcome.kind !== "stopped" && outcome.kind !== "drained")
      log.error({ outcome }, "the server agent has ended: workspaces in remote mode wait");
  });
  return agent;
}
