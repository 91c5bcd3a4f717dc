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
  const told: Told = (kind, { id, organizationId }) => tell({ kind, id, organizationId });
  return overlaid(q, {
    changes: () => ({ note: tell }),
    runs: () => watchedRuns(q.runs, told),
    jobs: () => watchedJobs(q.jobs, tell),
    workspaces: () => watchedWorkspaces(q.workspaces, tell, told),
    states: () => watchedStates(q.states, told),
    pools: () => watchedPools(q.pools, tell, told),
    agents: () => watchedAgents(q.agents, statuses, { tell, told }),
    tokens: () => ({
      insert: async (row) => {
        await q.tokens.insert(row);
        told("token", row);
      },
      save: async (row) => {
        await q.tokens.save(row);
        told("token", row);
      },
    }),
    upkeep: () => watchedUpkeep(q, told),
  });
}

type Watched = { readonly [Noun in keyof Queries]?: () => Partial<Queries[Noun]> };

/** Queries some of whose nouns have other members. Each noun is made when it is asked for: a transaction asks for few. */
function overlaid(q: Queries, watched: Watched): Queries {
  const makers = new Map<PropertyKey, () => object>(Object.entries(watched));
  const made = new Map<PropertyKey, object>();
  return new Proxy(q, {
    get: (target, noun): unknown => {
      const known = made.get(noun);
      if (known !== undefined) return known;
      const own: unknown = Reflect.get(target, noun);
      const make = makers.get(noun);
      if (make === undefined || typeof own !== "object" || own === null) return own;
      const over = overMembers(own, new Map(Object.entries(make())));
      made.set(noun, over);
      return over;
    },
  });
}

const overMembers = (noun: object, members: ReadonlyMap<PropertyKey, unknown>): object =>
  new Proxy(noun, { get: (target, name): unknown => members.get(name) ?? Reflect.get(target, name) });

type Told = (kind: ChangedKind, row: Owned) => void;

function watchedRuns(runs: Queries["runs"], told: Told): Partial<Queries["runs"]> {
  const ofRun = (row: Parameters<Queries["runs"]["insert"]>[0]) => {
    told("run", row);
    told("workspace", { id: row.workspaceId, organizationId: row.organizationId });
  };
  return {
    insert: async (row) => {
      await runs.insert(row);
      ofRun(row);
    },
    save: async (row) => {
      await runs.save(row);
      ofRun(row);
    },
  };
}

function watchedJobs(jobs: Queries["jobs"], tell: Tell): Partial<Queries["jobs"]> {
  const ofJob = ({ runId, organizationId, poolId }: Parameters<Queries["jobs"]["insert"]>[0]) => {
    tell({ kind: "run", id: runId, organizationId });
    if (poolId !== null) tell({ kind: "pool", id: poolId, organizationId });
  };
  return {
    insert: async (row) => {
      await jobs.insert(row);
      ofJob(row);
    },
    save: async (row) => {
      await jobs.save(row);
      ofJob(row);
    },
    saveIf: async (row, expected) => {
      const isSaved = await jobs.saveIf(row, expected);
      if (isSaved) ofJob(row);
      return isSaved;
    },
  };
}

function watchedWorkspaces(workspaces: Queries["workspaces"], tell: Tell, told: Told): Partial<Queries["workspaces"]> {
  return {
    insert: async (row) => {
      await workspaces.insert(row);
      told("workspace", row);
    },
    save: async (row) => {
      await workspaces.save(row);
      told("workspace", row);
    },
    delete: async (id) => {
      const row = await workspaces.get(id);
      await workspaces.delete(id);
      if (row === undefined) return;
      const { organizationId, name, poolId } = row;
      tell({ kind: "workspace", id, organizationId, name });
      if (poolId !== null) tell({ kind: "pool", id: poolId, organizationId });
    },
  };
}

function watchedStates(states: Queries["states"], told: Told): Partial<Queries["states"]> {
  const ofState = ({ workspaceId, organizationId }: Parameters<Queries["states"]["insert"]>[0]) =>
    told("workspace", { id: workspaceId, organizationId });
  return {
    insert: async (row) => {
      await states.insert(row);
      ofState(row);
    },
    save: async (row) => {
      await states.save(row);
      ofState(row);
    },
    delete: async (id) => {
      const row = await states.get(id);
      await states.delete(id);
      if (row !== undefined) ofState(row);
    },
  };
}

function watchedPools(pools: Queries["pools"], tell: Tell, told: Told): Partial<Queries["pools"]> {
  const ofPool = async (id: PoolId) => {
    const row = await pools.get(id);
    if (row !== undefined) told("pool", row);
  };
  return {
    insert: async (row) => {
      await pools.insert(row);
      told("pool", row);
    },
    save: async (row) => {
      await pools.save(row);
      told("pool", row);
    },
    delete: async (id) => {
      const row = await pools.get(id);
      await pools.delete(id);
      if (row !== undefined) tell({ kind: "pool", id, organizationId: row.organizationId, name: row.name });
    },
    grant: async (id, names) => {
      await pools.grant(id, names);
      await ofPool(id);
    },
    revoke: async (id, names) => {
      await pools.revoke(id, names);
      await ofPool(id);
    },
  };
}

interface Telling {
  readonly tell: Tell;
  readonly told: Told;
}

type AgentRow = Parameters<Queries["agents"]["insert"]>[0];

function watchedAgents(
  agents: Queries["agents"],
  { heard, news }: Statuses,
  { tell, told }: Telling,
): Partial<Queries["agents"]> {
  const ofAgent = (row: AgentRow, name?: string) => {
    const { organizationId, poolId } = row;
    tell({ kind: "agent", id: row.id, organizationId, name });
    if (poolId !== null) told("pool", { id: poolId, organizationId });
  };
  // A token says who has registered with it, and when.
  const withToken = (row: AgentRow) => {
    ofAgent(row);
    if (row.tokenId !== null) told("token", { id: row.tokenId, organizationId: row.organizationId });
  };
  const ofAgents = async (ids: readonly AgentId[]) => {
    if (ids.length > 0) for (const row of await agents.byIds(ids)) ofAgent(row);
  };
  return {
    insert: async (row) => {
      await agents.insert(row);
      withToken(row);
    },
    save: async (row) => {
      await agents.save(row);
      withToken(row);
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
    forget: async (rows) => {
      const known = await agents.byIds(rows.map(({ id }) => id));
      const forgotten = await agents.forget(rows);
      for (const row of known) ofAgent(row, row.name);
      return forgotten;
    },
    delete: async (id) => {
      const row = await agents.get(id);
      await agents.delete(id);
      if (row !== undefined) ofAgent(row, row.name);
    },
  };
}

/** What is deleted because of its age is gone as well. */
const watchedUpkeep = (q: Queries, told: Told): Partial<Queries["upkeep"]> => ({
  deleteRun: async (id) => {
    const row = await q.runs.get(id);
    await q.upkeep.deleteRun(id);
    if (row !== undefined) told("run", row);
  },
  deleteToken: async (id) => {
    const row = await q.tokens.get(id);
    await q.upkeep.deleteToken(id);
    if (row !== undefined) told("token", row);
  },
});
