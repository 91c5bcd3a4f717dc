import type { Agent } from "../domain/agents/agent.ts";
import type { Workspace } from "../domain/workspaces/workspace.ts";
import { asserted } from "./engine/boundary.ts";
import { everything, type WriteScope } from "./engine/write-scope.ts";
import type { Queries, Upload } from "./ports/store.ts";

/** How a query is watched; one without a rule may touch anything, and only a write that is alone may ask it. */
interface Rule<A extends readonly unknown[], R> {
  /**
   * `read`; `change`, which waits for its answer; `send`, a change whose answer says nothing; `free`, about which no two writes can
   * disagree.
   */
  readonly kind: "read" | "change" | "send" | "free";
  /** Says what is touched, as far as the arguments tell. */
  readonly asked?: (...args: A) => void;
  /** Says what was touched, as far as only the answer tells. */
  readonly seen?: (result: R, ...args: A) => void;
}

type RulesOf<Noun> = {
  readonly [Name in keyof Noun]?: Noun[Name] extends (...args: infer A) => Promise<infer R> ? Rule<A, R> : never;
};

/** The rules of each noun: see `docs/locks.md` for what they amount to. */
type Rules = { readonly [Noun in keyof Queries]?: RulesOf<Queries[Noun]> };

/** A row that goes with a workspace. */
interface OfWorkspace {
  readonly id: string;
  readonly workspaceId: string;
}

const ofWorkspace = (id: string): string => `workspace/${id}`;
const ofAgents = (organizationId: string | null): string => `agents/${organizationId ?? ""}`;
const ofUploads = (owner: string): string => `uploads/${owner}`;
const ofPeople = (organizationId: string): string => `uploads-of-people/${organizationId}`;

/**
 * Queries that tell a scope what they touch. Rows of a workspace belong to the workspace; an agent to itself, and with those that are
 * counted together to its organization; parts of uploads to their owner. Organizations, pools with their grants, tokens, keys and
 * sets are only read here: who changes them has no rule, and writes alone.
 */
export const scopedQueries = (queries: Queries, scope: WriteScope): Queries => watched(queries, rulesOf(scope), scope);

const free = { kind: "free" } as const;

function rulesOf(scope: WriteScope): Rules {
  const rows = rowRules(scope);
  const agents = agentRules(scope);
  return {
    ...rows,
    ...agents,
    uploads: uploadRules(scope),
    meta: { get: free },
    requests: { get: free, insert: { kind: "send" } },
    audit: {
      insert: { kind: "send" },
      get: { kind: "read", asked: (id) => scope.need(`audit/${id}`) },
      put: { kind: "change", asked: ({ id }) => scope.need(`audit/${id}`) },
    },
    organizations: { get: free, byName: free, byNameInAnyCase: free, list: free, withDefaultPool: free },
    apiKeys: { get: free, byHash: free },
    pools: { get: free, byName: free, byNameInAnyCase: free, list: free, grants: free, grantedTo: free },
    providerSettings: { get: free },
    variableSets: { get: free, byName: free, byNameInAnyCase: free, ofWorkspace: free, workspaces: free, sizes: free },
    setVariables: { get: free, ofSets: free, idsOfSets: free },
  };
}

type RowNouns =
  | "workspaces"
  | "variables"
  | "formerSecrets"
  | "configurations"
  | "runs"
  | "runEvents"
  | "jobs"
  | "states"
  | "stateAnnouncements";

/** What belongs to workspaces. */
function rowRules(scope: WriteScope): Pick<Rules, RowNouns> {
  const needWorkspace = (id: string) => scope.need(ofWorkspace(id));
  const needRow = ({ id, workspaceId }: OfWorkspace) => {
    scope.places.set(id, ofWorkspace(workspaceId));
    needWorkspace(workspaceId);
  };
  const maybe = (row: OfWorkspace | undefined) => row !== undefined && needRow(row);
  const each = (all: readonly OfWorkspace[]) => all.forEach(needRow);
  const needPlaceOf = (id: string) => scope.needPlaceOf(id);
  const get = { kind: "read", seen: maybe } as const;
  const list = { kind: "read", seen: each } as const;
  /** Rows of one workspace. */
  const within = { kind: "read", asked: needWorkspace } as const;
  const send = { kind: "send", asked: needRow } as const;
  const change = { kind: "change", asked: needRow } as const;
  return {
    workspaces: workspaceRules(scope),
    variables: {
      get,
      list: within,
      all: within,
      slice: within,
      byKey: within,
      ...{ insert: change, save: change },
      delete: { kind: "change", asked: needWorkspace },
    },
    formerSecrets: {
      of: {
        kind: "read",
        asked: ({ workspaceIds }) => workspaceIds.forEach(needWorkspace),
        seen: (found) => {
          for (const { id, workspaceId } of found)
            if (workspaceId !== null) scope.places.set(id, ofWorkspace(workspaceId));
        },
      },
      insert: { kind: "send", asked: ({ workspaceId }) => scope.need(ofHolder(workspaceId)) },
      delete: { kind: "change", asked: (ids) => ids.forEach(needPlaceOf) },
    },
    configurations: {
      get,
      usable: within,
      current: within,
      list: within,
      countPending: within,
      insert: send,
      save: send,
    },
    runs: {
      ...{ get, byIds: list, insert: send, save: send },
      ...{ pending: within, active: within, countActive: within, newest: within, ended: within },
      list: { kind: "read", asked: ({ workspaceId }) => scope.need(ofHolder(workspaceId)), seen: each },
    },
    runEvents: {
      list: { kind: "read", asked: needPlaceOf },
      get: { kind: "read", asked: needPlaceOf },
      insert: { kind: "send", asked: ({ runId }) => needPlaceOf(runId) },
    },
    jobs: {
      ...{ get, byIds: list, byTokenHash: get, ofAgent: list, ofAgents: list, openOfAgent: list },
      ofRun: { kind: "read", asked: needPlaceOf, seen: each },
      queuedOfWorkspace: within,
      ...{ insert: send, save: send, saveIf: change },
    },
    states: {
      ...{ get, list: within, insert: send, save: send },
      ofJob: { kind: "read", asked: needPlaceOf, seen: maybe },
      lastWord: { kind: "read", asked: needPlaceOf, seen: maybe },
      newestOfJob: { kind: "read", asked: needPlaceOf, seen: maybe },
      newestOfRun: { kind: "read", asked: needPlaceOf, seen: maybe },
      quarantinedOfJob: {
        kind: "read",
        asked: needPlaceOf,
        seen: (found, jobId) => {
          const place = scope.places.get(jobId);
          if (place !== undefined) for (const { id } of found) scope.places.set(id, place);
        },
      },
      delete: { kind: "change", asked: needPlaceOf },
    },
    stateAnnouncements: { get, insert: send, save: send, delete: { kind: "change", asked: needPlaceOf } },
  };
}

/** What may be of a workspace, or of something that only who is alone writes. */
const ofHolder = (workspaceId: string | null): string => (workspaceId === null ? everything : ofWorkspace(workspaceId));

function workspaceRules(scope: WriteScope): RulesOf<Queries["workspaces"]> {
  const see = (row: Workspace) => {
    scope.places.set(row.id, ofWorkspace(row.id));
    scope.facts.set(row.id, row);
    scope.need(ofWorkspace(row.id));
  };
  const maybe = (row: Workspace | undefined) => row !== undefined && see(row);
  const each = (ids: readonly string[]) => ids.forEach((id) => void scope.need(ofWorkspace(id)));
  return {
    get: { kind: "read", asked: (id) => scope.need(ofWorkspace(id)), seen: maybe },
    byName: { kind: "read", seen: maybe },
    byNameInAnyCase: { kind: "read", seen: maybe },
    byIds: { kind: "read", asked: each, seen: (found) => found.forEach(see) },
    contents: { kind: "read", asked: each },
    queuedRuns: { kind: "read", asked: each },
    consumers: { kind: "read", asked: each },
    setConsumers: { kind: "change", asked: (id) => scope.need(ofWorkspace(id)) },
    save: {
      kind: "send",
      asked: (row) => {
        scope.need(ofWorkspace(row.id));
        // Grants go by name, and pools by who is assigned to them.
        if (!keepsPlace(scope.facts.get(row.id), row)) scope.need(everything);
      },
    },
  };
}

const keepsPlace = (before: unknown, { name, poolId, executionMode }: Workspace): boolean => {
  const known = asserted<Workspace | undefined>(before);
  return known?.name === name && known.poolId === poolId && known.executionMode === executionMode;
};

const countedStatuses: ReadonlySet<Agent["status"]> = new Set(["idle", "busy", "unknown"]);

/** An agent, and those that are counted together. */
function agentRules(scope: WriteScope): Pick<Rules, "agents" | "tokens"> {
  const see = ({ id, organizationId, status }: Agent) => {
    scope.places.set(id, ofAgent(id));
    scope.facts.set(id, { isCounted: countedStatuses.has(status), group: ofAgents(organizationId) });
    scope.need(ofAgent(id));
  };
  const maybe = (row: Agent | undefined) => row !== undefined && see(row);
  const groupOf = (id: string): string => groupIn(scope.facts.get(id)) ?? everything;
  const ofToken = (id: string) => scope.need(groupOf(id));
  return {
    agents: {
      get: { kind: "read", asked: (id) => scope.need(ofAgent(id)), seen: maybe },
      byIncarnation: { kind: "read", seen: maybe },
      bySessionToken: { kind: "read", seen: maybe },
      countConnected: { kind: "read", asked: (organizationId) => scope.need(ofAgents(organizationId)) },
      countOfToken: { kind: "read", asked: ofToken },
      goneOfToken: {
        kind: "read",
        asked: ofToken,
        seen: (found, tokenId) => {
          for (const { id } of found) scope.facts.set(id, { isCounted: false, group: groupOf(tokenId) });
        },
      },
      insert: { kind: "send", asked: ({ organizationId }) => scope.need(ofAgents(organizationId)) },
      save: {
        kind: "send",
        asked: ({ id, organizationId, status }) => {
          scope.need(ofAgent(id));
          if (isCountedIn(scope.facts.get(id)) !== countedStatuses.has(status)) scope.need(ofAgents(organizationId));
        },
      },
      delete: {
        kind: "change",
        asked: (id) => {
          scope.need(ofAgent(id));
          scope.need(groupOf(id));
        },
      },
    },
    tokens: {
      get: {
        kind: "free",
        seen: (row) => {
          if (row !== undefined) scope.facts.set(row.id, { group: ofAgents(row.organizationId) });
        },
      },
      byIds: free,
      byHash: free,
      touch: { kind: "send" },
    },
  };
}

const ofAgent = (id: string): string => `agent/${id}`;

const groupIn = (fact: unknown): string | undefined =>
  typeof fact === "object" && fact !== null && "group" in fact && typeof fact.group === "string"
    ? fact.group
    : undefined;

const isCountedIn = (fact: unknown): unknown =>
  typeof fact === "object" && fact !== null && "isCounted" in fact ? fact.isCounted : undefined;

/** An upload belongs to its owner, and what people have begun is counted together. */
function uploadRules(scope: WriteScope): RulesOf<Queries["uploads"]> {
  const see = ({ id, owner }: Upload) => {
    scope.places.set(id, ofUploads(owner));
    scope.need(ofUploads(owner));
  };
  const maybe = (row: Upload | undefined) => row !== undefined && see(row);
  const needPlaceOf = (id: string) => scope.needPlaceOf(id);
  const part = { kind: "read", asked: needPlaceOf } as const;
  return {
    get: { kind: "read", seen: maybe },
    find: { kind: "read", asked: (owner) => scope.need(ofUploads(owner)), seen: maybe },
    ofOwner: { kind: "read", asked: (owner) => scope.need(ofUploads(owner)), seen: (found) => found.forEach(see) },
    begunByPeople: { kind: "read", asked: (organizationId) => scope.need(ofPeople(organizationId)) },
    insert: {
      kind: "send",
      asked: (row) => {
        see(row);
        if (!row.isOfJob) scope.need(ofPeople(row.organizationId));
      },
    },
    save: { kind: "send", asked: see },
    delete: { kind: "change", asked: needPlaceOf },
    ...{ partBefore: part, partBehind: part, parts: part },
    insertPart: { kind: "send", asked: ({ uploadId }) => needPlaceOf(uploadId) },
  };
}

type AnyQuery = (...args: unknown[]) => unknown;
type AnyRule = Rule<unknown[], unknown>;

/** The same queries, each by its rule. */
function watched(queries: Queries, rules: Rules, scope: WriteScope): Queries {
  const all = asserted<Readonly<Record<string, Readonly<Record<string, AnyRule>>>>>(rules);
  const nouns = Object.entries(asserted<Readonly<Record<string, Readonly<Record<string, AnyQuery>>>>>(queries)).map(
    ([noun, own]) => {
      const ownRules = all[noun] ?? {};
      const watchedOnes = Object.entries(own).map(
        ([name, query]) => [name, noun === "changes" ? query : byRule(query, ownRules[name], scope)] as const,
      );
      return [noun, Object.fromEntries(watchedOnes)] as const;
    },
  );
  return asserted(Object.fromEntries(nouns));
}

const unknownToRules: AnyRule = { kind: "change" };

function byRule(query: AnyQuery, rule: AnyRule | undefined, scope: WriteScope): AnyQuery {
  const { kind, asked, seen } = rule ?? unknownToRules;
  return async (...args) => {
    if (rule === undefined) scope.need(everything);
    asked?.(...args);
    if (kind === "change" || kind === "send") scope.demandLocks();
    const answer = query(...args);
    if (kind === "send" && answer instanceof Promise) return scope.send(answer);
    const result = await answer;
    seen?.(result, ...args);
    return result;
  };
}
