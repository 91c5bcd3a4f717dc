import type { Agent } from "../../src/domain/agent.ts";
import type { AgentPool } from "../../src/domain/agent-pool.ts";
import type { Job } from "../../src/domain/job.ts";
import type { Run } from "../../src/domain/run.ts";
import type { StateVersion } from "../../src/domain/state-version.ts";
import type { Workspace } from "../../src/domain/workspace.ts";
import { newId } from "../../src/lib/ids.ts";
import { systemRandom } from "../../src/lib/random.ts";

/** Rows with plausible values, for tests that need one to be there. */
const at = new Date("2026-01-01T00:00:00Z");

export const agentRow = (pool: AgentPool | null, over: Partial<Agent> = {}): Agent => ({
  id: newId("agent", systemRandom),
  organizationId: pool?.organizationId ?? null,
  poolId: pool?.id ?? null,
  tokenId: null,
  incarnation: systemRandom.uuid(),
  bootId: systemRandom.uuid(),
  sessionEpoch: 1,
  sessionTokenHash: systemRandom.uuid(),
  name: "vm-1",
  version: "0.1.0",
  os: "linux",
  arch: "x64",
  labels: { region: "eu" },
  address: "10.0.0.7",
  concurrency: 1,
  sandbox: "none",
  status: "idle",
  isPaused: false,
  isDraining: false,
  warning: "",
  createdAt: at,
  lastSeenAt: at,
  ...over,
});

export const runRow = (workspace: Workspace, over: Partial<Run> = {}): Run => ({
  id: newId("run", systemRandom),
  organizationId: workspace.organizationId,
  workspaceId: workspace.id,
  configurationId: newId("cv", systemRandom),
  status: "pending",
  options: {
    isPlanOnly: false,
    isAutoApply: false,
    isDestroy: false,
    skipsRefresh: false,
    isRefreshOnly: false,
    targets: [],
    replacements: [],
    variables: [],
    engineVersion: "",
    allowsEmptyApply: false,
    parallelism: 0,
  },
  message: "",
  createdBy: "somebody",
  createdAt: at,
  statusAt: at,
  hasChanges: false,
  plannedChanges: null,
  appliedChanges: null,
  planSha256: null,
  planBytes: null,
  planBlobKey: null,
  summaryBlobKey: null,
  decidedBy: "",
  decidedAt: null,
  decisionComment: "",
  cancelRequestedAt: null,
  errorMessage: "",
  resourcesInFlight: [],
  endedAt: null,
  version: 1,
  ...over,
});

export const jobRow = (run: Run, over: Partial<Job> = {}): Job => ({
  id: newId("job", systemRandom),
  organizationId: run.organizationId,
  workspaceId: run.workspaceId,
  runId: run.id,
  poolId: null,
  phase: "plan",
  status: "queued",
  rank: 1,
  epoch: 0,
  attempt: 0,
  agentId: null,
  agentName: null,
  incarnation: null,
  desired: "run",
  cancelRequestedAt: null,
  tokenHash: null,
  queuedAt: at,
  offeredAt: null,
  startedAt: null,
  endedAt: null,
  leaseUntil: null,
  exitCode: null,
  errorMessage: "",
  logBytes: null,
  isLogClosed: false,
  stateSerial: null,
  ...over,
});

/** What a job looks like while an agent runs it. */
export const startedBy = ({ id, name, poolId, incarnation }: Agent): Partial<Job> => ({
  status: "started",
  poolId,
  agentId: id,
  agentName: name,
  incarnation,
  epoch: 1,
  attempt: 1,
  offeredAt: at,
  startedAt: at,
  leaseUntil: new Date(at.getTime() + 600_000),
});

export const stateRow = (workspace: Workspace, over: Partial<StateVersion> = {}): StateVersion => ({
  id: newId("sv", systemRandom),
  organizationId: workspace.organizationId,
  workspaceId: workspace.id,
  runId: null,
  jobId: null,
  lineage: "8f9f1a44",
  serial: 1,
  status: "current",
  quarantineReason: "",
  sha256: "00",
  bytes: 2,
  blobKey: "00",
  terraformVersion: "1.11.4",
  resourceCount: 0,
  createdAt: at,
  ...over,
});
