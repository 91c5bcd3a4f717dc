import { type Agent, isDeletable } from "../../domain/agents/agent.ts";
import { type Person, type Principal, sees } from "../../domain/people/principal.ts";
import type { Job } from "../../domain/runs/job.ts";
import { given } from "../../lib/values/records.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import { isId } from "../../lib/words/ids.ts";
import type { Queries } from "../../store/ports/store.ts";
import { asPerson, demand, findOrganization, notFound, type Reference } from "../core/access.ts";
import { record } from "../core/audit.ts";
import { change } from "../core/change.ts";
import { type Control, topics } from "../core/control.ts";
import { listedNames, shortList } from "../core/names.ts";
import { type AgentView, viewAgent } from "./view.ts";

/** The agent of that id, or of that name if only one has it. */
export async function getAgent(control: Control, who: Principal, reference: Reference): Promise<AgentView> {
  const person = asPerson(who);
  demand(person, "read");
  return control.store.read(async (q) => viewAgent(control, q, await findAgent(q, person, reference)));
}

/** Which agent, and why. */
export interface Steering extends Reference {
  /** Shown with the agent; empty or absent leaves what was said before. */
  readonly reason?: string | undefined;
}

/** Gives an agent no new jobs until it is resumed. */
export async function pauseAgent(control: Control, who: Principal, wanted: Steering): Promise<AgentView> {
  return switchAgent(control, who, {
    wanted,
    action: "agent.pause",
    turn: (agent) => ({ ...agent, isPaused: true, pauseReason: wanted.reason || agent.pauseReason }),
  });
}

/** Lets a paused agent take jobs again. */
export async function resumeAgent(control: Control, who: Principal, wanted: Reference): Promise<AgentView> {
  return switchAgent(control, who, {
    wanted,
    action: "agent.resume",
    turn: (agent) => ({ ...agent, isPaused: false, pauseReason: agent.isDraining ? agent.pauseReason : "" }),
  });
}

/** Lets an agent finish its jobs and exit. One that has exited stays as it is. */
export async function drainAgent(control: Control, who: Principal, wanted: Steering): Promise<AgentView> {
  const turn = (agent: Agent): Agent =>
    agent.status === "exited" ? agent : { ...agent, isDraining: true, pauseReason: wanted.reason || agent.pauseReason };
  return switchAgent(control, who, { wanted, action: "agent.drain", turn });
}

interface Switch {
  readonly wanted: Steering;
  readonly action: string;
  readonly turn: (agent: Agent) => Agent;
}

async function switchAgent(control: Control, who: Principal, { wanted, action, turn }: Switch): Promise<AgentView> {
  const person = asPerson(who);
  return change(control, async (tx, at) => {
    const agent = await findAgent(tx, person, wanted);
    demandOver(person, agent);
    const next = turn(agent);
    await tx.agents.save(next);
    const detail = { name: agent.name, ...given({ reason: wanted.reason || undefined }) };
    const entry = { action, resource: agent.id, organizationId: agent.organizationId, detail };
    await record(tx, person, { ...entry, at: at.now });
    at.touched.add(topics.agent(agent.id)).add(topics.jobs).add(topics.agents);
    return viewAgent(control, tx, next);
  });
}

/** Forgets an agent that is neither connected nor in charge of a job. */
export async function deleteAgent(control: Control, who: Principal, reference: Reference): Promise<void> {
  const person = asPerson(who);
  const id = await change(control, async (tx, at) => {
    const agent = await findAgent(tx, person, reference);
    demandOver(person, agent);
    const { jobs } = await viewAgent(control, tx, agent);
    demandDeletable(agent, jobs);
    await tx.agents.delete(agent.id);
    const entry = { action: "agent.delete", resource: agent.id, organizationId: agent.organizationId };
    await record(tx, person, { ...entry, detail: { name: agent.name }, at: at.now });
    at.touched.add(topics.agents).add(topics.agent(agent.id));
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
export function demandOver(person: Person, agent: Agent): void {
  demand(person, agent.organizationId === null ? "administer_site" : "operate");
}

/** The agent of that id, or of that name if only one has it; those that said good-bye give way to those that are here. */
export async function findAgent(q: Queries, person: Person, { organization, name }: Reference): Promise<Agent> {
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
  throw ambiguous(
    name,
    [only, ...more].map((agent) => agent.id),
  );
}

const ambiguous = (name: string, ids: readonly string[]) =>
  new WindlassError(
    "name_ambiguous",
    `${ids.length} agents are named "${name}": name one by its id (${shortList(ids)})`,
    { metadata: { resource: "agent", name, ids: listedNames(ids) } },
  );

const maySee = (person: Person, { organizationId }: Agent): boolean =>
  organizationId === null ? person.role === "site_admin" : sees(person, organizationId);
