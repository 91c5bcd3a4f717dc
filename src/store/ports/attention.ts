import type { Agent } from "../../domain/agents/agent.ts";
import type { AgentPool } from "../../domain/agents/pool.ts";
import type { AgentToken } from "../../domain/agents/token.ts";
import type { ApiKey } from "../../domain/people/api-key.ts";
import type { Run } from "../../domain/runs/run.ts";
import type { StateVersion } from "../../domain/workspaces/state-version.ts";
import type { OrganizationId, RunId } from "../../lib/words/ids.ts";

/** Where is looked, and how many rows are wanted. */
export interface AttentionScope {
  /** Null: in all organizations, and beyond them. */
  readonly organizationId: OrganizationId | null;
  readonly limit: number;
}

/** The first of some rows, and how many there are, not counted beyond 1000. */
export interface Few<T> {
  readonly rows: readonly T[];
  readonly count: number;
}

/** A place in the list of all workspaces that runs hold. */
export interface Held {
  readonly organizationId: OrganizationId;
  readonly runId: RunId;
}

/** What comes after one place, which null is the begin of, up to another one. */
export interface HeldPart {
  readonly from: Held | null;
  readonly to: Held | null;
}

/** A time between two moments, the first of them not in it. */
export interface Period {
  readonly after: Date;
  readonly until: Date;
}

/** What needs a person. All of it is found by indexes that hold nothing else, or what is held right now. */
export interface AttentionQueries {
  /** Longest waiting first. */
  plannedRuns(scope: AttentionScope): Promise<Few<Run>>;
  /** The place that stands `rows` after `from` among the workspaces that runs hold; null if there are fewer. */
  heldAfter(scope: AttentionScope, step: { readonly from: Held | null; readonly rows: number }): Promise<Held | null>;
  /** Final runs that hold their workspace, of a part of what is held, by id of the run. */
  heldByEndedRuns(scope: AttentionScope, part: HeldPart): Promise<Few<Run>>;
  /** Oldest first. */
  quarantinedStates(scope: AttentionScope): Promise<Few<StateVersion>>;
  /** Pools without an idle or busy agent that workspaces are assigned to or jobs wait for, by name. */
  poolsWithoutAgents(scope: AttentionScope): Promise<Few<AgentPool>>;
  /** Such pools with idle or busy agents, each of which is paused or draining, by name. */
  pausedPools(scope: AttentionScope): Promise<Few<AgentPool>>;
  /** Agents that are idle, busy or unknown and have a warning, by name. */
  warnedAgents(scope: AttentionScope): Promise<Few<Agent>>;
  /** Tokens that nobody has revoked or replaced, the first to end first. */
  endingTokens(scope: AttentionScope, period: Period): Promise<Few<AgentToken>>;
  /** The same of keys. Those of site admins are in no organization. */
  endingKeys(scope: AttentionScope, period: Period): Promise<Few<ApiKey>>;
}
