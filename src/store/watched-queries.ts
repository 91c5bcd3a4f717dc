import type { AgentStatus } from "../domain/agents/agent.ts";
import type { AgentId, OrganizationId, PoolId } from "../lib/words/ids.ts";
import type { ChangedKind, ChangeFeed, RowChange } from "./ports/change-feed.ts";
import type { Queries } from "./ports/store.ts";

/** Statuses of agents as they were last heard: only another one is a change. */
export type HeardStatuses = Map<AgentId, AgentStatus>;

/** Runs a transaction, and publishes what it has changed once it is committed. `run` may be called more than once. */
export async function published<T>(
  feed: ChangeFeed,
  heard: HeardStatuses,
  commit: (run: (queries: Queries) => Queries) => Promise<T>,
): Promise<T> {
  let changes: RowChange[] = [];
  let news: HeardStatuses = new Map();
  const result = await commit((queries) => {
    changes = [];
    news = new Map();
    return watchedQueries(queries, { heard, news }, (change) => changes.push(change));
  });
  for (const [id, status] of news) heard.set(id, status);
  feed.publish(changes);
  return result;
}

interface Statuses {
  readonly heard: HeardStatuses;
  /** What is to be remembered once the transaction is committed. */
  readonly news: HeardStatuses;
}

type Tell = (change: RowChange) => void;

interface Owned {
  readonly id: string;
  readonly organizationId: OrganizationId | null;
}

/** The same queries; those that change what somebody may watch tell it. Leases and signs of life are no changes. */
function watchedQueries(q: Queries, statuses: Statuses, tell: Tell): Queries {
  const told = (kind: ChangedKind, { id, organizationId }: Owned) => tell({ kind, id, organizationId });
  return {
    ...q,
    ...watchedRuns(q, tell, told),
    ...watchedWorkspaces(q, told),
    ...watchedPools(q, told),
    agents: watchedAgents(q, statuses, told),
    tokens: {
      ...q.tokens,
      insert: async (row) => {
        await q.tokens.insert(row);
        told("token", row);
      },
      save: async (row) => {
        await q.tokens.save(row);
        told("token", row);
      },
    },
  };
}

type Told = (kind: ChangedKind, row: Owned) => void;

function watchedRuns(q: Queries, tell: Tell, told: Told): Pick<Queries, "runs" | "runEvents" | "jobs"> {
  const ofJob = ({ runId, organizationId, poolId }: Parameters<Queries["jobs"]["insert"]>[0]) => {
    tell({ kind: "run", id: runId, organizationId });
    if (poolId !== null) tell({ kind: "pool", id: poolId, organizationId });
  };
  return {
    runs: {
      ...q.runs,
      insert: async (row) => {
        await q.runs.insert(row);
        told("run", row);
        told("workspace", { id: row.workspaceId, organizationId: row.organizationId });
      },
      save: async (row) => {
        await q.runs.save(row);
        told("run", row);
      },
    },
    runEvents: q.runEvents,
    jobs: {
      ...q.jobs,
      insert: async (row) => {
        await q.jobs.insert(row);
        ofJob(row);
      },
      save: async (row) => {
        await q.jobs.save(row);
        ofJob(row);
      },
      saveIf: async (row, expected) => {
        const isSaved = await q.jobs.saveIf(row, expected);
        if (isSaved) ofJob(row);
        return isSaved;
      },
    },
  };
}

function watchedWorkspaces(q: Queries, told: Told): Pick<Queries, "workspaces" | "states"> {
  return {
    workspaces: {
      ...q.workspaces,
      insert: async (row) => {
        await q.workspaces.insert(row);
        told("workspace", row);
      },
      save: async (row) => {
        await q.workspaces.save(row);
        told("workspace", row);
      },
      delete: async (id) => {
        const row = await q.workspaces.get(id);
        await q.workspaces.delete(id);
        if (row !== undefined) told("workspace", row);
      },
    },
    states: {
      ...q.states,
      insert: async (row) => {
        await q.states.insert(row);
        told("workspace", { id: row.workspaceId, organizationId: row.organizationId });
      },
    },
  };
}

function watchedPools(q: Queries, told: Told): Pick<Queries, "pools"> {
  const ofPool = async (id: PoolId) => {
    const row = await q.pools.get(id);
    if (row !== undefined) told("pool", row);
  };
  return {
    pools: {
      ...q.pools,
      insert: async (row) => {
        await q.pools.insert(row);
        told("pool", row);
      },
      save: async (row) => {
        await q.pools.save(row);
        told("pool", row);
      },
      delete: async (id) => {
        await ofPool(id);
        await q.pools.delete(id);
      },
      grant: async (id, names) => {
        await q.pools.grant(id, names);
        await ofPool(id);
      },
      revoke: async (id, names) => {
        await q.pools.revoke(id, names);
        await ofPool(id);
      },
    },
  };
}

function watchedAgents(q: Queries, { heard, news }: Statuses, told: Told): Queries["agents"] {
  const { agents } = q;
  const ofAgent = (row: Owned & { readonly poolId: PoolId | null }) => {
    told("agent", row);
    if (row.poolId !== null) told("pool", { id: row.poolId, organizationId: row.organizationId });
  };
  const ofAgents = async (ids: readonly AgentId[]) => {
    if (ids.length > 0) for (const row of await agents.byIds(ids)) ofAgent(row);
  };
  return {
    ...agents,
    insert: async (row) => {
      await agents.insert(row);
      ofAgent(row);
    },
    save: async (row) => {
      await agents.save(row);
      ofAgent(row);
    },
    heard: async (rows) => {
      await agents.heard(rows);
      const moved = rows.filter(({ agentId, status }) => heard.get(agentId) !== status);
      for (const { agentId, status } of moved) news.set(agentId, status);
      await ofAgents(moved.map(({ agentId }) => agentId));
    },
    left: async (rows) => {
      await agents.left(rows);
      await ofAgents(rows.map(({ agentId }) => agentId));
    },
    fallSilent: async (rows) => {
      const fallen = await agents.fallSilent(rows);
      for (const { id, status } of fallen) news.set(id, status);
      await ofAgents(fallen.map(({ id }) => id));
      return fallen;
    },
    delete: async (id) => {
      await ofAgents([id]);
      await agents.delete(id);
    },
  };
}
