import { withoutTexts } from "../../domain/runs/listed-run.ts";
import type { AgentId, OrganizationId, RunId } from "../../lib/words/ids.ts";
import type { RowChange } from "../../store/ports/change-feed.ts";
import type { Queries } from "../../store/ports/store.ts";
import { type Control, topics } from "../core/control.ts";
import type { PresentAgent } from "../core/presence.ts";
import { type RunView, viewRuns } from "../runs/view.ts";

/** How often it is looked, while somebody watches; where nothing has happened, only every so often. */
const lookMs = 2_000;
const quietMs = 10_000;
/** A look that took long is followed by so many times its length. */
const restFactor = 20;
/** Runs of one organization that are looked at, and organizations. */
const mostRuns = 200;
const mostOrganizations = 50;

/** Whose runs are watched: those of one organization or, if undefined, of the first ones of the server. */
export type Watched = OrganizationId | undefined;

interface Wait {
  readonly organizationId: OrganizationId;
  /** Why and behind what it waits. */
  readonly text: string;
}

type Waits = ReadonlyMap<RunId, Wait>;

/**
 * Finds what readers see change though no row does: why runs wait, their places in queues, how far they are, and what agents say
 * of themselves. It looks only while somebody watches, once for all, and publishes what is different.
 */
export class WaitLooks {
  readonly #control: Control;
  readonly #watchers = new Map<Watched, number>();
  readonly #seen = new Map<Watched, Waits>();
  #agents: ReadonlyMap<AgentId, string> = new Map();
  #mark = "";
  #lookedAtMs = -Infinity;
  #loop: AbortController | undefined;

  constructor(control: Control) {
    this.#control = control;
  }

  /** Watches until it is disposed of. What is different from now on will be published. */
  async enter(watched: Watched): Promise<Disposable> {
    const count = this.#watchers.get(watched) ?? 0;
    this.#watchers.set(watched, count + 1);
    const leave = { [Symbol.dispose]: () => this.#leave(watched) };
    try {
      if (!this.#seen.has(watched)) this.#seen.set(watched, await this.#readWaits(watched));
      this.#start();
      return leave;
    } catch (error) {
      leave[Symbol.dispose]();
      throw error;
    }
  }

  #leave(watched: Watched): void {
    const count = (this.#watchers.get(watched) ?? 1) - 1;
    if (count > 0) return void this.#watchers.set(watched, count);
    this.#watchers.delete(watched);
    this.#seen.delete(watched);
    if (this.#watchers.size > 0) return;
    this.#loop?.abort();
    this.#loop = undefined;
  }

  #start(): void {
    if (this.#loop !== undefined) return;
    this.#agents = this.#readAgents();
    this.#loop = new AbortController();
    void this.#lookOn(this.#loop.signal);
  }

  async #lookOn(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#control;
    for (let restMs = lookMs; ; ) {
      await clock.sleep(restMs, signal).catch(() => {});
      if (signal.aborted) return;
      const startedMs = clock.monotonicMs();
      await this.#look(startedMs).catch((err: unknown) => log.warn({ err }, "why runs wait could not be read"));
      restMs = Math.max(lookMs, restFactor * (clock.monotonicMs() - startedMs));
    }
  }

  async #look(nowMs: number): Promise<void> {
    const { store, wake } = this.#control;
    const { position } = store.changes;
    const version = wake.version(topics.agents, topics.jobs);
    const agents = this.#readAgents();
    const moved = [...agents].filter(([id, text]) => this.#agents.get(id) !== text).map(([id]) => id);
    this.#agents = agents;
    let published = 0;
    if (moved.length > 0) published += this.#publish(await this.#changesOfAgents(moved));
    if (markOf(position, version) === this.#mark && nowMs - this.#lookedAtMs < quietMs) return;
    for (const watched of this.#watchers.keys()) published += await this.#lookAtWaits(watched);
    // What this look has published itself is no reason for the next one.
    this.#mark = markOf(position + published, version);
    this.#lookedAtMs = nowMs;
  }

  async #lookAtWaits(watched: Watched): Promise<number> {
    const before = this.#seen.get(watched);
    if (before === undefined) return 0;
    const now = await this.#readWaits(watched);
    if (this.#seen.has(watched)) this.#seen.set(watched, now);
    const moved = [...now].filter(([id, { text }]) => before.get(id)?.text !== text);
    const changes = moved.map(([id, { organizationId }]): RowChange => ({ kind: "run", id, organizationId }));
    return this.#publish(changes);
  }

  #publish(changes: readonly RowChange[]): number {
    this.#control.store.changes.show(changes);
    return changes.length;
  }

  async #readWaits(watched: Watched): Promise<Waits> {
    const waits = new Map<RunId, Wait>();
    for (const organizationId of await this.#organizationsOf(watched)) {
      const views = await this.#control.store.read((q) => this.#activeRuns(q, organizationId));
      for (const view of views) waits.set(view.run.id, { organizationId, text: waitText(view) });
    }
    return waits;
  }

  async #organizationsOf(watched: Watched): Promise<readonly OrganizationId[]> {
    if (watched !== undefined) return [watched];
    const all = await this.#control.store.read((q) => q.organizations.list({ after: null, limit: mostOrganizations }));
    return all.map(({ id }) => id);
  }

  async #activeRuns(q: Queries, organizationId: OrganizationId): Promise<readonly RunView[]> {
    const filter = { organizationId, workspaceId: null, statuses: null, isActive: true };
    const rows = await q.runs.list(filter, { before: null, limit: mostRuns });
    return viewRuns(this.#control, q, rows.map(withoutTexts));
  }

  #readAgents(): ReadonlyMap<AgentId, string> {
    return new Map(this.#control.presence.everywhere().map((agent) => [agent.agentId, this.#agentText(agent)]));
  }

  /** What an agent says of itself, and of its jobs. */
  #agentText({ agentId, refusal, way, jobs }: PresentAgent): string {
    const progress = [...jobs.keys()].map((id) => this.#control.presence.progressOf({ id, agentId }));
    return JSON.stringify([refusal, way.problem, progress.map(({ preparing, delivering }) => [preparing, delivering])]);
  }

  /** Who owns them is in their rows. */
  async #changesOfAgents(ids: readonly AgentId[]): Promise<readonly RowChange[]> {
    const rows = await this.#control.store.read((q) => q.agents.byIds(ids));
    return rows.map(({ id, organizationId }) => ({ kind: "agent", id, organizationId }));
  }
}

/** Another one if something has happened that runs may wait for. */
const markOf = (position: number, version: number): string => `${position} ${version}`;

/** What of a run its readers see change though its row does not. */
const waitText = ({ waiting, isConfirmable, resourcesDone }: RunView): string =>
  JSON.stringify([
    ...[waiting?.reason, waiting?.detail, waiting?.blockingRunId, waiting?.queuePosition],
    ...[isConfirmable, resourcesDone],
  ]);
