import { fromJson } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { namedValues, shown, unknownValue, unnamedValues, unsetFields } from "../../../test/support/mapping.ts";
import { agent, at, job } from "../../../test/support/store/rows.ts";
import type { AgentJobView } from "../../control/agents/list.ts";
import type { AgentView } from "../../control/agents/view.ts";
import type { Coming } from "../../control/core/presence.ts";
import {
  AgentEventKind,
  AgentEventSchema,
  AgentJobSchema,
  AgentSchema,
  AgentStatusSchema,
  AgentStatus as Status,
} from "../../gen/windlass/v1/agent_pb.ts";
import { agentStatuses, fromAgentStatuses, toAgent, toAgentEvent, toAgentJob } from "./agent.ts";

const kept = {
  ...{ jobId: "job_1", epoch: 3, runId: "run_1", workspace: "network", reason: "the state was refused" },
  ...{ path: "/var/jobs/job_1-3", sizeBytes: 2 ** 40, keptAtMs: at(7).getTime() },
};

const full: AgentView = {
  agent: agent({
    ...{ status: "busy", isPaused: true, isDraining: true, pauseReason: "new disk", connectedTo: "host-1" },
    ...{ sandbox: "bwrap", warning: "the disk is nearly full", lastSeenAt: at(9) },
    ...{ keptDirectories: [kept], unwantedDirectories: ["job_1-3"] },
    updateStatus: {
      ...{ state: "rolled_back", from: "1.4.1", target: "1.4.2", reason: "UNHEALTHY" },
      ...{ detail: "it ended by itself", atMs: at(8).getTime() },
    },
    organizationId: null,
  }),
  poolName: "prod",
  organizationName: "acme",
  jobs: [job(), job({ id: "job_2", runId: "run_2" })],
  connected: { freeDiskBytes: 2n ** 63n, refusal: "disk full", way: { problem: "", handsOver: true } },
  doing: ["job_1 downloads tofu 1.12.6"],
};

const bare: AgentView = {
  agent: agent({ organizationId: null, poolId: null, tokenId: null, engines: null, labels: {} }),
  ...{ poolName: "", organizationName: "", jobs: [], connected: undefined, doing: [] },
};

/** A status that only another version knows. */
const { status: newer } = fromJson(AgentSchema, { status: unknownValue });

test("each status of an agent has its value, and a filter finds it again", () => {
  expect(namedValues(AgentStatusSchema, agentStatuses)).toEqual({
    idle: "AGENT_STATUS_IDLE",
    busy: "AGENT_STATUS_BUSY",
    unknown: "AGENT_STATUS_UNKNOWN",
    errored: "AGENT_STATUS_ERRORED",
    exited: "AGENT_STATUS_EXITED",
  });
  expect(unnamedValues(AgentStatusSchema, agentStatuses)).toEqual([]);
  for (const [name, status] of Object.entries(agentStatuses)) expect(fromAgentStatuses([status])).toEqual([name]);
});

test.each([
  [[], []],
  [[Status.UNSPECIFIED], []],
  [[newer], []],
  [
    [Status.EXITED, Status.IDLE, Status.IDLE, newer],
    ["idle", "exited"],
  ],
] as const)("a filter of %j names the statuses %j: each once, what is not known is none", (wanted, found) => {
  expect(fromAgentStatuses(wanted)).toEqual(found);
});

test("an agent is told with all that is known of it", () => {
  expect(shown(AgentSchema, toAgent(full))).toEqual({
    ...{ id: "agent_1", name: "alpha", agentPool: "prod", organization: "acme", status: "AGENT_STATUS_BUSY" },
    ...{ paused: true, draining: true, reason: "new disk", version: "0.1.0", os: "linux", arch: "x64" },
    ...{ labels: { zone: "a" }, address: "10.0.0.1", concurrency: 2, sandbox: "bwrap" },
    ...{ jobIds: ["job_1", "job_2"], runIds: ["run_1", "run_2"], serverAgent: true, agentTokenId: "atok_1" },
    ...{ createTime: "2026-01-02T03:04:05.678Z", lastSeenTime: "2026-01-02T03:04:14.678Z", connectedTo: "host-1" },
    ...{ warning: "the disk is nearly full", refusal: "disk full", freeDiskBytes: "9223372036854775808" },
    doing: ["job_1 downloads tofu 1.12.6"],
    engines: {
      programs: [{ engine: "ENGINE_TOFU", version: "1.12.6" }],
      downloads: [{ engine: "ENGINE_TOFU", source: "the mirror" }],
    },
    keptDirectories: [
      {
        ...{ jobId: "job_1", epoch: "3", runId: "run_1", workspace: "network", reason: "the state was refused" },
        ...{ path: "/var/jobs/job_1-3", sizeBytes: "1099511627776", keepTime: "2026-01-02T03:04:12.678Z" },
        ...{ agentId: "agent_1", agent: "alpha", removing: true },
      },
    ],
    update: {
      ...{ state: "AGENT_UPDATE_STATE_ROLLED_BACK", fromVersion: "1.4.1", targetVersion: "1.4.2" },
      ...{ reason: "UNHEALTHY", detail: "it ended by itself", changeTime: "2026-01-02T03:04:13.678Z" },
    },
  });
  expect(unsetFields(AgentSchema, toAgent(full))).toEqual([]);
});

test("the server's own agent has no pool, no token, and says nothing while it is not connected", () => {
  expect(shown(AgentSchema, toAgent(bare))).toEqual({
    ...{ id: "agent_1", name: "alpha", status: "AGENT_STATUS_IDLE", version: "0.1.0", os: "linux", arch: "x64" },
    ...{ address: "10.0.0.1", concurrency: 2, sandbox: "none", serverAgent: true },
    ...{ createTime: "2026-01-02T03:04:05.678Z", lastSeenTime: "2026-01-02T03:04:05.678Z" },
  });
});

test("an agent of a pool is not the server's, and engines that it has none of are not engines that it does not tell", () => {
  const { serverAgent, engines } = toAgent({ ...bare, agent: agent({ engines: { programs: [], downloads: [] } }) });
  expect([serverAgent, engines]).toEqual([false, { programs: [], downloads: [] }]);
});

test("what admits an agent is never told: neither the hash of its session nor its journal and boot", () => {
  const told = JSON.stringify(shown(AgentSchema, toAgent(full)));
  for (const secret of ["session-of-agent_1", "disk-of-agent_1", "boot-1"]) expect(told).not.toContain(secret);
});

test("a job of an agent is told with its end and its error, and without both while it waits", () => {
  const ended = job({ phase: "apply", status: "errored", startedAt: at(1), endedAt: at(2), errorMessage: "no disk" });
  const view: AgentJobView = { job: ended, workspaceName: "network" };
  expect(shown(AgentJobSchema, toAgentJob(view))).toEqual({
    ...{ jobId: "job_1", runId: "run_1", workspace: "network", phase: "RUN_PHASE_APPLY", status: "JOB_STATUS_ERRORED" },
    ...{ startTime: "2026-01-02T03:04:06.678Z", endTime: "2026-01-02T03:04:07.678Z", errorMessage: "no disk" },
  });
  expect(unsetFields(AgentJobSchema, toAgentJob(view))).toEqual([]);
  expect(shown(AgentJobSchema, toAgentJob({ job: job(), workspaceName: "" }))).toEqual({
    ...{ jobId: "job_1", runId: "run_1", phase: "RUN_PHASE_PLAN", status: "JOB_STATUS_QUEUED" },
  });
});

test("how it came and went is told with the server that it came to", () => {
  const coming: Coming = {
    at: at(1),
    kind: "disconnected",
    address: "10.0.0.1",
    version: "0.1.0",
    detail: "it drained",
  };
  expect(shown(AgentEventSchema, toAgentEvent(coming, "here"))).toEqual({
    ...{ time: "2026-01-02T03:04:06.678Z", kind: "AGENT_EVENT_KIND_DISCONNECTED", address: "10.0.0.1" },
    ...{ version: "0.1.0", detail: "it drained", connectedTo: "here" },
  });
  expect(unsetFields(AgentEventSchema, toAgentEvent(coming, "here"))).toEqual([]);
  expect(toAgentEvent({ ...coming, kind: "connected" }, "").kind).toBe(AgentEventKind.CONNECTED);
});
