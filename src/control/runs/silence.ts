import type { Agent } from "../../domain/agents/agent.ts";
import type { Job } from "../../domain/runs/job.ts";
import type { EndTold } from "../../domain/runs/waiting.ts";
import type { Queries } from "../../store/ports/store.ts";
import type { Control } from "../core/control.ts";
import { desiredOf } from "./desired-state.ts";

/** When an agent was last heard: its row is written a little later than its stream knows it. */
export function lastHeard({ presence }: Pick<Control, "presence">, { id, lastSeenAt }: Agent): Date {
  const heardAt = presence.get(id)?.heardAt;
  return heardAt !== undefined && heardAt > lastSeenAt ? heardAt : lastSeenAt;
}

/** How many heartbeats may be missing before anybody is told. */
const missedBeats = 2;

/**
 * When the agent of a job was last heard, once that is longer ago than two heartbeats; whether it has a stream says
 * nothing.
 */
export async function silentSince(control: Control, q: Queries, job: Job | null): Promise<Date | null> {
  if (job === null || job.agentId === null || (job.status !== "started" && job.status !== "offered")) return null;
  const agent = await q.agents.get(job.agentId);
  if (agent === undefined) return null;
  const { clock, timing, presence } = control;
  const connected = presence.get(agent.id);
  const heardAt = lastHeard(control, agent);
  const silentMs =
    connected === undefined ? clock.now().getTime() - heardAt.getTime() : clock.monotonicMs() - connected.heardAtMs;
  return silentMs >= timing.heartbeatMs * missedBeats ? heardAt : null;
}

/** Whether the agent of a job has heard what is wanted of it. */
export function endTold({ presence }: Pick<Control, "presence">, job: Job | null): EndTold {
  if (job === null || job.agentId === null || presence.find(job.agentId) === undefined) return "waits";
  return presence.progressOf(job).desired >= desiredOf(job) ? "heard" : "sent";
}
