import { setImmediate as nextTurn } from "node:timers/promises";
import type { AgentPool } from "../../domain/agents/pool.ts";
import { beginsOfMinutes, historyOf, type JobTimes, type PoolHistory } from "../../domain/agents/pool-history.ts";
import type { Principal } from "../../domain/people/principal.ts";
import type { PoolId } from "../../lib/words/ids.ts";
import type { Position } from "../../store/ports/pages.ts";
import { asPerson, demand, findPool, type Reference } from "../core/access.ts";
import type { Control } from "../core/control.ts";

/** How long a history is good enough for everybody who asks. */
const freshMs = 5_000;
const mostRemembered = 1_000;
/** Runs that one statement looks at, and how many do. */
const runsTogether = 500;
const mostLooks = 40;
/** Jobs of runs that have not ended. */
const mostActive = 20_000;

interface Remembered {
  readonly atMs: number;
  readonly history: Promise<PoolHistory>;
}

/** How pools were used in the last hour: worked out of their jobs, for all who ask within a few seconds at once. */
export class PoolHistories {
  readonly #control: Pick<Control, "store" | "clock">;
  readonly #remembered = new Map<PoolId, Remembered>();

  constructor(control: Pick<Control, "store" | "clock">) {
    this.#control = control;
  }

  async get(who: Principal, reference: Reference): Promise<PoolHistory> {
    const person = asPerson(who);
    demand(person, "read");
    const pool = await this.#control.store.read((q) => findPool(q, person, reference));
    const nowMs = this.#control.clock.monotonicMs();
    const known = this.#remembered.get(pool.id);
    if (known !== undefined && nowMs - known.atMs < freshMs) return known.history;
    const history = readHistory(this.#control, pool);
    this.#remember(pool.id, { atMs: nowMs, history });
    return history;
  }

  #remember(id: PoolId, entry: Remembered): void {
    this.#remembered.delete(id);
    this.#remembered.set(id, entry);
    const [oldest] = this.#remembered.keys();
    if (this.#remembered.size > mostRemembered && oldest !== undefined) this.#remembered.delete(oldest);
    entry.history.catch(() => {
      if (this.#remembered.get(id) === entry) this.#remembered.delete(id);
    });
  }
}

interface EndedPage {
  readonly before: Position | null;
  readonly limit: number;
}

async function readHistory({ store, clock }: Pick<Control, "store" | "clock">, pool: AgentPool): Promise<PoolHistory> {
  const now = clock.now();
  const [since = now] = beginsOfMinutes(now, null);
  const jobs: JobTimes[] = [...(await store.read((q) => q.jobs.timesOfActiveRuns(pool, since, mostActive)))];
  let before: Position | null = null;
  for (let looks = 0; looks < mostLooks; looks++) {
    const page: EndedPage = { before, limit: runsTogether };
    const { times, next } = await store.read((q) => q.jobs.timesOfEndedRuns(pool, since, page));
    jobs.push(...times);
    before = next;
    if (next === null) break;
    await nextTurn();
  }
  return historyOf(jobs, beginsOfMinutes(now, before?.at ?? null));
}
