import type { Principal } from "../../domain/people/principal.ts";
import { withoutTexts } from "../../domain/runs/listed-run.ts";
import type { Run } from "../../domain/runs/run.ts";
import type { PoolId } from "../../lib/words/ids.ts";
import type { Queries } from "../../store/ports/store.ts";
import { asPerson, demand, findPool, type Reference } from "../core/access.ts";
import type { Control } from "../core/control.ts";
import { type RunView, viewRuns } from "../runs/view.ts";
import { type PoolView, viewPool } from "../workspaces/pool-view.ts";
import { type QueuedJobView, viewQueue } from "./pool-queue.ts";
import { type TokenView, viewTokens } from "./tokens.ts";
import { type AgentView, viewAgents } from "./view.ts";

/** Everything that a page about a pool shows. */
export interface PoolOverview {
  readonly pool: PoolView;
  readonly agents: readonly AgentView[];
  /** Those that admit agents. */
  readonly tokens: readonly TokenView[];
  readonly queue: readonly QueuedJobView[];
  /** The runs whose jobs its agents hold, newest first. */
  readonly runs: readonly RunView[];
}

/** How many rows each list has at most. */
const limit = 200;

/** A pool with what is in it, in one snapshot. */
export async function getPoolOverview(control: Control, who: Principal, reference: Reference): Promise<PoolOverview> {
  const person = asPerson(who);
  demand(person, "read");
  return control.store.read(async (q) => {
    const pool = await findPool(q, person, reference);
    const now = control.clock.now();
    const owner = { organizationId: pool.organizationId, poolId: pool.id };
    const present = { ...owner, statuses: ["idle", "busy", "unknown", "errored"], search: "" } as const;
    const agents = await q.agents.list(present, { after: null, limit });
    const tokens = await q.tokens.list({ ...owner, validAt: now }, { before: null, limit });
    const jobs = await q.jobs.queuedOfPool(pool.id, { after: null, limit });
    return {
      pool: await viewPool(q, pool),
      agents: await viewAgents(control, q, agents),
      tokens: await viewTokens(q, tokens, now),
      queue: await viewQueue(control, q, { pool, jobs }),
      runs: await viewRuns(control, q, await activeRuns(q, pool.id)),
    };
  });
}

/** Of how many runs the options are in memory at a time. */
const fewRuns = 20;

async function activeRuns(q: Queries, poolId: PoolId) {
  const held = await q.jobs.heldInPool(poolId, limit);
  const ids = [...new Set(held.map(({ runId }) => runId))];
  const runs: Run[] = [];
  for (let from = 0; from < ids.length; from += fewRuns) {
    runs.push(...(await q.runs.byIds(ids.slice(from, from + fewRuns))).map(withoutTexts));
  }
  return runs.toSorted((a, b) => b.createdAt.getTime() - a.createdAt.getTime() || (a.id < b.id ? 1 : -1));
}
