import type { Agent } from "../../domain/agents/agent.ts";
import type { AgentToken } from "../../domain/agents/token.ts";
import type { Job } from "../../domain/runs/job.ts";
import type { AgentId, JobId } from "../../lib/words/ids.ts";
import type { Control } from "../core/control.ts";

/** What is wanted of an agent right now, by its rows. */
export interface Wanted {
  /** Undefined if it was deleted. */
  readonly agent: Agent | undefined;
  /** Undefined if its token is gone, or it never had one. */
  readonly token: AgentToken | undefined;
  readonly jobs: readonly Job[];
}

/** Reads an agent, its token, and these of its jobs. */
export const readWanted = ({ store }: Pick<Control, "store">, id: AgentId, jobIds: readonly JobId[]): Promise<Wanted> =>
  store.read(async (q) => {
    const agent = await q.agents.get(id);
    const tokenId = agent?.tokenId ?? null;
    return {
      agent,
      token: tokenId === null ? undefined : await q.tokens.get(tokenId),
      jobs: jobIds.length === 0 ? [] : await q.jobs.byIds(jobIds),
    };
  });

/** Changes an agent's row, and returns it as it is now; undefined if it was deleted. */
export const changeAgentRow = (
  { store }: Pick<Control, "store">,
  id: AgentId,
  change: (row: Agent) => Agent,
): Promise<Agent | undefined> =>
  store.write(async (tx) => {
    const row = await tx.agents.get(id);
    if (row === undefined) return undefined;
    const next = change(row);
    await tx.agents.save(next);
    return next;
  });
