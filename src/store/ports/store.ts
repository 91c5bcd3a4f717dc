import type { AgentPool } from "../../domain/agents/pool.ts";
import type { JobTimes } from "../../domain/agents/pool-history.ts";
import type { Organization } from "../../domain/people/organization.ts";
import type { Job } from "../../domain/runs/job.ts";
import type { Configuration } from "../../domain/workspaces/configuration.ts";
import type { StateAnnouncement, StateVersion } from "../../domain/workspaces/state-version.ts";
import type {
  AgentId,
  ConfigurationId,
  IdPrefix,
  JobId,
  OrganizationId,
  PoolId,
  RunId,
  StateVersionId,
  WorkspaceId,
} from "../../lib/words/ids.ts";
import type { AgentQueries, PoolQueries, ProviderSettingsQueries, TokenQueries } from "./agents.ts";
import type { ChangeFeed, RowChange } from "./change-feed.ts";
import type { IdPage, NamePage, Position, Slice, Sliced, TimePage } from "./pages.ts";
import type {
  FormerSecretQueries,
  SetVariableQueries,
  VariableQueries,
  VariableSetQueries,
  WorkspaceQueries,
} from "./workspaces.ts";

export type {
  AgentFilter,
  Departure,
  HeardAgent as Heard,
  PoolCounts,
  PoolListing,
  SilentAgent,
} from "./agents.ts";
export type { AttentionScope, Few, Held } from "./attention.ts";
export type { Upload, UploadPart } from "./uploads.ts";
export type {
  TagCount,
  TagSearch,
  WorkspaceContents,
  WorkspaceFilter,
  WorkspaceLosses,
  WorkspaceSearch,
} from "./workspaces.ts";

import type { Spacious } from "../engine/engine.ts";
import type { ApiKeyQueries, AuditQueries, BrowserSessionQueries, StatsQueries } from "./access.ts";
import type { AttentionQueries } from "./attention.ts";
import type { PresenceQueries, ReplicaQueries } from "./replicas.ts";
import type { JobDemand, RunEventQueries, RunQueries } from "./runs.ts";
import type { UpkeepQueries } from "./upkeep.ts";
import type { UploadQueries } from "./uploads.ts";

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

/** A lease to extend: only if the job still has this epoch and agent and is offered or started. */
export interface LeaseRenewal {
  readonly jobId: JobId;
  readonly epoch: number;
  readonly until: Date;
}

type PoolOfOrganization = Pick<AgentPool, "id" | "organizationId">;

/** What decides a job's place among those that wait. */
export type QueuePosition = Pick<Job, "rank" | "urgency" | "queuedAt" | "id">;

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
    /** Writes the value if the present one is `known` (undefined: there is none); false if it is another. */
    replace(key: string, known: string | undefined, value: string): Promise<boolean>;
  };
  readonly requests: {
    get(principal: string, requestId: string): Promise<RememberedRequest | undefined>;
    insert(request: RememberedRequest): Promise<void>;
    countBefore(at: Date): Promise<number>;
    /**
     * Deletes those from before `at`, the oldest first: `limit`, and more only if they are of one moment; answers how
     * many.
     */
    deleteBefore(at: Date, limit: number): Promise<number>;
  };
  readonly changes: {
    /** Tells, once the transaction is committed, that what is shown of something has changed though its own row has not. */
    note(change: RowChange): void;
  };
  readonly ids: {
    /**
     * Ids of a kind that begin with this text, in their own order; of one organization, or of all and of none if that
     * is null.
     */
    beginningWith(
      kind: IdPrefix,
      range: { readonly text: string; readonly organizationId: OrganizationId | null; readonly limit: number },
    ): Promise<readonly string[]>;
  };
  readonly audit: AuditQueries;
  readonly apiKeys: ApiKeyQueries;
  readonly browserSessions: BrowserSessionQueries;
  readonly stats: StatsQueries;
  readonly attention: AttentionQueries;
  readonly organizations: {
    get(id: OrganizationId): Promise<Organization | undefined>;
    byName(name: string): Promise<Organization | undefined>;
    /** The one whose name differs from this at most in the case of ASCII letters. */
    byNameInAnyCase(name: string): Promise<Organization | undefined>;
    list(page: NamePage): Promise<readonly Organization[]>;
    /** Newest first; with a text those in whose name or address for letters it occurs, in any case. */
    search(
      wanted: { readonly id: OrganizationId | null; readonly search: string },
      slice: Slice,
    ): Promise<Sliced<Organization>>;
    /** The name of one whose default pool this is. */
    withDefaultPool(id: PoolId): Promise<string | undefined>;
    insert(row: Organization): Promise<void>;
    save(row: Organization): Promise<void>;
    delete(id: OrganizationId): Promise<void>;
  };
  readonly pools: PoolQueries;
  readonly providerSettings: ProviderSettingsQueries;
  readonly tokens: TokenQueries;
  readonly agents: AgentQueries;
  readonly workspaces: WorkspaceQueries;
  readonly variables: VariableQueries;
  readonly variableSets: VariableSetQueries;
  readonly setVariables: SetVariableQueries;
  readonly formerSecrets: FormerSecretQueries;
  readonly configurations: {
    get(id: ConfigurationId): Promise<Configuration | undefined>;
    /** Those that a run may have without naming them, newest first: uploaded and not provisional; for one that applies, not speculative. */
    usable(
      workspaceId: WorkspaceId,
      filter: { readonly mayApply: boolean },
      page: TimePage,
    ): Promise<readonly Configuration[]>;
    /** The newest one that is not provisional, whether it was uploaded or not. */
    current(workspaceId: WorkspaceId): Promise<Configuration | undefined>;
    list(workspaceId: WorkspaceId, page: TimePage): Promise<readonly Configuration[]>;
    /** The same, counted. */
    slice(workspaceId: WorkspaceId, slice: Slice): Promise<Sliced<Configuration>>;
    /** How many wait for their archives. */
    countPending(workspaceId: WorkspaceId): Promise<number>;
    insert(row: Configuration): Promise<void>;
    save(row: Configuration): Promise<void>;
  };
  readonly stateAnnouncements: {
    get(id: StateVersionId): Promise<StateAnnouncement | undefined>;
    insert(row: StateAnnouncement): Promise<void>;
    save(row: StateAnnouncement): Promise<void>;
    delete(id: StateVersionId): Promise<void>;
    /** Of a workspace, newest first. */
    slice(workspaceId: WorkspaceId, slice: Slice): Promise<Sliced<StateAnnouncement>>;
    /** Those of before `at`, by id. */
    madeBefore(at: Date, page: IdPage): Promise<readonly StateAnnouncement[]>;
  };
  readonly runs: RunQueries;
  readonly runEvents: RunEventQueries;
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
    /**
     * Queued jobs of these pools (null: of the server agent) in the order (rank, urgency, queuedAt, id): of each pool
     * and organization the first `each`, a workspace with many taking one place at a time among the first of a very
     * long queue. If these are more than `limit`, every pool and organization has the same share of it.
     */
    candidates(
      pools: readonly (PoolId | null)[],
      bounds: { readonly each: number; readonly limit: number },
    ): Promise<readonly Job[]>;
    /** Queued jobs of a pool in the order (rank, urgency, queuedAt, id), after a position in it. */
    queuedOfPool(
      poolId: PoolId,
      page: { readonly after: QueuePosition | null; readonly limit: number },
    ): Promise<readonly Job[]>;
    /** Offered and started jobs of a pool, newest first by (queuedAt, id). */
    heldInPool(poolId: PoolId, limit: number): Promise<readonly Job[]>;
    /** What an agent holds or held last, newest first by (queuedAt, id). */
    historyOfAgent(agentId: AgentId, page: TimePage): Promise<readonly Job[]>;
    /** Queued jobs of a workspace. */
    queuedOfWorkspace(workspaceId: WorkspaceId): Promise<readonly Job[]>;
    /** How many jobs of a pool are queued, offered or started, by what their workspaces want of agents. */
    demandOfPool(poolId: PoolId): Promise<readonly JobDemand[]>;
    /** How many jobs each organization has offered or started. */
    runningByOrganization(): Promise<readonly { readonly organizationId: OrganizationId; readonly count: number }[]>;
    /** How many jobs of the same pool come before each of these, of those that are queued, by (rank, urgency, queuedAt, id). */
    jobsAhead(ids: readonly JobId[]): Promise<ReadonlyMap<JobId, number>>;
    insert(row: Job): Promise<void>;
    /** Overwrites the row. */
    save(row: Job): Promise<void>;
    /**
     * Overwrites the row only if it still has this epoch and status; false if not. This is the compare-and-set that
     * every claim goes through, safe in `step`. With the row as it was `read`, which this one was made of, only what is new of it
     * is written.
     */
    saveIf(
      row: Job,
      expected: { readonly epoch: number; readonly status: Job["status"]; readonly read?: Job | undefined },
    ): Promise<boolean>;
    /** Extends many leases at once; rows that moved on are left alone. Never shortens one. */
    renew(renewals: readonly LeaseRenewal[]): Promise<void>;
    /** Gives every offered or started job a lease until at least `until`: after a start of the control plane. */
    extendAll(until: Date): Promise<number>;
    /** Takes from every offered or started job what its lease has beyond `until`: after a clock was set back. */
    capAll(until: Date): Promise<void>;
    /** Offered or started jobs whose lease ended before `at`. */
    overdue(at: Date, limit: number): Promise<readonly Job[]>;
    /**
     * Ended jobs whose log is not closed and that ended before `at`. Interrupted ones may stay so for ever, and come
     * last.
     */
    logsOpenSince(at: Date, limit: number): Promise<readonly Job[]>;
    /** Jobs of a pool whose runs have not ended, but for those that ended themselves before `since`; in no order. */
    timesOfActiveRuns(pool: PoolOfOrganization, since: Date, limit: number): Promise<readonly JobTimes[]>;
    /** Jobs of a pool among the runs of all organizations that ended since, those first that ended last: `limit` runs. */
    timesOfEndedRuns(
      pool: PoolOfOrganization,
      since: Date,
      page: { readonly before: Position | null; readonly limit: number },
    ): Promise<{ readonly times: readonly JobTimes[]; readonly next: Position | null }>;
    /** A lost apply counts as interrupted as long as its run holds its workspace, and then as errored. */
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
    /** The same, counted. */
    slice(
      workspaceId: WorkspaceId,
      filter: { readonly isQuarantined: boolean },
      slice: Slice,
    ): Promise<Sliced<StateVersion>>;
    /** The place of the state that stands `rows` further on in a workspace; null if there are fewer. */
    placeAfter(
      workspaceId: WorkspaceId,
      page: { readonly before: Position | null; readonly rows: number },
    ): Promise<Position | null>;
    /** The one that a job has stored with this place in its order and this content. */
    ofJob(
      jobId: JobId,
      facts: { readonly jobSequence: number; readonly sha256: string },
    ): Promise<StateVersion | undefined>;
    /** The last word of a job with this content, if it has come. */
    lastWord(jobId: JobId, sha256: string): Promise<StateVersion | undefined>;
    /** The last word of a job, or what comes nearest, quarantined ones included; by serial where nobody counted. */
    newestOfJob(jobId: JobId): Promise<StateVersion | undefined>;
    /** The states of a job that are kept aside, the oldest first. */
    quarantinedOfJob(jobId: JobId): Promise<readonly Pick<StateVersion, "id">[]>;
    /** The newest accepted state of a run. */
    newestOfRun(runId: RunId): Promise<StateVersion | undefined>;
    insert(row: StateVersion): Promise<void>;
    save(row: StateVersion): Promise<void>;
    /** The blob stays: others may share it. */
    delete(id: StateVersionId): Promise<void>;
  };
  readonly uploads: UploadQueries;
  /** For the operator's commands and the retention. */
  readonly upkeep: UpkeepQueries;
  readonly replicas: ReplicaQueries;
  readonly presences: PresenceQueries;
}

/** Rows: every fact but bytes. */
export interface Store extends AsyncDisposable, Spacious {
  /** For people and `GetServerInfo`. */
  readonly engine: "sqlite" | "postgres";
  /** What this process has committed lately. */
  readonly changes: ChangeFeed;
  /** One snapshot; cannot write. */
  read<T>(fn: (q: Queries) => Promise<T>): Promise<T>;
  /**
   * As if alone. May run `fn` again, so it awaits nothing but the transaction and changes nothing outside. `about` names
   * what it is about, by an id or how the caller calls it, the best name first: then only writes wait that touch the same
   * rows.
   */
  write<T>(fn: (tx: Queries) => Promise<T>, ...about: readonly string[]): Promise<T>;
  /** Each statement decides by its own WHERE (claims, compare-and-set). */
  step<T>(fn: (tx: Queries) => Promise<T>): Promise<T>;
}
