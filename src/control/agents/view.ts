import type { Agent } from "../../domain/agents/agent.ts";
import { type AgentToken, endsSoon, standingOf } from "../../domain/agents/token.ts";
import type { Job } from "../../domain/runs/job.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import type { Queries } from "../../store/ports/store.ts";
import type { Control } from "../core/control.ts";
import { arrivalText, type PresentAgent } from "../core/presence.ts";
import { lastHeard } from "../runs/silence.ts";

/** An agent as its readers see it. Pool and organization are empty for the server agent. */
export interface AgentView {
  readonly agent: Agent;
  readonly poolName: string;
  readonly organizationName: string;
  /** The jobs it holds. */
  readonly jobs: readonly Job[];
  /** What is known of it while it is connected. */
  readonly connected: Pick<PresentAgent, "freeDiskBytes" | "refusal" | "way"> | undefined;
  /** What takes it long right now, of each job of which it says so. */
  readonly doing: readonly string[];
}

type Present = Pick<Control, "presence" | "clock">;

/** Reads what belongs to one agent. */
export async function viewAgent(present: Present, q: Queries, agent: Agent): Promise<AgentView> {
  const [view] = await viewAgents(present, q, [agent]);
  if (view === undefined) throw new WindlassError("internal", `the agent ${agent.id} has no view`);
  return view;
}

/** Reads what belongs to agents, in their order. */
export async function viewAgents(
  { presence, clock }: Present,
  q: Queries,
  agents: readonly Agent[],
): Promise<readonly AgentView[]> {
  const now = clock.now();
  const tokenIds = agents.flatMap(({ tokenId, status }) => (tokenId === null || status === "exited" ? [] : [tokenId]));
  const tokens = new Map((await q.tokens.byIds([...new Set(tokenIds)])).map((token) => [token.id, token]));
  const jobs = Map.groupBy(await q.jobs.ofAgents(agents.map(({ id }) => id)), (job) => job.agentId);
  const arrivals = presence.arrivals(clock.monotonicMs());
  const arriving = new Map(arrivals.map((arrival) => [arrival.agentId, `it ${arrivalText(arrival)}`]));
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
    const token = agent.tokenId === null ? undefined : tokens.get(agent.tokenId);
    const connected = presence.find(agent.id);
    const way = connected?.way.problem ?? arriving.get(agent.id) ?? "";
    const warning = [agent.warning, way, endText(token, now)].filter((text) => text !== "").join("; ");
    const held = jobs.get(agent.id) ?? [];
    views.push({
      agent: { ...agent, warning, status: statusWith(agent.status, held), lastSeenAt: lastHeard({ presence }, agent) },
      poolName,
      organizationName,
      jobs: held,
      connected,
      doing: held.flatMap((job) => doingText(presence, job)),
    });
  }
  return views;
}

function doingText(presence: Present["presence"], job: Job): readonly string[] {
  const { preparing, delivering } = presence.progressOf(job);
  const doing = job.status === "offered" ? preparing : delivering;
  return doing === "" ? [] : [`${doing} for ${job.runId}`];
}

/** Jobs are known at once, and the row of a connected agent is written a little later: one look must not show both. */
function statusWith(status: Agent["status"], jobs: readonly Job[]): Agent["status"] {
  if (status !== "idle" && status !== "busy") return status;
  return jobs.length === 0 ? "idle" : "busy";
}

/** What is to be done about the token of an agent before it ends; empty if it lasts. */
function endText(token: AgentToken | undefined, now: Date): string {
  if (token === undefined || standingOf(token, now) !== "valid" || !endsSoon(token.expiresAt, now)) return "";
  const end = token.expiresAt.toISOString().replace(/\.\d+Z$/, "Z");
  return token.replacedBy === null
    ? `its token ends ${end}: windlass token rotate ${token.id}`
    : `its token was replaced by ${token.replacedBy} and ends ${end}: give it the new one`;
}
