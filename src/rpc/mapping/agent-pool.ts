import type { MessageInitShape } from "@bufbuild/protobuf";
import { durationFromMs, timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { QueuedJobView } from "../../control/agents/pool-queue.ts";
import { etagOf } from "../../control/core/etags.ts";
import type { PoolView } from "../../control/workspaces/pool-view.ts";
import type { AgentPool } from "../../domain/agents/pool.ts";
import type { PoolHistory, Waits } from "../../domain/agents/pool-history.ts";
import type {
  AgentPoolCountsSchema,
  AgentPool as AgentPoolMessage,
  AgentPoolSchema,
  QueuedJobSchema,
} from "../../gen/windlass/v1/agent_pool_pb.ts";
import type { GetAgentPoolHistoryResponseSchema } from "../../gen/windlass/v1/agent_pool_service_pb.ts";
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

/** `now` tells how long the oldest job has waited. */
export const toAgentPool = (
  { pool, organizationName, grants, assigned, counts }: PoolView,
  now: Date,
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
  Pick<AgentPool, "name" | "description" | "isOrganizationScoped">
> = {
  name: ({ name }) => ({ name }),
  description: ({ description }) => ({ description }),
  organization_scoped: ({ organizationScoped }) => ({ isOrganizationScoped: organizationScoped }),
};
