import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { AgentJobView } from "../../control/agent-list.ts";
import type { AgentView } from "../../control/agent-view.ts";
import type { AgentStatus } from "../../domain/agent.ts";
import { type AgentJobSchema, type AgentSchema, AgentStatus as Status } from "../../gen/windlass/v1/agent_pb.ts";
import { jobStatuses, phases } from "./run.ts";
import { optionalTime } from "./time.ts";

const statuses: Readonly<Record<AgentStatus, Status>> = {
  idle: Status.IDLE,
  busy: Status.BUSY,
  unknown: Status.UNKNOWN,
  errored: Status.ERRORED,
  exited: Status.EXITED,
};

export const toAgent = ({
  agent,
  poolName,
  organizationName,
  jobs,
}: AgentView): MessageInitShape<typeof AgentSchema> => ({
  id: agent.id,
  name: agent.name,
  agentPool: poolName,
  organization: organizationName,
  status: statuses[agent.status],
  paused: agent.isPaused,
  draining: agent.isDraining,
  version: agent.version,
  os: agent.os,
  arch: agent.arch,
  labels: { ...agent.labels },
  address: agent.address,
  concurrency: agent.concurrency,
  jobIds: jobs.map((job) => job.id),
  runIds: jobs.map((job) => job.runId),
  createTime: timestampFromDate(agent.createdAt),
  lastSeenTime: timestampFromDate(agent.lastSeenAt),
  serverAgent: agent.organizationId === null,
  sandbox: agent.sandbox,
  warning: agent.warning,
  reason: agent.pauseReason,
  connectedTo: agent.connectedTo,
  agentTokenId: agent.tokenId ?? "",
});

/** The statuses that a filter names; unspecified is none. */
export const agentStatusesOf = (wanted: readonly Status[]): readonly AgentStatus[] =>
  (Object.entries(statuses) as readonly (readonly [AgentStatus, Status])[])
    .filter(([, status]) => wanted.includes(status))
    .map(([name]) => name);

export const toAgentJob = ({ job, workspaceName }: AgentJobView): MessageInitShape<typeof AgentJobSchema> => ({
  jobId: job.id,
  runId: job.runId,
  workspace: workspaceName,
  phase: phases[job.phase],
  status: jobStatuses[job.status],
  ...optionalTime("startTime", job.startedAt),
  ...optionalTime("endTime", job.endedAt),
  errorMessage: job.errorMessage,
});
