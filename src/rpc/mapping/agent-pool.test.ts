import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { changesByField, fixedFields, shown, unsetFields } from "../../../test/support/mapping.ts";
import { at, job, pool, run } from "../../../test/support/store/rows.ts";
import type { QueuedJobView } from "../../control/agents/pool-queue.ts";
import type { PoolView } from "../../control/workspaces/pool-view.ts";
import type { AgentUpdatePolicy } from "../../domain/agents/agent-update.ts";
import { AgentPoolSchema, QueuedJobSchema } from "../../gen/windlass/v1/agent_pool_pb.ts";
import { agentPoolFields, toAgentPool, toQueuedJob } from "./agent-pool.ts";

const counts = {
  poolId: "apool_1",
  agents: { idle: 1, busy: 2, unknown: 3, errored: 4, exited: 100 },
  ...{ pausedAgents: 7, drainingAgents: 8, capacity: 9, queuedJobs: 5, runningJobs: 6, oldestQueuedAt: at(10) },
} as const;

const updatePolicy: AgentUpdatePolicy = {
  ...{ mode: "minor", target: "1.4.2", previousTarget: "1.4.1", window: "01:00-05:00", hold: "release week" },
  ...{ canary: 2, maxInFlightPercent: 30, halt: "an agent went back", resumedAtMs: 0 },
};

const full: PoolView = {
  pool: pool({ updatePolicy, description: "of the plant", isOrganizationScoped: true, updatedAt: at(1), version: 3 }),
  ...{ organizationName: "acme", grants: ["dns", "network"], assigned: ["network"], counts },
};

test("a pool is told with its grants, its assignments and its numbers; agents that left are not counted", () => {
  expect(shown(AgentPoolSchema, toAgentPool(full, at(72), "1.5.0"))).toEqual({
    ...{ id: "apool_1", name: "prod", description: "of the plant", organization: "acme", organizationScoped: true },
    ...{ grantedWorkspaces: ["dns", "network"], assignedWorkspaces: ["network"], etag: "3" },
    ...{ createTime: "2026-01-02T03:04:05.678Z", updateTime: "2026-01-02T03:04:06.678Z" },
    counts: {
      ...{ idleAgents: 1, busyAgents: 2, unknownAgents: 3, erroredAgents: 4, queuedJobs: 5, runningJobs: 6 },
      ...{ pausedAgents: 7, drainingAgents: 8, capacity: 9, oldestWait: "62s" },
    },
    update: {
      ...{ mode: "AGENT_UPDATE_MODE_MINOR", targetVersion: "1.4.2", previousTargetVersion: "1.4.1" },
      ...{ newestVersion: "1.5.0", window: "01:00-05:00", canary: 2, maxInFlightPercent: 30 },
      ...{ hold: "release week", halt: "an agent went back" },
    },
  });
  expect(unsetFields(AgentPoolSchema, toAgentPool(full, at(72), "1.5.0"))).toEqual([]);
});

test.each([
  ["nothing waits", null, undefined],
  ["a job waits since this instant", at(10), { seconds: 0n, nanos: 0 }],
  ["a job waits since a millisecond", new Date(at(10).getTime() - 1), { seconds: 0n, nanos: 1_000_000 }],
  ["another process' clock is ahead", at(11), { seconds: 0n, nanos: 0 }],
])("how long the oldest job has waited is never negative: %s", (_, oldestQueuedAt, wait) => {
  const told = toAgentPool({ ...full, counts: { ...counts, oldestQueuedAt } }, at(10));
  const { oldestWait } = create(AgentPoolSchema, told).counts ?? {};
  expect(oldestWait === undefined ? undefined : { seconds: oldestWait.seconds, nanos: oldestWait.nanos }).toEqual(wait);
});

test("a queued job is told with its place, and why it waits", () => {
  const view: QueuedJobView = {
    job: job({ phase: "apply", queuedAt: at(2) }),
    run: run({ urgency: 0 }),
    workspaceName: "network",
    waiting: {
      ...{ reason: "agents_busy", detail: "all 2 agents of pool prod are busy", blockingRunId: null },
      ...{ queuePosition: 4, since: at(3) },
    },
  };
  expect(shown(QueuedJobSchema, toQueuedJob(view))).toEqual({
    ...{ jobId: "job_1", runId: "run_1", workspace: "network", phase: "RUN_PHASE_APPLY", queuePosition: 4 },
    ...{ queueTime: "2026-01-02T03:04:07.678Z", reason: "WAITING_REASON_AGENTS_BUSY" },
    ...{ detail: "all 2 agents of pool prod are busy", priority: "RUN_PRIORITY_HIGH" },
  });
  expect(unsetFields(QueuedJobSchema, toQueuedJob(view))).toEqual([]);
});

test("an update reads exactly the field that it names, and may name no other", () => {
  const message = create(AgentPoolSchema, { name: "new", description: "text", organizationScoped: true });
  expect(changesByField(agentPoolFields, message)).toEqual({
    name: { name: "new" },
    description: { description: "text" },
    organization_scoped: { isOrganizationScoped: true },
    update: {
      update: {
        ...{ mode: "off", target: "", window: "", canary: 0, maxInFlightPercent: 0, hold: "", halt: "" },
      },
    },
  });
  expect(fixedFields(AgentPoolSchema, agentPoolFields)).toEqual([
    ...["id", "organization", "granted_workspaces", "assigned_workspaces", "counts"],
    ...["create_time", "update_time", "etag"],
  ]);
});
