import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { AgentView } from "../../control/agents.ts";
import type { AgentStatus } from "../../domain/agent.ts";
import { type AgentSchema, AgentStatus as Status } from "../../gen/windlass/v1/agent_pb.ts";

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
});
