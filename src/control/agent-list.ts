import { type Agent, type AgentStatus, labelsOf } from "../domain/agent.ts";
import type { Job } from "../domain/job.ts";
import { meets } from "../domain/label-selector.ts";
import type { Person, Principal } from "../domain/principal.ts";
import type { AgentFilter, NamePage, Queries } from "../store/ports.ts";
import { asPerson, demand, findOrganization, findPool, type Reference } from "./access.ts";
import { type AgentView, viewAgents } from "./agent-view.ts";
import { findAgent } from "./agents.ts";
import { type Control, topics } from "./control.ts";
import { type Page, type PageRequest, pageByKey, pageByTime, readMatching, withRows } from "./pages.ts";
import { demandSelector } from "./selectors.ts";

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

/** The agents of an organization, by name; for site admins the server agent too. */
export async function listAgents(control: Control, who: Principal, wanted: AgentList): Promise<Page<AgentView>> {
  const person = asPerson(who);
  demand(person, "read");
  const conditions = demandSelector("label_selector", wanted.selector);
  return control.store.read(async (q) => {
    const read = await agentsFor(q, person, wanted);
    const matching = (page: NamePage) =>
      readMatching(page, { read, keyOf, isWanted: (agent) => meets(labelsOf(agent), conditions) });
    const agents = await pageByKey(wanted.page, conditions.length === 0 ? read : matching, keyOf);
    return withRows(agents, await viewAgents(q, agents.rows));
  });
}

/** The order of agents: by name, then id. */
const keyOf = (agent: Agent): string => `${agent.name}\u0001${agent.id}`;
const byKey = (a: Agent, b: Agent): number => Buffer.compare(Buffer.from(keyOf(a)), Buffer.from(keyOf(b)));

const present: readonly AgentStatus[] = ["idle", "busy", "unknown", "errored"];

async function agentsFor(q: Queries, person: Person, { organization, pool, ...wanted }: WantedAgents) {
  const { search, includesExited } = wanted;
  const statuses = wanted.statuses.length > 0 || includesExited ? wanted.statuses : present;
  const list = (owner: Pick<AgentFilter, "organizationId" | "poolId">, page: NamePage) =>
    q.agents.list({ ...owner, statuses, search }, page);
  if (pool !== "") {
    const { id: poolId, organizationId } = await findPool(q, person, { organization, name: pool });
    return (page: NamePage) => list({ organizationId, poolId }, page);
  }
  const { id: organizationId } = await findOrganization(q, person, organization);
  return async (page: NamePage): Promise<readonly Agent[]> => {
    const own = await list({ organizationId, poolId: null }, page);
    if (person.role !== "site_admin") return own;
    const server = await list({ organizationId: null, poolId: null }, page);
    return [...own, ...server].sort(byKey).slice(0, page.limit);
  };
}

/** How many agents a watcher sees at most. */
const mostWatched = 1000;
/** The floor under the wake-ups. */
const watchPollMs = 2_000;
/** What happens within this time is shown at once. */
const gatherMs = 200;
/** Signs of life alone are shown only so often. */
const repeatMs = 30_000;

/** The agents now, and all of them again at each change. A slow reader sees fewer, always the last. */
export async function* watchAgents(
  control: Control,
  who: Principal,
  { wanted, signal }: { readonly wanted: WantedAgents; readonly signal: AbortSignal },
): AsyncGenerator<readonly AgentView[], void> {
  const { wake, clock } = control;
  const page = { size: mostWatched, token: "" };
  let sent = "";
  let sentMs = 0;
  for (;;) {
    const seen = wake.version(topics.agents, topics.jobs);
    const { rows } = await listAgents(control, who, { ...wanted, page });
    const shown = JSON.stringify(rows.map(shownOf));
    const isDue = clock.monotonicMs() - sentMs >= repeatMs;
    if (shown !== sent || isDue) {
      yield rows;
      sent = shown;
      sentMs = clock.monotonicMs();
    }
    await wake.changedSince([topics.agents, topics.jobs], seen, { timeoutMs: watchPollMs, signal });
    await clock.sleep(gatherMs, signal);
  }
}

/** What makes news: not that it was heard again. */
const shownOf = ({ agent: { lastSeenAt: _, ...agent }, poolName, jobs }: AgentView) => ({
  ...agent,
  poolName,
  jobs: jobs.map(({ id }) => id),
});

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
