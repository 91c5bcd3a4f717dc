import { type Waiting, WaitingReason } from "../../../src/gen/windlass/v1/run_pb.ts";

interface ReasonWords {
  readonly text: string;
  /** What ends the waiting. */
  readonly end: string;
}

const noWords: ReasonWords = { text: "Waiting", end: "" };

const words: Readonly<Record<WaitingReason, ReasonWords>> = {
  [WaitingReason.UNSPECIFIED]: noWords,
  [WaitingReason.CONFIRMATION]: { text: "Waiting for you", end: "Confirm the plan to apply it, or discard it." },
  [WaitingReason.WORKSPACE_LOCKED]: { text: "Workspace is locked", end: "It goes on when the lock is taken away." },
  [WaitingReason.EARLIER_RUN]: { text: "Behind an earlier run", end: "It goes on when that run has ended." },
  [WaitingReason.NO_POOL]: { text: "No agent pool", end: "Assign the workspace to a pool in its settings." },
  [WaitingReason.POOL_NOT_GRANTED]: {
    text: "Pool is not granted",
    end: "Grant the pool to the workspace, on the pool's page.",
  },
  [WaitingReason.NO_AGENT_ONLINE]: {
    text: "No agent online",
    end: "Start an agent of the pool: it takes the job as soon as it connects.",
  },
  [WaitingReason.AGENTS_BUSY]: {
    text: "Every agent is busy",
    end: "It goes on when an agent is free. More agents make the queue shorter.",
  },
  [WaitingReason.AGENTS_PAUSED]: { text: "Agents are paused", end: "Resume an agent of the pool." },
  [WaitingReason.AGENT_UNREACHABLE]: {
    text: "Agent is silent",
    end: "Its return, or the end of the grace period, decides.",
  },
  [WaitingReason.TERRAFORM_STOPPING]: {
    text: "Stopping",
    end: "It ends when terraform has stopped. After a while it can be ended by force.",
  },
  [WaitingReason.AGENT_PREPARING]: { text: "Agent is preparing", end: "The agent fetches what it needs, then starts." },
  [WaitingReason.NO_MATCHING_AGENT]: {
    text: "No matching agent",
    end: "Start an agent whose labels match, or change the workspace's selector.",
  },
  [WaitingReason.RESOLUTION]: {
    text: "Needs a decision",
    end: "Decide what becomes of the workspace after the lost apply.",
  },
  [WaitingReason.AGENTS_DECLINED]: {
    text: "Agents take no job",
    end: "Make room on the agents' disks, or start another agent.",
  },
  [WaitingReason.NO_AGENT_WITH_ENGINE]: {
    text: "No agent has the engine",
    end: "Install that version on an agent, or let agents download it.",
  },
  [WaitingReason.NO_AGENT_WITH_OPTION]: { text: "Agents are too old", end: "Update an agent of the pool." },
  [WaitingReason.AGENT_DELIVERING]: { text: "Agent is delivering", end: "It goes on when the upload is done." },
  [WaitingReason.WAY_BLOCKED]: {
    text: "Agent's way is blocked",
    end: "Clear what stands between the agent and this server.",
  },
};

/** Why a run waits, in two or three words, and what ends it. */
export const waitingWords = ({ reason }: Pick<Waiting, "reason">): ReasonWords => words[reason] ?? noWords;
