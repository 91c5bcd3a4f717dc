import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { AgentJobView } from "../../control/agents/list.ts";
import type { AgentView } from "../../control/agents/view.ts";
import type { Coming } from "../../control/core/presence.ts";
import { keptOfAgent } from "../../control/runs/kept.ts";
import type { AgentEngines, AgentStatus } from "../../domain/agents/agent.ts";
import type { AgentUpdateStatus } from "../../domain/agents/agent-update.ts";
import {
  type AgentEnginesSchema,
  AgentEventKind,
  type AgentEventSchema,
  type AgentJobSchema,
  type AgentSchema,
  type AgentUpdateSchema,
  AgentUpdateState,
  AgentStatus as Status,
} from "../../gen/windlass/v1/agent_pb.ts";
import { entriesOf, given } from "../../lib/values/records.ts";
import { jobStatuses, phases, toKeptDirectory } from "./run.ts";
import { toTime } from "./time.ts";
import { engines } from "./workspace.ts";

export const agentStatuses: Readonly<Record<AgentStatus, Status>> = {
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
  connected,
  doing,
}: AgentView): MessageInitShape<typeof AgentSchema> => ({
  id: agent.id,
  name: agent.name,
  agentPool: poolName,
  organization: organizationName,
  status: agentStatuses[agent.status],
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
  keptDirectories: keptOfAgent(agent).map(toKeptDirectory),
  freeDiskBytes: connected?.freeDiskBytes ?? 0n,
  refusal: connected?.refusal ?? "",
  doing: [...doing],
  engines: agent.engines === null ? undefined : toEngines(agent.engines),
  ...given({ update: agent.updateStatus === null ? undefined : toAgentUpdate(agent.updateStatus) }),
});

const updateStates: Readonly<Record<AgentUpdateStatus["state"], AgentUpdateState>> = {
  none: AgentUpdateState.NONE,
  downloading: AgentUpdateState.DOWNLOADING,
  ready: AgentUpdateState.READY,
  switching: AgentUpdateState.SWITCHING,
  confirmed: AgentUpdateState.CONFIRMED,
  rolled_back: AgentUpdateState.ROLLED_BACK,
  refused: AgentUpdateState.REFUSED,
};

const toAgentUpdate = ({
  state,
  from: fromVersion,
  target: targetVersion,
  atMs,
  ...why
}: AgentUpdateStatus): MessageInitShape<typeof AgentUpdateSchema> => ({
  ...{ state: updateStates[state], fromVersion, targetVersion, ...why },
  changeTime: timestampFromDate(new Date(atMs)),
});

const toEngines = ({ programs, downloads }: AgentEngines): MessageInitShape<typeof AgentEnginesSchema> => ({
  programs: programs.map(({ engine, version }) => ({ engine: engines[engine], version })),
  downloads: downloads.map(({ engine, source }) => ({ engine: engines[engine], source })),
});

/** The statuses that a filter names; unspecified is none. */
export const fromAgentStatuses = (wanted: readonly Status[]): readonly AgentStatus[] =>
  entriesOf(agentStatuses)
    .filter(([, status]) => wanted.includes(status))
    .map(([name]) => name);

export const toAgentJob = ({ job, workspaceName }: AgentJobView): MessageInitShape<typeof AgentJobSchema> => ({
  jobId: job.id,
  runId: job.runId,
  workspace: workspaceName,
  phase: phases[job.phase],
  status: jobStatuses[job.status],
  startTime: toTime(job.startedAt),
  endTime: toTime(job.endedAt),
  errorMessage: job.errorMessage,
});

const comingKinds: Readonly<Record<Coming["kind"], AgentEventKind>> = {
  connected: AgentEventKind.CONNECTED,
  disconnected: AgentEventKind.DISCONNECTED,
};

/** `connectedTo` is the name of this process. */
export const toAgentEvent = (
  { at, kind, address, version, detail }: Coming,
  connectedTo: string,
): MessageInitShape<typeof AgentEventSchema> => ({
  ...{ time: timestampFromDate(at), kind: comingKinds[kind], address, version, detail, connectedTo },
});
