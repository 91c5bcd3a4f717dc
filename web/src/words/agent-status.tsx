import { type Agent, AgentStatus } from "../../../src/gen/windlass/v1/agent_pb.ts";
import { StatusBadge, type Tone } from "../ui/status-badge.tsx";

interface StatusWords {
  readonly text: string;
  readonly tone: Tone;
  readonly about: string;
  /** As the command line client writes it. */
  readonly flag: string;
}

const words: Readonly<Record<AgentStatus, StatusWords>> = {
  [AgentStatus.UNSPECIFIED]: { text: "Unknown", tone: "quiet", about: "", flag: "" },
  [AgentStatus.IDLE]: { text: "Idle", tone: "good", about: "Connected, without a job.", flag: "idle" },
  [AgentStatus.BUSY]: { text: "Busy", tone: "busy", about: "Connected, with at least one job.", flag: "busy" },
  [AgentStatus.UNKNOWN]: {
    text: "Silent",
    tone: "wait",
    about: "Not heard of for 45 seconds: it gets no jobs; those it has are assumed to go on.",
    flag: "unknown",
  },
  [AgentStatus.ERRORED]: {
    text: "Lost",
    tone: "bad",
    about: "Not heard of for 5 minutes: its jobs are judged.",
    flag: "errored",
  },
  [AgentStatus.EXITED]: { text: "Exited", tone: "quiet", about: "It said good-bye.", flag: "exited" },
};

export const agentStatusWords = (status: AgentStatus): StatusWords => words[status] ?? words[AgentStatus.UNSPECIFIED];

/** Every status that a filter offers. */
export const filterableStatuses: readonly AgentStatus[] = [
  AgentStatus.IDLE,
  AgentStatus.BUSY,
  AgentStatus.UNKNOWN,
  AgentStatus.ERRORED,
  AgentStatus.EXITED,
];

export const isConnected = ({ status }: Pick<Agent, "status">): boolean =>
  status === AgentStatus.IDLE || status === AgentStatus.BUSY;

/** What an agent does, and whether somebody has paused or drained it. */
export function AgentStatusBadge({ agent, large = false }: { readonly agent: Agent; readonly large?: boolean }) {
  const { text, tone, about } = agentStatusWords(agent.status);
  const said = agent.reason === "" ? "" : ` “${agent.reason}”`;
  if (isConnected(agent) && agent.draining)
    return (
      <StatusBadge
        tone="wait"
        text={`${text}, draining`}
        title={`Finishes its jobs and leaves.${said}`}
        large={large}
      />
    );
  if (isConnected(agent) && agent.paused)
    return <StatusBadge tone="wait" text={`${text}, paused`} title={`Takes no new jobs.${said}`} large={large} />;
  return <StatusBadge tone={tone} text={text} title={about} large={large} />;
}
