import type { Agent, AgentStatus } from "../domain/agent.ts";
import type { AgentPool } from "../domain/agent-pool.ts";
import type { AgentToken } from "../domain/agent-token.ts";
import type { ApiKey } from "../domain/api-key.ts";
import type { AuditRecord } from "../domain/audit.ts";
import type { Configuration } from "../domain/configuration.ts";
import type { Job } from "../domain/job.ts";
import type { Organization } from "../domain/organization.ts";
import type { Run, RunStatus } from "../domain/run.ts";
import type { StateVersion } from "../domain/state-version.ts";
import type { Variable, VariableCategory } from "../domain/variable.ts";
import type { Workspace } from "../domain/workspace.ts";
import type {
  AgentId,
  AgentTokenId,
  ApiKeyId,
  ConfigurationId,
  JobId,
  OrganizationId,
  PoolId,
  RunId,
  StateVersionId,
  WorkspaceId,
} from "../lib/ids.ts";

/** A page in the order of a unique name: rows whose name sorts after `after`, at most `limit`. */
export interface NamePage {
  readonly after: string | null;
  readonly limit: number;
}

/** A page newest first: rows before (`at`, `id`) in that order, at most `limit`. */
export interface TimePage {
  readonly before: { readonly at: Date; readonly id: string } | null;
  readonly limit: number;
}

/** A remembered request, so that a repeated one gets the same answer. */
export interface RememberedRequest {
  readonly principal: string;
  readonly requestId: string;
  readonly method: string;
  /** SHA-256 of the request without its id, in hex. */
  readonly bodyHash: string;
  /** Id of what the request created. */
  readonly resourceId: string;
  readonly at: Date;
}

/** What was heard of an agent since the last flush. */
export interface Heard {
  readonly agentId: AgentId;
  readonly status: AgentStatus;
  readonly at: Date;
}

/** A lease to extend: only if the job still has this epoch and agent and is offered or started. */
export interface LeaseRenewal {
  readonly jobId: JobId;
  readonly epoch: number;
  readonly until: Date;
}

/** How many agents or jobs a pool has, by status. */
export interface PoolCounts {
  readonly poolId: PoolId;
  readonly agents: Readonly<Record<AgentStatus, number>>;
  readonly queuedJobs: number;
  /** Offered and started. */
  readonly runningJobs: number;
  readonly oldestQueuedAt: Date | null;
}

/**
 * Every query of the product, grouped by noun. `get`s return undefined for what is not there. `insert` refuses a row whose
 * unique columns are taken with `WindlassError("name_taken")`. `save` overwrites the row with the same id.
 * Lists are keyset pages; all text sorts by bytes on both engines.
 */
export interface Queries {
  readonly meta: {
    get(key: string): Promise<string | undefined>;
    /** Inserts or overwrites. */
    set(key: string, value: string): Promise<void>;
  };
  readonly requests: {
    get(principal: string, requestId: string): Promise<RememberedRequest | undefined>;
    insert(request: RememberedRequest): Promise<void>;
    deleteBefore(at: Date): Promise<number>;
  };
  readonly audit: {
    insert(record: AuditRecord): Promise<void>;
  };
  readonly apiKeys: {
    get(id: ApiKeyId): Promise<ApiKey | undefined>;
    byHash(hash: string): Promise<ApiKey | undefined>;
    insert(key: ApiKey): Promise<void>;
    save(key: ApiKey): Promise<void>;
    /** Sets lastUsedAt, unless it is already later than `ifBefore`. */
    touch(id: ApiKeyId, at: Date, ifBefore: Date): Promise<void>;
  };
  readonly organizations: {
    get(id: OrganizationId): Promise<Organization | undefined>;
    byName(name: string): Promise<Organization | undefined>;
    list(page: NamePage): Promise<readonly Organization[]>;
    insert(row: Organization): Promise<void>;
    save(row: Organization): Promise<void>;
    delete(id: OrganizationId): Promise<void>;
  };
  readonly pools: {
    get(id: PoolId): Promise<AgentPool | undefined>;
    byName(organizationId: OrganizationId, name: string): Promise<AgentPool | undefined>;
    list(organizationId: OrganizationId, page: NamePage): Promise<readonly AgentPool[]>;
    insert(row: AgentPool): Promise<void>;
    save(row: AgentPool): Promise<void>;
    /** Deletes the pool with its grants, tokens and agents. */
    delete(id: PoolId): Promise<void>;
    /** Names granted to a pool, sorted. */
    grants(id: PoolId): Promise<readonly string[]>;
    /** Adds grants; those already there stay. */
    grant(id: PoolId, workspaceNames: readonly string[]): Promise<void>;
    revoke(id: PoolId, workspaceNames: readonly string[]): Promise<void>;
    /** Names of the workspaces assigned to a pool, sorted, at most `limit`. */
    assigned(id: PoolId, limit: number): Promise<readonly string[]>;
    counts(ids: readonly PoolId[]): Promise<readonly PoolCounts[]>;
  };
  readonly tokens: {
    get(id: AgentTokenId): Promise<AgentToken | undefined>;
    byHash(hash: string): Promise<AgentToken | undefined>;
    /** Newest first; of one pool, or of the whole organization. */
    list(
      filter: { readonly organizationId: OrganizationId; readonly poolId: PoolId | null },
      page: TimePage,
    ): Promise<readonly AgentToken[]>;
    insert(row: AgentToken): Promise<void>;
    save(row: AgentToken): Promise<void>;
    /** Sets lastUsedAt, unless it is already later than `ifBefore`. */
    touch(id: AgentTokenId, at: Date, ifBefore: Date): Promise<void>;
  };
  readonly agents: {
    get(id: AgentId): Promise<Agent | undefined>;
    /** The agent of a disk in a pool (null: the server agent). */
    byIncarnation(poolId: PoolId | null, incarnation: string): Promise<Agent | undefined>;
    bySessionToken(hash: string): Promise<Agent | undefined>;
    byName(organizationId: OrganizationId | null, name: string): Promise<readonly Agent[]>;
    /** By (name, id); `after` is "<name>\u0001<id>" of the last row. Organization null: only agents of none (the server agent). */
    list(
      filter: {
        readonly organizationId: OrganizationId | null;
        readonly poolId: PoolId | null;
        readonly includesExited: boolean;
      },
      page: NamePage,
    ): Promise<readonly Agent[]>;
    byIds(ids: readonly AgentId[]): Promise<readonly Agent[]>;
    /** Agents of an organization that are idle, busy or unknown. */
    countConnected(organizationId: OrganizationId): Promise<number>;
    insert(row: Agent): Promise<void>;
    save(row: Agent): Promise<void>;
    /** Writes status and lastSeenAt of many agents at once; exited agents are left alone. */
    heard(rows: readonly Heard[]): Promise<void>;
    /** Agents that are idle, busy or unknown and were last seen before `at`. */
    silentSince(at: Date, limit: number): Promise<readonly Agent[]>;
    /** Agents of a token, for revoking it. */
    ofToken(id: AgentTokenId): Promise<readonly Agent[]>;
    delete(id: AgentId): Promise<void>;
  };
  readonly workspaces: {
    get(id: WorkspaceId): Promise<Workspace | undefined>;
    byName(organizationId: OrganizationId, name: string): Promise<Workspace | undefined>;
    byIds(ids: readonly WorkspaceId[]): Promise<readonly Workspace[]>;
    list(
      filter: { readonly organizationId: OrganizationId; readonly poolId: PoolId | null },
      page: NamePage,
    ): Promise<readonly Workspace[]>;
    insert(row: Workspace): Promise<void>;
    save(row: Workspace): Promise<void>;
    /** Deletes the workspace with its variables, configurations, runs, jobs and states. */
    delete(id: WorkspaceId): Promise<void>;
  };
  readonly variables: {
    /** Of a workspace, by (key, category); `after` is "<key>\u0001<category>" of the last row. */
    list(workspaceId: WorkspaceId, page: NamePage): Promise<readonly Variable[]>;
    all(workspaceId: WorkspaceId): Promise<readonly Variable[]>;
    byKey(workspaceId: WorkspaceId, category: VariableCategory, key: string): Promise<Variable | undefined>;
    insert(row: Variable): Promise<void>;
    save(row: Variable): Promise<void>;
    /** True if it was there. */
    delete(workspaceId: WorkspaceId, category: VariableCategory, key: string): Promise<boolean>;
  };
  readonly configurations: {
    get(id: ConfigurationId): Promise<Configuration | undefined>;
    newest(workspaceId: WorkspaceId): Promise<Configuration | undefined>;
    list(workspaceId: WorkspaceId, page: TimePage): Promise<readonly Configuration[]>;
    insert(row: Configuration): Promise<void>;
  };
  readonly runs: {
    get(id: RunId): Promise<Run | undefined>;
    byIds(ids: readonly RunId[]): Promise<readonly Run[]>;
    list(
      filter: {
        readonly organizationId: OrganizationId;
        readonly workspaceId: WorkspaceId | null;
        readonly statuses: readonly RunStatus[];
      },
      page: TimePage,
    ): Promise<readonly Run[]>;
    /** Pending runs of a workspace, oldest first by (createdAt, id). */
    pending(workspaceId: WorkspaceId, limit: number): Promise<readonly Run[]>;
    /** Runs of a workspace that are not final. */
    active(workspaceId: WorkspaceId, limit: number): Promise<readonly Run[]>;
    newest(workspaceId: WorkspaceId): Promise<Run | undefined>;
    insert(row: Run): Promise<void>;
    save(row: Run): Promise<void>;
  };
  readonly jobs: {
    get(id: JobId): Promise<Job | undefined>;
    byIds(ids: readonly JobId[]): Promise<readonly Job[]>;
    byTokenHash(hash: string): Promise<Job | undefined>;
    /** The jobs of a run, plan first. */
    ofRun(runId: RunId): Promise<readonly Job[]>;
    ofRuns(runIds: readonly RunId[]): Promise<readonly Job[]>;
    /** Jobs an agent holds: offered or started. */
    ofAgent(agentId: AgentId): Promise<readonly Job[]>;
    ofAgents(agentIds: readonly AgentId[]): Promise<readonly Job[]>;
    /** Jobs of an agent of which something may still come: those it holds, and ended ones whose log is not closed. */
    openOfAgent(agentId: AgentId): Promise<readonly Job[]>;
    /** Queued jobs in the order (rank, queuedAt, id), at most `limit`. */
    queued(limit: number): Promise<readonly Job[]>;
    /** Queued jobs of a workspace. */
    queuedOfWorkspace(workspaceId: WorkspaceId): Promise<readonly Job[]>;
    /** How many jobs each organization has offered or started. */
    runningByOrganization(): Promise<readonly { readonly organizationId: OrganizationId; readonly count: number }[]>;
    /** How many queued jobs of the same pool come before (rank, queuedAt, id). */
    countAhead(job: Job): Promise<number>;
    insert(row: Job): Promise<void>;
    /** Overwrites the row. */
    save(row: Job): Promise<void>;
    /**
     * Overwrites the row only if it still has this epoch and status; false if not. This is the compare-and-set that
     * every claim goes through, safe in `step`.
     */
    saveIf(row: Job, expected: { readonly epoch: number; readonly status: Job["status"] }): Promise<boolean>;
    /** Extends many leases at once; rows that moved on are left alone. Never shortens one. */
    renew(renewals: readonly LeaseRenewal[]): Promise<void>;
    /** Gives every offered or started job a lease until at least `until`: after a start of the control plane. */
    extendAll(until: Date): Promise<number>;
    /** Offered or started jobs whose lease ended before `at`. */
    overdue(at: Date, limit: number): Promise<readonly Job[]>;
    /** Ended jobs whose log is not closed and that ended before `at`. */
    logsOpenSince(at: Date, limit: number): Promise<readonly Job[]>;
    /** Jobs that are offered or started and whose `desired` is not `run`: for waking sessions that missed a cancel. */
    countByStatus(): Promise<readonly { readonly status: Job["status"]; readonly count: number }[]>;
  };
  readonly states: {
    get(id: StateVersionId): Promise<StateVersion | undefined>;
    /** Newest first by (createdAt, id). */
    list(
      workspaceId: WorkspaceId,
      filter: { readonly isQuarantined: boolean },
      page: TimePage,
    ): Promise<readonly StateVersion[]>;
    /** The one with this lineage, serial and content, if it is stored. */
    find(
      workspaceId: WorkspaceId,
      facts: { readonly lineage: string; readonly serial: number; readonly sha256: string },
    ): Promise<StateVersion | undefined>;
    /** The state with the highest serial that a job stored, quarantined ones included. */
    newestOfJob(jobId: JobId): Promise<StateVersion | undefined>;
    /** The newest accepted state of a run. */
    newestOfRun(runId: RunId): Promise<StateVersion | undefined>;
    insert(row: StateVersion): Promise<void>;
    save(row: StateVersion): Promise<void>;
    /** The blob stays: others may share it. */
    delete(id: StateVersionId): Promise<void>;
  };
}

/** Rows: every fact but bytes. */
export interface Store extends AsyncDisposable {
  /** For people and `GetServerInfo`. */
  readonly engine: "sqlite" | "postgres";
  /** One snapshot; cannot write. */
  read<T>(fn: (q: Queries) => Promise<T>): Promise<T>;
  /** As if alone. May run `fn` again, so it awaits nothing but the transaction and changes nothing outside. */
  write<T>(fn: (tx: Queries) => Promise<T>): Promise<T>;
  /** Each statement decides by its own WHERE (claims, compare-and-set). */
  step<T>(fn: (tx: Queries) => Promise<T>): Promise<T>;
}
