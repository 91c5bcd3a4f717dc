import type { Agent } from "../../domain/agents/agent.ts";
import type { AgentToken } from "../../domain/agents/token.ts";
import type { Job } from "../../domain/runs/job.ts";
import type { AgentId, JobId } from "../../lib/words/ids.ts";
import type { Control } from "../core/control.ts";
import { whySpent } from "./resume.ts";

/** What is wanted of an agent right now, by its rows. */
export interface Wanted {
  /** Undefined if it was deleted. */
  readonly agent: Agent | undefined;
  /** Why it may only finish what it holds; undefined while its token is good, gone, or it never had one. */
  readonly spent: string | undefined;
  readonly jobs: readonly Job[];
}

/** Of an agent without jobs. */
export const noRows: ReadonlyMap<JobId, Job> = new Map();

/** How long what was read of an idle agent counts, if no wake-up says that it has changed. */
const freshMs = 60_000;

/** Reads an agent, its token, and its jobs, and knows whether that has to be read again. */
export class WantedRows {
  readonly #control: Pick<Control, "store" | "clock">;
  readonly #id: AgentId;
  #token: AgentToken | undefined;
  #readAtMs = Number.NEGATIVE_INFINITY;

  constructor(control: Pick<Control, "store" | "clock">, id: AgentId) {
    this.#control = control;
    this.#id = id;
  }

  /** True while nothing but a wake-up can have changed what is wanted: its heartbeats need no look at the rows. */
  get isFresh(): boolean {
    const { clock } = this.#control;
    return this.#spent === undefined && clock.monotonicMs() - this.#readAtMs < freshMs;
  }

  get #spent(): string | undefined {
    return this.#token === undefined ? undefined : whySpent(this.#token, this.#control.clock.now());
  }

  async read(jobIds: readonly JobId[]): Promise<Wanted> {
    const { store, clock } = this.#control;
    const readAtMs = clock.monotonicMs();
    const { token, ...rows } = await store.read(async (q) => {
      const agent = await q.agents.get(this.#id);
      const tokenId = agent?.tokenId ?? null;
      const token = tokenId === null ? undefined : await q.tokens.get(tokenId);
      return { agent, token, jobs: jobIds.length === 0 ? [] : await q.jobs.byIds(jobIds) };
    });
    this.#token = token;
    this.#readAtMs = readAtMs;
    return { ...rows, spent: this.#spent };
  }
}

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
  }, id);
