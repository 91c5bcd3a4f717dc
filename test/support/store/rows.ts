/** Whole rows for tests, each with sensible values that a test overrides. */
import type { Agent } from "../../../src/domain/agents/agent.ts";
import type { AgentPool } from "../../../src/domain/agents/pool.ts";
import type { AgentToken } from "../../../src/domain/agents/token.ts";
import type { ApiKey } from "../../../src/domain/people/api-key.ts";
import type { BrowserSession } from "../../../src/domain/people/browser-session.ts";
import { type Organization, plainOrganization } from "../../../src/domain/people/organization.ts";
import { newRun, queuedJob } from "../../../src/domain/runs/creation.ts";
import type { Job } from "../../../src/domain/runs/job.ts";
import type { Run } from "../../../src/domain/runs/run.ts";
import { type Configuration, plainConfiguration } from "../../../src/domain/workspaces/configuration.ts";
import type { ProviderSettings } from "../../../src/domain/workspaces/provider-settings.ts";
import type { StateVersion } from "../../../src/domain/workspaces/state-version.ts";
import type { Variable } from "../../../src/domain/workspaces/variable.ts";
import type { VariableSet } from "../../../src/domain/workspaces/variable-set.ts";
import { plainWorkspace, type Workspace } from "../../../src/domain/workspaces/workspace.ts";
import { plainOptions } from "../rows.ts";

/** The given number of seconds after a fixed instant. */
export const at = (seconds: number): Date => new Date(Date.UTC(2026, 0, 2, 3, 4, 5, 678) + seconds * 1_000);

export const organization = (change: Partial<Organization> = {}): Organization => ({
  id: "org_1",
  name: "acme",
  ...plainOrganization,
  maxAgents: 0,
  maxWorkspaces: 0,
  defaultExecutionMode: "remote",
  defaultEngine: "terraform",
  defaultEngineVersion: "",
  createdAt: at(0),
  updatedAt: at(0),
  version: 1,
  ...change,
});

export const apiKey = (change: Partial<ApiKey> = {}): ApiKey => ({
  id: "key_1",
  organizationId: "org_1",
  name: "ci",
  role: "owner",
  hash: "hash-of-key-1",
  prefix: "wlk_abc",
  createdAt: at(0),
  expiresAt: null,
  createdBy: "",
  lastUsedAt: null,
  lastUsedAddress: "",
  revokedAt: null,
  replacedBy: null,
  ...change,
});

export const browserSession = (change: Partial<BrowserSession> = {}): BrowserSession => ({
  id: "session-1",
  apiKeyId: "key_1",
  hash: `hash-of-${change.id ?? "session-1"}`,
  createdAt: at(0),
  lastUsedAt: at(0),
  lastUsedAddress: "",
  endsAt: at(43_200),
  userAgent: "",
  ...change,
});

export const pool = (change: Partial<AgentPool> = {}): AgentPool => ({
  id: "apool_1",
  organizationId: "org_1",
  name: "prod",
  description: "",
  isOrganizationScoped: false,
  updatePolicy: null,
  createdAt: at(0),
  updatedAt: at(0),
  version: 1,
  ...change,
});

export const providerSettings = (change: Partial<ProviderSettings> = {}): ProviderSettings => ({
  id: "apool_1",
  organizationId: "org_1",
  poolId: "apool_1",
  sources: [{ kind: "filesystem", path: "/opt/providers", include: ["hashicorp/*"], exclude: [] }],
  hosts: [],
  sealedValue: null,
  caCertificates: "",
  updatedAt: at(0),
  version: 1,
  ...change,
});

export const token = (change: Partial<AgentToken> = {}): AgentToken => ({
  id: "atok_1",
  organizationId: "org_1",
  poolId: "apool_1",
  description: "",
  hash: `hash-of-${change.id ?? "atok_1"}`,
  prefix: "wla_abc",
  createdBy: "ci",
  createdAt: at(0),
  expiresAt: null,
  lastUsedAt: null,
  lastUsedAddress: "",
  replacedBy: null,
  revokedAt: null,
  isStopping: false,
  trust: null,
  ...change,
});

export const agent = (change: Partial<Agent> = {}): Agent => ({
  id: "agent_1",
  organizationId: "org_1",
  poolId: "apool_1",
  tokenId: "atok_1",
  incarnation: `disk-of-${change.id ?? "agent_1"}`,
  bootId: "boot-1",
  sessionEpoch: 1,
  sessionTokenHash: `session-of-${change.id ?? "agent_1"}`,
  name: "alpha",
  version: "0.1.0",
  os: "linux",
  arch: "x64",
  labels: { zone: "a" },
  address: "10.0.0.1",
  concurrency: 2,
  sandbox: "none",
  engines: { programs: [{ engine: "tofu", version: "1.12.6" }], downloads: [{ engine: "tofu", source: "the mirror" }] },
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
  createdAt: at(0),
  lastSeenAt: at(0),
  ...change,
});

export const workspace = (change: Partial<Workspace> = {}): Workspace => ({
  id: "ws_1",
  organizationId: "org_1",
  name: "network",
  description: "",
  executionMode: "agent",
  poolId: null,
  engine: "terraform",
  engineVersion: "",
  workingDirectory: "",
  isAutoApply: false,
  tags: [],
  agentSelector: "",
  planTimeoutMs: 0,
  applyTimeoutMs: 0,
  initTimeoutMs: 0,
  sharesState: false,
  parallelism: 0,
  ...plainWorkspace,
  lock: null,
  currentStateId: null,
  createdAt: at(0),
  updatedAt: at(0),
  version: 1,
  ...change,
});

export const variable = (change: Partial<Variable> = {}): Variable => ({
  id: "var_1",
  organizationId: "org_1",
  workspaceId: "ws_1",
  key: "region",
  category: "terraform",
  value: "eu",
  sealedValue: null,
  isHcl: false,
  isSensitive: false,
  description: "",
  revision: 1,
  updatedAt: at(0),
  ...change,
});

export const variableSet = (change: Partial<VariableSet> = {}): VariableSet => ({
  id: "vset_1",
  organizationId: "org_1",
  name: "cloud",
  description: "",
  isGlobal: false,
  isPriority: false,
  createdAt: at(0),
  updatedAt: at(0),
  version: 1,
  ...change,
});

export const configuration = (change: Partial<Configuration> = {}): Configuration => ({
  id: "cv_1",
  organizationId: "org_1",
  workspaceId: "ws_1",
  blobKey: "b".repeat(64),
  bytes: 1_000,
  sha256: "b".repeat(64),
  ...plainConfiguration,
  fileCount: 3,
  createdBy: "ci",
  createdAt: at(0),
  ...change,
});

export const run = (change: Partial<Run> = {}): Run => ({
  ...newRun({
    ...{ id: "run_1", organizationId: "org_1", workspaceId: "ws_1", configurationId: "cv_1" },
    options: { ...plainOptions, targets: ["null_resource.a"], variables: [{ key: "a", value: "1", isHcl: false }] },
    ...{ message: "", createdBy: "ci", createdAt: at(0), source: "api", urgency: 1, retryOf: null },
  }),
  ...change,
});

export const job = (change: Partial<Job> = {}): Job => ({
  ...queuedJob(run(), { id: "job_1", phase: change.phase ?? "plan", poolId: "apool_1", queuedAt: at(0) }),
  ...change,
});

/** A job that an agent has, until `lease` seconds. */
export const claimedJob = (change: Partial<Job>, lease = 60): Job =>
  job({
    status: "started",
    epoch: 1,
    attempt: 1,
    agentId: "agent_1",
    agentName: "alpha",
    leaseUntil: at(lease),
    ...change,
  });

export const state = (change: Partial<StateVersion> = {}): StateVersion => ({
  id: "sv_1",
  organizationId: "org_1",
  workspaceId: "ws_1",
  runId: "run_1",
  jobId: "job_1",
  jobSequence: 0,
  isFinal: false,
  baseSerial: null,
  lineage: "lineage-1",
  serial: 1,
  status: "current",
  quarantineReason: "",
  sha256: "c".repeat(64),
  bytes: 200,
  blobKey: "d".repeat(64),
  jsonBlobKey: null,
  isIntermediate: false,
  terraformVersion: "1.9.0",
  resourceCount: 1,
  unreadReason: "",
  createdBy: "",
  rollbackOf: null,
  createdAt: at(0),
  ...change,
});
