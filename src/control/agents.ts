import { type Agent, isDeletable } from "../domain/agent.ts";
import type { Job } from "../domain/job.ts";
import type { Person, Principal } from "../domain/principal.ts";
import { sees } from "../domain/principal.ts";
import { WindlassError } from "../lib/errors.ts";
import { isId } from "../lib/ids.ts";
import type { NamePage, Queries } from "../store/ports.ts";
import { asPerson, demand, findOrganization, findPool, notFound, type Reference } from "./access.ts";
import { change } from "./advance.ts";
import { record } from "./audit.ts";
import { type Control, topics } from "./control.ts";
import { invalid } from "./invalid.ts";
import { shortList } from "./names.ts";
import { type Page, type PageRequest, pageByKey, withRows } from "./pages.ts";

/** An agent as its readers see it. Pool and organization are empty for the server agent. */
export interface AgentView {
  readonly agent: Agent;
  readonly poolName: string;
  readonly organizationName: string;
  /** The jobs it holds. */
  readonly jobs: readonly Job[];
}

/** The agent of that id, or of that name if only one has it. */
export async function getAgent(control: Control, who: Principal, reference: Reference): Promise<AgentView> {
  const person = asPerson(who);
  demand(person, "read");
  return control.store.read(async (q) => viewAgent(q, await findAgent(q, person, reference)));
}

export interface AgentList {
  readonly organization: string;
  /** Id or name; empty is every pool. */
  readonly pool: string;
  readonly includesExited: boolean;
  readonly page: PageRequest;
}

/** The agents of an organization, by name; for site admins the server agent too. */
export async function listAgents(control: Control, who: Principal, wanted: AgentList): Promise<Page<AgentView>> {
  const person = asPerson(who);
  demand(person, "read");
  return control.store.read(async (q) => {
    const agents = await pageByKey(wanted.page, await agentsFor(q, person, wanted), keyOf);
    return withRows(agents, await viewAgents(q, agents.rows));
  });
}

/** The order of agents: by name, then id. */
const keyOf = (agent: Agent): string => `${agent.name}\u0001${agent.id}`;
const byKey = (a: Agent, b: Agent): number => Buffer.compare(Buffer.from(keyOf(a)), Buffer.from(keyOf(b)));

async function agentsFor(q: Queries, person: Person, { organization, pool, includesExited }: AgentList) {
  if (pool !== "") {
    const { id, organizationId } = await findPool(q, person, { organization, name: pool });
    return (page: NamePage) => q.agents.list({ organizationId, poolId: id, includesExited }, page);
  }
  const { id: organizationId } = await findOrganization(q, person, organization);
  return async (page: NamePage): Promise<readonly Agent[]> => {
    const own = await q.agents.list({ organizationId, poolId: null, includesExited }, page);
    if (person.role !== "site_admin") return own;
    const server = await q.agents.list({ organizationId: null, poolId: null, includesExited }, page);
    return [...own, ...server].sort(byKey).slice(0, page.limit);
  };
}

/** Gives an agent no new jobs until it is resumed. */
export async function pauseAgent(control: Control, who: Principal, reference: Reference): Promise<AgentView> {
  return switchAgent(control, who, {
    reference,
    action: "agent.pause",
    turn: (agent) => ({ ...agent, isPaused: true }),
  });
}

/** Lets a paused agent take jobs again. */
export async function resumeAgent(control: Control, who: Principal, reference: Reference): Promise<AgentView> {
  return switchAgent(control, who, {
    reference,
    action: "agent.resume",
    turn: (agent) => ({ ...agent, isPaused: false }),
  });
}

/** Lets an agent finish its jobs and exit. One that has exited stays as it is. */
export async function drainAgent(control: Control, who: Principal, reference: Reference): Promise<AgentView> {
  const turn = (agent: Agent): Agent => ({ ...agent, isDraining: agent.isDraining || agent.status !== "exited" });
  return switchAgent(control, who, { reference, action: "agent.drain", turn });
}

interface Switch {
  readonly reference: Reference;
  readonly action: string;
  readonly turn: (agent: Agent) => Agent;
}

async function switchAgent(control: Control, who: Principal, { reference, action, turn }: Switch): Promise<AgentView> {
  const person = asPerson(who);
  return change(control, async (tx, at) => {
    const agent = await findAgent(tx, person, reference);
    demandOver(person, agent);
    const next = turn(agent);
    await tx.agents.save(next);
    const deed = { action, resource: agent.id, organizationId: agent.organizationId, detail: { name: agent.name } };
    await record(tx, person, { ...deed, at: at.now });
    at.touched.add(topics.agent(agent.id)).add(topics.jobs);
    return viewAgent(tx, next);
  });
}

/** Forgets an agent that is neither connected nor in charge of a job. */
export async function deleteAgent(control: Control, who: Principal, reference: Reference): Promise<void> {
  const person = asPerson(who);
  const id = await change(control, async (tx, at) => {
    const agent = await findAgent(tx, person, reference);
    demandOver(person, agent);
    const { jobs } = await viewAgent(tx, agent);
    demandDeletable(agent, jobs);
    await tx.agents.delete(agent.id);
    const deed = { action: "agent.delete", resource: agent.id, organizationId: agent.organizationId };
    await record(tx, person, { ...deed, detail: { name: agent.name }, at: at.now });
    return agent.id;
  });
  control.presence.get(id)?.close("deleted", "the agent was deleted");
}

function demandDeletable({ name, status }: Agent, jobs: readonly Job[]): void {
  const metadata = { agent: name, status };
  if (!isDeletable(status)) {
    const message = `agent "${name}" is ${status}, that is connected: it cannot be deleted. Stop it or drain it first: windlass agent drain ${name}`;
    throw new WindlassError("agent_in_use", message, { metadata });
  }
  if (jobs.length === 0) return;
  const runs = shortList(jobs.map((job) => job.runId));
  const message = `agent "${name}" is ${status} and still holds jobs of ${runs}: it cannot be deleted before they end`;
  throw new WindlassError("agent_in_use", message, { metadata });
}

/** The server agent belongs to the site. */
function demandOver(person: Person, agent: Agent): void {
  demand(person, agent.organizationId === null ? "administer_site" : "operate");
}

async function findAgent(q: Queries, person: Person, { organization, name }: Reference): Promise<Agent> {
  if (isId("agent", name)) {
    const agent = await q.agents.get(name);
    if (agent === undefined || !maySee(person, agent)) throw notFound("agent", name);
    return agent;
  }
  const { id } = await findOrganization(q, person, organization);
  const server = person.role === "site_admin" ? await q.agents.byName(null, name) : [];
  const named = [...(await q.agents.byName(id, name)), ...server];
  const present = named.filter((agent) => agent.status !== "exited");
  const [only, ...more] = present.length > 0 ? present : named;
  if (only === undefined) throw notFound("agent", name);
  if (more.length === 0) return only;
  const ids = shortList(named.map((agent) => agent.id));
  throw invalid("agent", `${named.length} agents are named "${name}": name one by its id (${ids})`);
}

const maySee = (person: Person, { organizationId }: Agent): boolean =>
  organizationId === null ? person.role === "site_admin" : sees(person, organizationId);

async function viewAgent(q: Queries, agent: Agent): Promise<AgentView> {
  const [view] = await viewAgents(q, [agent]);
  if (view === undefined) throw new WindlassError("internal", `the agent ${agent.id} has no view`);
  return view;
}

async function viewAgents(q: Queries, agents: readonly Agent[]): Promise<readonly AgentView[]> {
  const jobs = Map.groupBy(await q.jobs.ofAgents(agents.map(({ id }) => id)), (job) => job.agentId);
  const names = new Map<string, string>();
  const nameOf = async (id: string | null, read: () => Promise<{ readonly name: string } | undefined>) => {
    if (id === null) return "";
    const name = names.get(id) ?? (await read())?.name ?? "";
    names.set(id, name);
    return name;
  };
  const views: AgentView[] = [];
  for (const agent of agents) {
    const { poolId, organizationId } = agent;
    const poolName = await nameOf(poolId, async () => (poolId === null ? undefined : q.pools.get(poolId)));
    const organizationName = await nameOf(organizationId, async () =>
      organizationId === null ? undefined : q.organizations.get(organizationId),
    );
    views.push({ agent, poolName, organizationName, jobs: jobs.get(agent.id) ?? [] });
  }
  return views;
}
