import type { AgentPool } from "../../gen/windlass/v1/agent_pool_pb.ts";
import type { AgentToken } from "../../gen/windlass/v1/agent_token_pb.ts";
import type { Event, Gone } from "../../gen/windlass/v1/event_service_pb.ts";
import type { Run } from "../../gen/windlass/v1/run_pb.ts";
import type { Workspace } from "../../gen/windlass/v1/workspace_pb.ts";
import { counted } from "../../lib/text/counted.ts";
import { agentLine } from "../agent/view.ts";
import { agentsText } from "../pool/view.ts";
import { stateLine } from "../run/view.ts";
import { timeText } from "../terminal/ages.ts";

/** What an event is about. */
export type Topic = "runs" | "workspaces" | "pools" | "agents" | "tokens";

export interface ChangeText {
  readonly topic: Topic;
  /** Of the thing; nothing else has it. */
  readonly id: string;
  /** For `-o name`: `run/run_…`. */
  readonly name: string;
  /** How it is now. */
  readonly line: string;
}

/** What an event tells; undefined for what a newer server tells. */
export function toldBy({ subject }: Event): ChangeText | undefined {
  switch (subject.case) {
    case "run":
      return { topic: "runs", id: subject.value.id, name: `run/${subject.value.id}`, line: runLine(subject.value) };
    case "workspace": {
      const { id, name } = subject.value;
      return { topic: "workspaces", id, name: `workspace/${name}`, line: workspaceLine(subject.value) };
    }
    case "agentPool":
      return {
        ...{ topic: "pools", id: subject.value.id, name: `pool/${subject.value.name}` },
        line: poolLine(subject.value),
      };
    case "agent":
      return {
        ...{ topic: "agents", id: subject.value.id, name: `agent/${subject.value.name}` },
        line: `agent ${agentLine(subject.value)}`,
      };
    case "agentToken":
      return {
        ...{ topic: "tokens", id: subject.value.id, name: `token/${subject.value.id}` },
        line: tokenLine(subject.value),
      };
    case "gone":
      return toldByGone(subject.value);
    case undefined:
      return undefined;
  }
}

const runLine = (run: Run): string => `${run.id} in workspace ${run.workspace}: ${stateLine(run)}`;

function workspaceLine({ name, lock, queuedRuns }: Workspace): string {
  const waiting =
    queuedRuns === 0 ? "" : `, ${counted(queuedRuns, "run")} ${queuedRuns === 1 ? "waits" : "wait"} for it`;
  if (lock === undefined) return `workspace ${name}: not locked${waiting}`;
  const reason = lock.reason === "" ? "" : `: ${lock.reason}`;
  return `workspace ${name}: locked by ${lock.holder}${reason}${waiting}`;
}

const poolLine = (pool: AgentPool): string =>
  `pool ${pool.name}: ${agentsText(pool)}; ${pool.counts?.queuedJobs ?? 0} queued, ${pool.counts?.runningJobs ?? 0} running`;

function tokenLine({ id, agentPool, description, revokeTime, expireTime, active, agents }: AgentToken): string {
  const what = `token ${id} of pool ${agentPool}${description === "" ? "" : ` (${description})`}`;
  if (revokeTime !== undefined) return `${what}: revoked`;
  if (!active) return `${what}: ended ${timeText(expireTime)}`;
  return `${what}: ${agents.length === 0 ? "not used yet" : `used by ${agents.join(", ")}`}`;
}

const goneTopics: Readonly<Record<string, readonly [Topic, string]>> = {
  "windlass.v1.Run": ["runs", "run"],
  "windlass.v1.Workspace": ["workspaces", "workspace"],
  "windlass.v1.AgentPool": ["pools", "pool"],
  "windlass.v1.Agent": ["agents", "agent"],
  "windlass.v1.AgentToken": ["tokens", "token"],
};

function toldByGone({ resourceType, id, name }: Gone): ChangeText | undefined {
  const [topic, noun] = goneTopics[resourceType] ?? [];
  if (topic === undefined || noun === undefined) return undefined;
  return { topic, id, name: `${noun}/${name || id}`, line: `${noun} ${name || id} is gone` };
}
