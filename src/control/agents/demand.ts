import type { Labels } from "../../domain/agents/label-selector.ts";
import type { Principal } from "../../domain/people/principal.ts";
import { isMatch } from "../../domain/runs/dispatch.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import type { PoolId } from "../../lib/words/ids.ts";
import type { Queries } from "../../store/ports/store.ts";
import { asPerson, demand, findPool } from "../core/access.ts";
import { type Control, topics } from "../core/control.ts";
import { conditionsOf } from "../core/selectors.ts";

/** Jobs of a pool that need an agent now. What waits for a person, or for its workspace, is none of them. */
export interface PoolDemand {
  /** Queued: any agent that suits them could begin. */
  readonly ready: number;
  /** Offered or started. */
  readonly running: number;
}

/** Whose demand is asked for. */
export interface DemandQuestion {
  readonly organization: string;
  /** Name or id; with an agent token it may be empty, and is that of the token. */
  readonly pool: string;
  /** Of the agents that would come; undefined counts every job. */
  readonly labels: Labels | undefined;
}

/** How many jobs a pool has for agents with these labels. For people, and for agent tokens of the pool. */
export const poolDemand = (control: Control, who: Principal, question: DemandQuestion): Promise<PoolDemand> =>
  control.store.read(async (q) => {
    const poolId = await poolOf(q, who, question);
    const { labels } = question;
    const rows = (await q.jobs.demandOfPool(poolId)).filter(
      ({ agentSelector, phase }) =>
        labels === undefined || isMatch(labels, phase, conditionsOf({ poolId, agentSelector })),
    );
    const sum = (isCounted: (status: string) => boolean) =>
      rows.filter(({ status }) => isCounted(status)).reduce((total, { count }) => total + count, 0);
    return { ready: sum((status) => status === "queued"), running: sum((status) => status !== "queued") };
  });

async function poolOf(q: Queries, who: Principal, { organization, pool }: DemandQuestion): Promise<PoolId> {
  if (who.kind === "agent_token") {
    const own = await q.pools.get(who.poolId);
    if (own !== undefined && (pool === "" || pool === own.name || pool === own.id)) return own.id;
    throw new WindlassError("permission_denied", `this agent token is not of the pool ${pool}`, {
      metadata: { action: "read" },
    });
  }
  const person = asPerson(who);
  demand(person, "read");
  return (await findPool(q, person, { organization, name: pool })).id;
}

/**
 * Whether `look` finds any demand, now and whenever that changes. However often jobs come and go, it looks once a second, and so it
 * notices, too, that who asks may no longer do so.
 */
export async function* watchDemand(
  { wake, clock }: Pick<Control, "wake" | "clock">,
  look: () => Promise<PoolDemand>,
  signal: AbortSignal,
): AsyncGenerator<boolean> {
  let told: boolean | undefined;
  for (;;) {
    const seen = wake.version(topics.jobs);
    const { ready, running } = await look();
    const isActive = ready + running > 0;
    if (isActive !== told) yield isActive;
    told = isActive;
    // That the last job has ended wakes nobody who looks for queued ones.
    await wake.changedSince(topics.jobs, seen, { timeoutMs: pollMs, signal });
    await clock.sleep(restMs, signal);
  }
}

const pollMs = 5_000;
const restMs = 1_000;
