import type { Labels } from "../../domain/agents/label-selector.ts";
import type { Principal } from "../../domain/people/principal.ts";
import { isMatch } from "../../domain/runs/dispatch.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import type { PoolId } from "../../lib/words/ids.ts";
import type { JobDemand } from "../../store/ports/runs.ts";
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

interface Look {
  readonly atMs: number;
  readonly rows: Promise<readonly JobDemand[]>;
}

/** How long a look at the jobs of a pool counts for everybody who asks, and of how many pools one is kept. */
const keptMs = 1_000;
const mostKept = 1_000;

/**
 * How many jobs pools have. However many ask, and however long a queue is, the jobs of a pool are looked at once a second; who asks
 * is judged each time.
 */
export class PoolDemands {
  readonly #control: Pick<Control, "store" | "clock">;
  readonly #looks = new Map<PoolId, Look>();

  constructor(control: Pick<Control, "store" | "clock">) {
    this.#control = control;
  }

  /** Of a pool, for agents with these labels. For people, and for agent tokens of the pool. */
  async of(who: Principal, question: DemandQuestion): Promise<PoolDemand> {
    const poolId = await this.#control.store.read((q) => poolOf(q, who, question));
    const { labels } = question;
    const rows = (await this.#rowsOf(poolId)).filter(
      ({ agentSelector, phase }) =>
        labels === undefined || isMatch(labels, phase, conditionsOf({ poolId, agentSelector })),
    );
    const sum = (isCounted: (status: string) => boolean) =>
      rows.filter(({ status }) => isCounted(status)).reduce((total, { count }) => total + count, 0);
    return { ready: sum((status) => status === "queued"), running: sum((status) => status !== "queued") };
  }

  #rowsOf(poolId: PoolId): Promise<readonly JobDemand[]> {
    const { store, clock } = this.#control;
    const atMs = clock.monotonicMs();
    const known = this.#looks.get(poolId);
    if (known !== undefined && atMs - known.atMs < keptMs) return known.rows;
    const look = { atMs, rows: store.read((q) => q.jobs.demandOfPool(poolId)) };
    this.#looks.delete(poolId);
    this.#looks.set(poolId, look);
    look.rows.catch(() => {
      if (this.#looks.get(poolId) === look) this.#looks.delete(poolId);
    });
    const [oldest] = this.#looks.keys();
    if (this.#looks.size > mostKept && oldest !== undefined) this.#looks.delete(oldest);
    return look.rows;
  }
}

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

const pollMs = 2_000;
const restMs = 1_000;
