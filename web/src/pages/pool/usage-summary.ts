import type { AgentPoolMinute } from "../../../../src/gen/windlass/v1/agent_pool_pb.ts";
import { countText, durationText, msOf } from "../../ui/format.ts";

const most = (values: readonly number[]): number => Math.max(0, ...values);

/** A pool's jobs of the last hour, in words. */
export function usageSummary(
  minutes: readonly Pick<AgentPoolMinute, "queuedJobs" | "runningJobs" | "startedJobs">[],
): string {
  const started = minutes.reduce((sum, { startedJobs }) => sum + startedJobs, 0);
  if (minutes.length === 0) return "Nothing is known of the last hour.";
  return `${countText(started, "job")} started; at most ${most(minutes.map(({ queuedJobs }) => queuedJobs))} queued and ${most(minutes.map(({ runningJobs }) => runningJobs))} running at once.`;
}

/** How long the jobs of the last hour waited for an agent, in words. */
export function waitSummary(minutes: readonly Pick<AgentPoolMinute, "waitP50" | "waitP95">[]): string {
  const known = minutes.flatMap(({ waitP95 }) => msOf(waitP95) ?? []);
  if (known.length === 0) return "No job was started in the last hour.";
  return `In the worst minute 95 of 100 jobs had waited ${durationText(most(known))} or less.`;
}
