import { createHash } from "node:crypto";
import { type Agent, type AgentStatus, labelsOf } from "../../domain/agents/agent.ts";
import { meets } from "../../domain/agents/label-selector.ts";
import type { Person, Principal } from "../../domain/people/principal.ts";
import type { Job } from "../../domain/runs/job.ts";
import type { KeyPage, Pair, RowCount, Slice, Sliced } from "../../store/ports/pages.ts";
import type { AgentFilter, Queries } from "../../store/ports/store.ts";
import { asPerson, demand, findOrganization, findPool, type Reference } from "../core/access.ts";
import { type Control, topics } from "../core/control.ts";
import { pairCursor } from "../core/cursor.ts";
import { type Page, type PageRequest, pageByTime, pageOfAll, searchByKey, withRows } from "../core/pages.ts";
import type { Coming } from "../core/presence.ts";
import { demandSelector } from "../core/selectors.ts";
import { findAgent } from "./agents.ts";
import { type AgentView, viewAgents } from "./view.ts";

export interface WantedAgents {
  readonly organization: string;
  /** Id or name; empty is every pool. */
  readonly pool: string;
  /** Any of them; none is all but, unless `includesExited`, those that said good-bye. */
  readonly statuses: readonly AgentStatus[];
  readonly includesExited: boolean;
  /** Conditions on the labels; empty is all. */
  readonly selector: string;
  /** A part of the name, in any case; empty is all. */
  readonly search: string;
}

export interface AgentList extends WantedAgents {
  readonly page: PageRequest;
}

/** Of how many agents the labels are read in one go. */
const selectedRows = 500;

/** The agents of an organization, by name; for site admins the server agent too. */
export async function listAgents(control: Control, who: Principal, wanted: AgentList): Promise<Page<AgentView>> {
  const person = asPerson(who);
  demand(person, "read");
  const conditions = demandSelector("label_selector", wanted.selector);
  const { store } = control;
  const { owners, ...filter } = await store.read((q) => agentsFor(q, person, wanted));
  const hasSelector = conditions.length > 0;
  const isWanted = (agent: Agent) => meets(labelsOf(agent), conditions);
  const agents = await searchByKey(wanted.page, {
    cursor: pairCursor,
    placeAfter: (page) => store.read((q) => firstPlace(q, owners, page)),
    read: async (page) => {
      // No database reads selectors.
      const all = hasSelector ? { ...page, limit: selectedRows * owners.length } : page;
      const found = await store.read((q) => listOf(q, { owners, filter }, all));
      return hasSelector ? found.filter(isWanted).slice(0, page.limit) : found;
    },
    keyOf,
    rows: hasSelector ? selectedRows : undefined,
  });
  return withRows(agents, await store.read((q) => viewAgents(control, q, agents.rows)));
}

export interface PoolAgentSearch {
  readonly pool: Reference;
  readonly isDescending: boolean;
  /** Only those that were heard since. */
  readonly heardSince?: Date | undefined;
  readonly slice: Slice;
}

/** A counted part of the agents of a pool in the order of their registration, gone ones too. */
export async function searchPoolAgents(
  control: Control,
  who: Principal,
  { pool: reference, isDescending, heardSince, slice }: PoolAgentSearch,
): Promise<Sliced<AgentView>> {
  const person = asPerson(who);
  demand(person, "read");
  return control.store.read(async (q) => {
    const { id: poolId } = await findPool(q, person, reference);
    const isHeard = (one: { readonly poolId: string | null; readonly heardAt: Date }) =>
      heardSince !== undefined && one.poolId === poolId && one.heardAt >= heardSince;
    const heardIds = control.presence
      .all()
      .filter(isHeard)
      .map(({ agentId }) => agentId);
    const { rows, total } = await q.agents.slice({ poolId, isDescending, heardSince, heardIds }, slice);
    return { rows: await viewAgents(control, q, rows), total };
  });
}

/** The order of agents: by name, then id. */
const keyOf = ({ name, id }: Agent): Pair => [name, id];
const byBytes = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));
const byPair = (a: Pair, b: Pair): number => byBytes(a[0], b[0]) || byBytes(a[1], b[1]);
const byKey = (a: Agent, b: Agent): number => byPair(keyOf(a), keyOf(b));

const present: readonly AgentStatus[] = ["idle", "busy", "unknown", "errored"];

type Owner = AgentFilter["organizationId"];

interface Listing {
  /** Site admins see the agents of the server beside those of an organization. */
  readonly owners: readonly Owner[];
  readonly filter: Omit<AgentFilter, "organizationId">;
}

async function agentsFor(
  q: Queries,
  person: Person,
  { organization, pool, ...wanted }: WantedAgents,
): Promise<Listing["filter"] & Pick<Listing, "owners">> {
  const { search, includesExited } = wanted;
  const statuses = wanted.statuses.length > 0 || includesExited ? wanted.statuses : present;
  if (pool !== "") {
    const { id: poolId, organizationId } = await findPool(q, person, { organization, name: pool });
    return { owners: [organizationId], poolId, statuses, search };
  }
  const { id } = await findOrganization(q, person, organization);
  const owners = person.role === "site_admin" ? [id, null] : [id];
  return { owners, poolId: null, statuses, search };
}

async function listOf(q: Queries, { owners, filter }: Listing, page: KeyPage<Pair>): Promise<readonly Agent[]> {
  const found: Agent[] = [];
  for (const organizationId of owners) found.push(...(await q.agents.list({ ...filter, organizationId }, page)));
  return owners.length === 1 ? found : found.sort(byKey).slice(0, page.limit);
}

/** The nearest of the places that stand `rows` further on in each list: up to there no list has more rows than that. */
async function firstPlace(q: Queries, owners: readonly Owner[], page: RowCount<Pair>): Promise<Pair | null> {
  const places: (Pair | null)[] = [];
  for (const owner of owners) places.push(await q.agents.placeAfter(owner, page));
  const [first = null] = places.filter((place) => place !== null).toSorted(byPair);
  return first;
}

/** How many agents a watcher sees at most. */
const mostWatched = 1000;
/** The floor under the wake-ups. */
const watchPollMs = 2_000;
/** What happens within this time is shown at once. */
const gatherMs = 200;
/** Signs of life alone are shown only so often. */
const repeatMs = 30_000;

/** What a watcher has not seen yet. */
export interface AgentNews {
  /** At first all agents, by name; then those that are new or have changed. */
  readonly agents: readonly AgentView[];
  /** Of agents that were there and are there no longer. */
  readonly goneIds: readonly string[];
  readonly isFirst: boolean;
}

/** The agents now, and then what has changed. A slow reader gets fewer news, always up to the last. */
export async function* watchAgents(
  control: Control,
  who: Principal,
  { wanted, signal }: { readonly wanted: WantedAgents; readonly signal: AbortSignal },
): AsyncGenerator<AgentNews, void> {
  const { wake, clock } = control;
  let sent: ReadonlyMap<string, string> | undefined;
  let repeatedMs = clock.monotonicMs();
  for (;;) {
    const seen = wake.version(topics.agents, topics.jobs);
    const rows = await allAgents(control, who, wanted);
    const isDue = sent === undefined || clock.monotonicMs() - repeatedMs >= repeatMs;
    const shown: ReadonlyMap<string, string> = new Map(rows.map((row) => [row.agent.id, digestOf(row)]));
    const agents = isDue ? rows : rows.filter(({ agent: { id } }) => sent?.get(id) !== shown.get(id));
    const goneIds = [...(sent?.keys() ?? [])].filter((id) => !shown.has(id));
    if (isDue || agents.length + goneIds.length > 0) yield { agents, goneIds, isFirst: sent === undefined };
    if (isDue) repeatedMs = clock.monotonicMs();
    sent = shown;
    await wake.changedSince([topics.agents, topics.jobs], seen, { timeoutMs: watchPollMs, signal });
    await clock.sleep(gatherMs, signal);
  }
}

async function allAgents(control: Control, who: Principal, wanted: WantedAgents): Promise<readonly AgentView[]> {
  const found: AgentView[] = [];
  for (let token = ""; ; ) {
    const page = await listAgents(control, who, { ...wanted, page: { size: mostWatched - found.length, token } });
    found.push(...page.rows);
    token = page.nextToken;
    if (token === "" || found.length >= mostWatched) return found;
  }
}

/** Stands for what makes news of an agent. */
const digestOf = (view: AgentView): string =>
  createHash("sha256")
    .update(JSON.stringify(shownOf(view)))
    .digest("base64");

/** What makes news: not that it was heard again. */
const shownOf = ({ agent: { lastSeenAt: _, ...agent }, poolName, jobs, connected }: AgentView) => ({
  ...agent,
  refusal: connected?.refusal,
  wayProblem: connected?.way.problem,
  poolName,
  jobs: jobs.map(({ id }) => id),
});

/** How an agent came and went since the start of this process, newest first. */
export async function listAgentComings(
  control: Control,
  who: Principal,
  { reference, page }: { readonly reference: Reference; readonly page: PageRequest },
): Promise<Page<Coming>> {
  const person = asPerson(who);
  demand(person, "read");
  const { id } = await control.store.read((q) => findAgent(q, person, reference));
  return pageOfAll(page, control.presence.comingsOf(id));
}

/** A job of an agent, with the name of the workspace it is for. */
export interface AgentJobView {
  readonly job: Job;
  readonly workspaceName: string;
}

/** The jobs that an agent holds or was the last to hold, newest first. */
export async function listAgentJobs(
  control: Control,
  who: Principal,
  { reference, page }: { readonly reference: Reference; readonly page: PageRequest },
): Promise<Page<AgentJobView>> {
  const person = asPerson(who);
  demand(person, "read");
  return control.store.read(async (q) => {
    const { id } = await findAgent(q, person, reference);
    const jobs = await pageByTime(
      page,
      (times) => q.jobs.historyOfAgent(id, times),
      (job) => ({ createdAt: job.queuedAt, id: job.id }),
    );
    const workspaces = await q.workspaces.byIds([...new Set(jobs.rows.map(({ workspaceId }) => workspaceId))]);
    const names = new Map(workspaces.map((row) => [row.id, row.name]));
    const views = jobs.rows.map((job) => ({ job, workspaceName: names.get(job.workspaceId) ?? "" }));
    return withRows(jobs, views);
  });
}
