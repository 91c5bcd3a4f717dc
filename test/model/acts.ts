import { revokeAgentToken } from "../../src/control/agents/tokens.ts";
import { dispatchOnce } from "../../src/control/jobs/dispatcher.ts";
import { sweepOnce } from "../../src/control/runs/sweeper.ts";
import type { ModelAgent } from "./model-agent.ts";
import { cancel, confirm, discard, newRun, resolve } from "./people.ts";
import type { Act } from "./schedule.ts";
import type { TerraformProcess } from "./terraform.ts";
import type { World } from "./world.ts";

/** Does what a step says. What there is nothing to do about does nothing. */
export async function perform(world: World, act: Act): Promise<void> {
  const server = world.server;
  switch (act.kind) {
    case "new run":
      return newRun(world);
    case "save plan":
      return newRun(world, { isSavedPlan: true, isAutoApply: false });
    case "confirm":
      return confirm(world, act.run);
    case "discard":
      return discard(world, act.run);
    case "offer":
      if (server !== undefined) await dispatchOnce(server.control);
      return;
    case "work":
      return withProcess(world, act.process, (process) => {
        process.print(act.lines);
        if (act.saves !== "nothing" && process.subcommand === "apply") process.saveState(act.saves);
      });
    case "end":
      return withProcess(world, act.process, (process) => {
        if (act.how === "killed") process.dies({ kind: "signaled", signal: "SIGKILL" });
        else process.end(act.how === "fails" ? 1 : process.subcommand === "plan" ? 2 : 0);
      });
    case "tick":
      return world.clock.advance(act.ms);
    case "beat":
      await world.clock.advance(12_000);
      return world.flush();
    case "cancel":
      return cancel(world, act.run, false);
    case "force":
      return cancel(world, act.run, true);
    case "resolve":
      return resolve(world, act.how);
    case "revoke":
      if (server === undefined) return;
      await revokeAgentToken(server.control, world.storage.owner, { id: world.token.id, stopsJobs: act.stopsJobs });
      return;
    case "expire":
      await world.clock.jump(act.ms);
      if (world.server !== undefined) await sweepOnce(world.server.control);
      return;
    default:
      return strike(world, act);
  }
}

/** What goes wrong outside of the programs. */
async function strike(world: World, act: Act): Promise<void> {
  switch (act.kind) {
    case "agent dies":
      return agentOf(world, act.agent).crash(act);
    case "agent starts":
      return agentOf(world, act.agent).start();
    case "disk wiped":
      return agentOf(world, act.agent).wipe(act);
    case "clone":
      await world.agents[2]?.impersonate(agentOf(world, act.of));
      return world.agents[2]?.start();
    case "road closes":
      return agentOf(world, act.agent).road.close();
    case "road opens":
      return world.openRoad(agentOf(world, act.agent));
    case "stream cut":
      return agentOf(world, act.agent).line?.cut();
    case "engine":
      agentOf(world, act.agent).hasEngine = act.isThere;
      return;
    case "server dies":
      return world.server?.power.off();
    case "server starts":
      return world.startServer();
  }
}

function withProcess({ processes }: World, index: number, act: (process: TerraformProcess) => void): void {
  const alive = processes.filter(({ isAlive }) => isAlive);
  const process = alive[index % Math.max(1, alive.length)];
  if (process !== undefined) act(process);
}

function agentOf({ agents }: World, index: number): ModelAgent {
  const agent = agents[index % agents.length];
  if (agent === undefined) throw new Error("there are agents");
  return agent;
}
