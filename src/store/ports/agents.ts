import type { Agent, AgentStatus } from "../../domain/agents/agent.ts";
import type { AgentPool } from "../../domain/agents/pool.ts";
import type { AgentToken } from "../../domain/agents/token.ts";
import type { ProviderSettings } from "../../domain/workspaces/provider-settings.ts";
import type { AgentId, AgentTokenId, OrganizationId, PoolId, WorkspaceId } from "../../lib/words/ids.ts";
import type { CredentialUse, KeyPage, NamePage, Pair, RowCount, Slice, Sliced, TimePage } from "./pages.ts";

/** How many agents or jobs a pool has, by status. */
export interface PoolCounts {
  readonly poolId: PoolId;
  readonly agents: Readonly<Record<AgentStatus, number>>;
  /** Of the idle and busy ones. */
  readonly pausedAgents: number;
  readonly drainingAgents: number;
  /** How many jobs the idle and busy ones can run at once. */
  readonly capacity: number;
  readonly queuedJobs: number;
  /** Offered and started. */
  readonly runningJobs: number;
  readonly oldestQueuedAt: Date | null;
}

/** Which pools of an organization, and in which order; by time the id decides among equals. */
export interface PoolListing {
  readonly organizationId: OrganizationId;
  /** A part of the name or of the description, in any case; empty is all. */
  readonly search: string;
  readonly order: "name" | "created_at";
  readonly isDescending: boolean;
  /** Name of a workspace: only pools that it may use. */
  readonly usableBy?: string | undefined;
}

/** A workspace that a pool is granted to, or that is assigned to it. */
export interface PoolWorkspace {
  readonly poolId: PoolId;
  readonly workspaceId: WorkspaceId;
}

/** Queries of agent pools; see `Queries` for what all have in common. */
export interface PoolQueries {
  get(id: PoolId): Promise<AgentPool | undefined>;
  byName(organizationId: OrganizationId, name: string): Promise<AgentPool | undefined>;
  /** The one whose name differs from this at most in the case of ASCII letters. */
  byNameInAnyCase(organizationId: OrganizationId, name: string): Promise<AgentPool | undefined>;
  list(organizationId: OrganizationId, page: NamePage): Promise<readonly AgentPool[]>;
  /** `after` is the last row of the page before. */
  find(
    listing: PoolListing,
    page: { readonly after: Pick<AgentPool, "name" | "createdAt" | "id"> | null; readonly limit: number },
  ): Promise<readonly AgentPool[]>;
  /** The same, a counted part. */
  slice(listing: PoolListing, slice: Slice): Promise<Sliced<AgentPool>>;
  count(organizationId: OrganizationId): Promise<number>;
  insert(row: AgentPool): Promise<void>;
  save(row: AgentPool): Promise<void>;
  /** Deletes the pool with its grants, tokens, agents and providers setting. */
  delete(id: PoolId): Promise<void>;
  /** Names granted to a pool, sorted. */
  grants(id: PoolId): Promise<readonly string[]>;
  /** The pools of an organization that are granted to a workspace of this name, by their names. */
  grantedTo(organizationId: OrganizationId, workspaceName: string): Promise<readonly AgentPool[]>;
  /** Adds grants; those already there stay. */
  grant(id: PoolId, workspaceNames: readonly string[]): Promise<void>;
  revoke(id: PoolId, workspaceNames: readonly string[]): Promise<void>;
  /** The workspaces that these pools are granted to, and that are there, by name; at most `limit` of all pools. */
  grantedWorkspaces(ids: readonly PoolId[], limit: number): Promise<readonly PoolWorkspace[]>;
  /** The workspaces that are assigned to these pools, in the same way. */
  assignedWorkspaces(ids: readonly PoolId[], limit: number): Promise<readonly PoolWorkspace[]>;
  /** Names of the workspaces assigned to a pool, sorted, at most `limit`. */
  assigned(id: PoolId, limit: number): Promise<readonly string[]>;
  counts(ids: readonly PoolId[]): Promise<readonly PoolCounts[]>;
}

/** Queries of what jobs are told of providers; a row goes with its organization or pool. */
export interface ProviderSettingsQueries {
  /** By the organization or pool that they belong to. */
  get(id: ProviderSettings["id"]): Promise<ProviderSettings | undefined>;
  insert(row: ProviderSettings): Promise<void>;
  save(row: ProviderSettings): Promise<void>;
  /** True if they were there. */
  delete(id: ProviderSettings["id"]): Promise<boolean>;
}

/** Queries of agent tokens. */
export interface TokenQueries {
  get(id: AgentTokenId): Promise<AgentToken | undefined>;
  byIds(ids: readonly AgentTokenId[]): Promise<readonly AgentToken[]>;
  byHash(hash: string): Promise<AgentToken | undefined>;
  /**
   * Newest first; of one pool, or of the whole organization; with `validAt` only those that admit agents then, with `onlyTrusts` only
   * trusts that nobody has revoked.
   */
  list(
    filter: {
      readonly organizationId: OrganizationId;
      readonly poolId: PoolId | null;
      readonly validAt?: Date | undefined;
      readonly onlyTrusts?: boolean | undefined;
    },
    page: TimePage,
  ): Promise<readonly AgentToken[]>;
  /** Those of a pool that nobody has revoked, newest first, a counted part. */
  slice(poolId: PoolId, slice: Slice): Promise<Sliced<AgentToken>>;
  insert(row: AgentToken): Promise<void>;
  save(row: AgentToken): Promise<void>;
  touch(id: AgentTokenId, use: CredentialUse): Promise<void>;
}

/** What was heard of an agent since the last flush. */
export interface HeardAgent {
  readonly agentId: AgentId;
  readonly status: AgentStatus;
  readonly at: Date;
}

/** What decides what an agent's silence means. */
export type SilentAgent = Pick<Agent, "id" | "status" | "lastSeenAt">;
export type SilentRow = SilentAgent & Pick<Agent, "sessionEpoch" | "name">;

/**
 * Before which moment an agent was last seen: an idle or busy one that becomes unknown, an unknown one that becomes
 * errored.
 */
export interface SilenceDue {
  readonly unknownBefore: Date;
  readonly erroredBefore: Date;
}

/** The end of a session's stream. */
export interface Departure {
  readonly agentId: AgentId;
  readonly sessionEpoch: number;
}

export interface AgentFilter {
  /** Null: only agents of none (the server agent). */
  readonly organizationId: OrganizationId | null;
  readonly poolId: PoolId | null;
  /** Any of them; none is all. */
  readonly statuses: readonly AgentStatus[];
  /** A part of the name, in any case; empty is all. */
  readonly search: string;
}

/** Which agents of a pool, in the order of their registration. */
export interface PoolAgents {
  readonly poolId: PoolId;
  readonly isDescending: boolean;
  /** Only those that were heard since, as their rows know it. */
  readonly heardSince?: Date | undefined;
  /** These too, whenever their rows say that they were heard. */
  readonly heardIds?: readonly AgentId[] | undefined;
}

/** Queries of agents. */
export interface AgentQueries {
  get(id: AgentId): Promise<Agent | undefined>;
  /** The agent of a disk in a pool (null: the server agent). */
  byIncarnation(poolId: PoolId | null, incarnation: string): Promise<Agent | undefined>;
  bySessionToken(hash: string): Promise<Agent | undefined>;
  byName(organizationId: OrganizationId | null, name: string): Promise<readonly Agent[]>;
  /** By (name, id). */
  list(filter: AgentFilter, page: KeyPage<Pair>): Promise<readonly Agent[]>;
  /** A counted part of the agents of a pool. */
  slice(wanted: PoolAgents, slice: Slice): Promise<Sliced<Agent>>;
  /**
   * The key of the agent that stands `rows` after a key; null if there are fewer. Without an organization: of the
   * server's.
   */
  placeAfter(organizationId: OrganizationId | null, page: RowCount<Pair>): Promise<Pair | null>;
  byIds(ids: readonly AgentId[]): Promise<readonly Agent[]>;
  /** Agents of an organization that are idle, busy or unknown. */
  countConnected(organizationId: OrganizationId): Promise<number>;
  insert(row: Agent): Promise<void>;
  save(row: Agent): Promise<void>;
  /** Writes status and lastSeenAt of many agents at once; exited agents are left alone. */
  heard(rows: readonly HeardAgent[]): Promise<void>;
  /** Empties connectedTo of the agents that have no newer stream. */
  left(rows: readonly Departure[]): Promise<void>;
  /** Empties connectedTo of the agents of control plane processes that are gone. */
  disconnectFrom(replicaIds: readonly string[]): Promise<void>;
  /** The same of all agents but those of these processes, which live. */
  disconnectBut(replicaIds: readonly string[]): Promise<void>;
  /** How many agents are connected to each process. */
  countByReplica(): Promise<ReadonlyMap<string, number>>;
  /** Agents whose silence has become news, the longest silent first; `after` is the last row of the page before. */
  silent(
    due: SilenceDue,
    page: { readonly after: Pick<SilentAgent, "id" | "lastSeenAt"> | null; readonly limit: number },
  ): Promise<readonly SilentRow[]>;
  /** Deletes those of these agents that never had a stream and were not heard since; answers how many. */
  forget(rows: readonly SilentAgent[]): Promise<number>;
  /** How many agents a token has, and how many of them it has made since; rows of whatever status. */
  countOfToken(id: AgentTokenId, since: Date): Promise<{ readonly all: number; readonly recent: number }>;
  /** Agents of a token that have left or were lost, and have no job that is open: the last heard longest ago first. */
  goneOfToken(id: AgentTokenId, limit: number): Promise<readonly Pick<Agent, "id">[]>;
  /** Gives each agent its new status, unless it was heard since or has left; answers those that have changed. */
  fallSilent(rows: readonly SilentAgent[]): Promise<readonly SilentAgent[]>;
  /** Agents of a token, for revoking it. */
  ofToken(id: AgentTokenId): Promise<readonly Agent[]>;
  /** Names of the agents of each token that have not exited: of each the last heard first, at most `most`. */
  namesOfTokens(
    ids: readonly AgentTokenId[],
    most: number,
  ): Promise<readonly { readonly tokenId: AgentTokenId; readonly name: string }[]>;
  /** How many directories the agents of each pool keep; null is the server agent. Those that keep none are left out. */
  countKept(): Promise<ReadonlyMap<PoolId | null, number>>;
  delete(id: AgentId): Promise<void>;
}
