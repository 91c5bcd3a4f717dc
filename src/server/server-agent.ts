import type { Transport } from "@connectrpc/connect";
import { startAgent } from "../agent/agent.ts";
import type { Opening } from "./opening.ts";
import { serverAgentConfig } from "./server-agent-config.ts";

/** How the server's own agent calls: without a network, with a token that lives as long as the process. */
export interface InProcessCalls {
  readonly transport: Transport;
  readonly token: string;
}

/** Starts the agent that runs the jobs of workspaces in remote mode: the same code as windlass-agent, without a network. */
export function runServerAgent(
  { settings, dataDir, environment, clock, random, log }: Opening,
  { transport, token }: InProcessCalls,
): AsyncDisposable {
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
