import type { Agent } from "../../domain/agents/agent.ts";
import type { AgentUpdate } from "../../gen/windlass/agent/v1/agent_gateway_service_pb.ts";
import type { VersionWish } from "../core/control.ts";
import { type Control, topics } from "../core/control.ts";
import { recordUpdate, updateHeard } from "../updates/heard-update.ts";

/** Hears how far an agent is with updating itself, and says what it should become. */
export async function talkOfUpdates(control: Control, agent: Agent, said: AgentUpdate | undefined): Promise<TalkedOf> {
  const { store, wake, clock, agentUpdates } = control;
  let known = agent;
  if (updateHeard(agent.updateStatus, said, clock.now()) !== undefined) {
    const saved = await store.write(async (tx) => {
      const row = await tx.agents.get(agent.id);
      const updateStatus = updateHeard(row?.updateStatus ?? null, said, clock.now());
      if (row === undefined || updateStatus === undefined) return row;
      const next = { ...row, updateStatus };
      await tx.agents.save(next);
      await recordUpdate(tx, next, clock.now());
      return next;
    }, agent.id);
    known = saved ?? agent;
    agentUpdates?.changed(agent.poolId);
    wake.notify(topics.agents);
  }
  return { agent: known, wish: await agentUpdates?.wishFor(agent) };
}

interface TalkedOf {
  /** As its row is now. */
  readonly agent: Agent;
  readonly wish: VersionWish | undefined;
}
