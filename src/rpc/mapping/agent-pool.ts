import type { MessageInitShape } from "@bufbuild/protobuf";
import { durationFromMs, timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { QueuedJobView } from "../../control/agents/pool-queue.ts";
import { etagOf } from "../../control/core/etags.ts";
import type { PoolView } from "../../control/workspaces/pool-view.ts";
import {
  type AgentUpdateChange,
  type AgentUpdatePolicy,
  defaultUpdatePolicy,
} from "../../domain/agents/agent-update.ts";
import type { AgentPool } from "../../domain/agents/pool.ts";
import type { PoolHistory, Waits } from "../../domain/agents/pool-history.ts";
import {
  type AgentPoolCountsSchema,
  type AgentPool as AgentPoolMessage,
  type AgentPoolSchema,
  AgentUpdateMode,
  type AgentUpdatePolicy as AgentUpdatePolicyMessage,
  type AgentUpdatePolicySchema,
  type QueuedJobSchema,
} from "../../gen/windlass/v1/agent_pool_pb.ts";
import type { GetAgentPoolHistoryResponseSchema } from "../../gen/windlass/v1/agent_pool_service_pb.ts";
import { entriesOf, given } from "../../lib/values/records.ts";
import type { UpdatableFields } from "./field-mask.ts";
import { phases, priorities, waitingReasons } from "./run.ts";

export const toQueuedJob = ({
  job,
  run,
  workspaceName,
  waiting,
}: QueuedJobView): MessageInitShape<typeof QueuedJobSchema> => ({
  jobId: job.id,
  runId: run.id,
  workspace: workspaceName,
  phase: phases[job.phase],
  queuePosition: waiting.queuePosition,
  queueTime: timestampFromDate(job.queuedAt),
  reason: waitingReasons[waiting.reason],
  detail: waiting.detail,
  priority: priorities[run.urgency],
});

/** `now` tells how long the oldest job has waited; `newestAgent` is the newest version that agents could be. */
export const toAgentPool = (
  { pool, organizationName, grants, assigned, counts }: PoolView,
  now: Date,
  newestAgent = "",
): MessageInitShape<typeof AgentPoolSchema> => ({
  id: pool.id,
  name: pool.name,
  description: pool.description,
  organization: organizationName,
  organizationScoped: pool.isOrganizationScoped,
  grantedWorkspaces: [...grants],
  assignedWorkspaces: [...assigned],
  counts: toCounts(counts, now),
  createTime: timestampFromDate(pool.createdAt),
  updateTime: timestampFromDate(pool.updatedAt),
  etag: etagOf(pool),
  ...given({ update: toUpdatePolicy(pool.updatePolicy, newestAgent) }),
});

const updateModes: Readonly<Record<AgentUpdatePolicy["mode"], AgentUpdateMode>> = {
  off: AgentUpdateMode.OFF,
  notify: AgentUpdateMode.NOTIFY,
  patch: AgentUpdateMode.PATCH,
  minor: AgentUpdateMode.MINOR,
};

/** Undefined where nobody has said anything, and there is nothing to be had. */
function toUpdatePolicy(
  policy: AgentUpdatePolicy | null,
  newestVersion: string,
): MessageInitShape<typeof AgentUpdatePolicySchema> | undefined {
  if (policy === null && newestVersion === "") return undefined;
  const { mode, target, previousTarget, ...rest } = policy ?? defaultUpdatePolicy;
  const { window, canary, maxInFlightPercent, hold, halt } = rest;
  const versions = { targetVersion: target, previousTargetVersion: previousTarget, newestVersion };
  return { mode: updateModes[mode], ...versions, window, canary, maxInFlightPercent, hold, halt };
}

const fromUpdatePolicy = (message: AgentUpdatePolicyMessage | undefined): AgentUpdateChange => ({
  mode: entriesOf(updateModes).find(([, mode]) => mode === message?.mode)?.[0] ?? "off",
  target: message?.targetVersion ?? "",
  window: message?.window ?? "",
  canary: message?.canary ?? 0,
  maxInFlightPercent: message?.maxInFlightPercent ?? 0,
  hold: message?.hold ?? "",
  halt: message?.halt ?? "",
});

const toCounts = (
  { agents, queuedJobs, runningJobs, oldestQueuedAt, ...more }: PoolView["counts"],
  now: Date,
): MessageInitShape<typeof AgentPoolCountsSchema> => ({
  idleAgents: agents.idle,
  busyAgents: agents.busy,
  unknownAgents: agents.unknown,
  erroredAgents: agents.errored,
  queuedJobs,
  runningJobs,
  pausedAgents: more.pausedAgents,
  drainingAgents: more.drainingAgents,
  capacity: more.capacity,
  oldestWait:
    oldestQueuedAt === null ? undefined : durationFromMs(Math.max(0, now.getTime() - oldestQueuedAt.getTime())),
});

export const toPoolHistory = (history: PoolHistory): MessageInitShape<typeof GetAgentPoolHistoryResponseSchema> => ({
  ...toWaits(history),
  minutes: history.minutes.map(({ beginsAt, queued, running, ...waits }) => ({
    ...{ startTime: timestampFromDate(beginsAt), queuedJobs: queued, runningJobs: running },
    ...toWaits(waits),
  })),
});

const toWaits = ({ started, p50Ms, p95Ms }: Waits) => ({
  startedJobs: started,
  waitP50: p50Ms === null ? undefined : durationFromMs(p50Ms),
  waitP95: p95Ms === null ? undefined : durationFromMs(p95Ms),
});

export const agentPoolFields: UpdatableFields<
  AgentPoolMessage,
  Pick<AgentPool, "name" | "description" | "isOrganizationScoped"> & { readonly update: AgentUpdateChange }
> = {
  name: ({ name }) => ({ name }),
  description: ({ description }) => ({ description }),
  organization_scoped: ({ organizationScoped }) => ({ isOrganizationScoped: organizationScoped }),
  update: ({ update }) => ({ update: fromUpdatePolicy(update) }),
};
