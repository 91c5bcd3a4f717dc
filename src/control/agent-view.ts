import type { Agent } from "../domain/agent.ts";
import type { Job } from "../domain/job.ts";
import { WindlassError } from "../lib/errors.ts";
import type { Queries } from "../store/ports.ts";

/** An agent as its readers see it. Pool and organization are empty for the server agent. */
export interface AgentView {
  readonly agent: Agent;
  readonly poolName: string;
  readonly organizationName: string;
  /** The jobs it holds. */
  readonly jobs: readonly Job[];
}

/** Reads what belongs to one agent. */
export async function viewAgent(q: Queries, agent: Agent): Promise<AgentView> {
  const [view] = await viewAgents(q, [agent]);
  if (view === undefined) throw new WindlassError("internal", `the agent ${agent.id} has no view`);
  return view;
}

/** Reads what belongs to agents, in their order. */
export async function viewAgents(q: Queries, agents: readonly Agent[]): Promise<readonly AgentView[]> {
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
