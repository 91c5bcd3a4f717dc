import { type AgentUpdateChange, changedPolicy, defaultUpdatePolicy } from "../../domain/agents/agent-update.ts";
import type { AgentPool } from "../../domain/agents/pool.ts";
import { readUpdateWindow } from "../../domain/agents/update-window.ts";
import { invalid } from "../core/refusals.ts";

/** A pool with a changed policy; what cannot be meant is refused. */
export function withUpdatePolicy(pool: AgentPool, change: AgentUpdateChange, now: Date): AgentPool {
  const policy = changedPolicy(pool.updatePolicy ?? defaultUpdatePolicy, change, now);
  if (policy.window !== "" && readUpdateWindow(policy.window) === undefined)
    throw invalid(
      "changes.update.window",
      `expected days, times and a zone such as "Mon-Thu 01:00-05:00 Europe/Berlin", got ${JSON.stringify(policy.window)}`,
    );
  if (policy.target !== "" && (policy.mode === "off" || policy.mode === "notify"))
    throw invalid(
      "changes.update.target_version",
      "a target needs the mode patch or minor: it says how far agents may go to it",
    );
  return { ...pool, updatePolicy: policy };
}

/** For the audit log. */
export function policyDetail({ updatePolicy }: AgentPool): Readonly<Record<string, string>> {
  if (updatePolicy === null) return {};
  const { mode, target, window, canary, maxInFlightPercent, hold } = updatePolicy;
  return {
    update_mode: mode,
    ...(target === "" ? {} : { update_target: target }),
    ...(window === "" ? {} : { update_window: window }),
    update_canary: String(canary),
    update_max_in_flight: `${maxInFlightPercent}%`,
    ...(hold === "" ? {} : { update_hold: hold }),
  };
}
