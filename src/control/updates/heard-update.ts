import type { Agent } from "../../domain/agents/agent.ts";
import { type AgentUpdateState, type AgentUpdateStatus, isSameUpdate } from "../../domain/agents/agent-update.ts";
import {
  type AgentUpdate,
  AgentUpdateReason,
  AgentUpdateState as State,
} from "../../gen/windlass/agent/v1/agent_gateway_service_pb.ts";
import { oneLine } from "../../lib/text/clean-text.ts";
import { entriesOf } from "../../lib/values/records.ts";
import type { Queries } from "../../store/ports/store.ts";
import { record } from "../core/audit.ts";

const states: Readonly<Record<number, AgentUpdateState>> = {
  [State.NONE]: "none",
  [State.DOWNLOADING]: "downloading",
  [State.READY]: "ready",
  [State.SWITCHING]: "switching",
  [State.CONFIRMED]: "confirmed",
  [State.ROLLED_BACK]: "rolled_back",
  [State.REFUSED]: "refused",
};

const nameOf = (code: AgentUpdateReason): string | undefined =>
  entriesOf(AgentUpdateReason).find(([, known]) => known === code)?.[0];

/** What an agent says of itself; undefined if that is known, or nothing. */
export function updateHeard(
  known: AgentUpdateStatus | null,
  said: AgentUpdate | undefined,
  now: Date,
): AgentUpdateStatus | undefined {
  const state = said === undefined ? undefined : states[said.state];
  if (said === undefined || state === undefined) return undefined;
  const { fromVersion: from, targetVersion: target, reason: code, detail } = said;
  const reason = code === AgentUpdateReason.UNSPECIFIED ? "" : (nameOf(code) ?? "");
  const heard = { state, from: oneLine(from), target: oneLine(target), reason, detail: oneLine(detail) };
  return isSameUpdate(known, heard) ? undefined : { ...heard, atMs: now.getTime() };
}

/** Each step of an agent is on record; that nothing is to be done is none. */
export async function recordUpdate(tx: Queries, agent: Agent, at: Date): Promise<void> {
  const { updateStatus: update, id: resource, organizationId, name, address, version } = agent;
  if (update === null || update.state === "none") return;
  const { state, target, reason, detail } = update;
  const why = reason === "" ? {} : { reason, detail };
  const entry = { action: "agent.update", resource, organizationId, address, at };
  await record(tx, "system", { ...entry, detail: { name, state, version, target, ...why } });
}
