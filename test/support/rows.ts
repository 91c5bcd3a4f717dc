import type { Agent } from "../../src/domain/agents/agent.ts";
import type { AgentPool } from "../../src/domain/agents/pool.ts";
import { newRun, queuedJob } from "../../src/domain/runs/creation.ts";
import type { Job } from "../../src/domain/runs/job.ts";
import type { Run, RunOptions } from "../../src/domain/runs/run.ts";
import type { StateVersion } from "../../src/domain/workspaces/state-version.ts";
import type { Workspace } from "../../src/domain/workspaces/workspace.ts";
import { systemRandom } from "../../src/lib/random.ts";
import { newId } from "../../src/lib/words/ids.ts";

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
  engines: null,
  status: "idle",
  isPaused: false,
  isDraining: false,
  pauseReason: "",
  connectedTo: "",
  replicaId: null,
  place: "",
  jobsPlace: "",
  warning: "",
  keptDirectories: [],
  unwantedDirectories: [],
  updateStatus: null,
  createdAt: at,
  lastSeenAt: at,
  ...over,
});

/** Options that ask for nothing. */
export const plainOptions: RunOptions = {
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
};

export const runRow = (workspace: Workspace, over: Partial<Run> = {}): Run => ({
  ...newRun({
    ...{ organizationId: workspace.organizationId, workspaceId: workspace.id },
    ...{ id: newId("run", systemRandom), configurationId: newId("cv", systemRandom), options: plainOptions },
    ...{ message: "", createdBy: "somebody", createdAt: at, source: "api", urgency: 1, retryOf: null },
  }),
  ...over,
});

export const jobRow = (run: Run, over: Partial<Job> = {}): Job => ({
  ...queuedJob(run, { id: newId("job", systemRandom), phase: over.phase ?? "plan", poolId: null, queuedAt: at }),
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
  jobSequence: 0,
  isFinal: false,
  baseSerial: null,
  lineage: "8f9f1a44",
  serial: 1,
  status: "current",
  quarantineReason: "",
  sha256: "00",
  bytes: 2,
  blobKey: "00",
  jsonBlobKey: null,
  isIntermediate: false,
  terraformVersion: "1.11.4",
  resourceCount: 0,
  unreadReason: "",
  createdBy: "",
  rollbackOf: null,
  createdAt: at,
  ...over,
});
