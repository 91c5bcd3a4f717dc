import type { ToldAgent } from "../../domain/runs/told-agent.ts";
import type { AgentId } from "../../lib/words/ids.ts";
import type { PresenceRow } from "../../store/ports/replicas.ts";
import { type Control, topics } from "../core/control.ts";
import type { ElsewhereAgent } from "../core/presence.ts";
import { elsewhereOf, toldArrival, toldOf } from "./told-presence.ts";

/** Notified when there are new rows to read. */
const presenceTopic = "presence";
/** The floor under the notices. */
const lookMs = 2_000;
/** What happens within this time is written and read together; longer where a look takes long. */
const gatherMs = 50;
const restFactor = 10;
/** After a pause this long everything is read again: rows of agents that have left are not kept longer. */
const staleMs = 30_000;
const keptMs = 60_000;

/** What was written last of an agent. */
interface Written {
  readonly sessionEpoch: number;
  readonly text: string;
}

/**
 * Tells the other replicas which agents are connected here, and `Presence` which ones are connected to them. Rows are written in
 * batches, when something has changed; nothing is written or read while there is no other replica.
 */
export class SharedPresence {
  readonly #control: Control;
  #written = new Map<AgentId, Written>();
  #version = 0;
  /** When batches with agents that have left were written. */
  #left: readonly { readonly version: number; readonly atMs: number }[] = [];
  #marks = new Map<string, number>();
  #rows = new Map<AgentId, PresenceRow>();
  #readMs = Number.NEGATIVE_INFINITY;

  constructor(control: Control) {
    this.#control = control;
  }

  /** Something may have been missed: everything is read again. */
  forget(): void {
    this.#readMs = Number.NEGATIVE_INFINITY;
    this.#control.wake.hear(presenceTopic);
  }

  /** What was written is there no longer: it is written again. */
  rewrite(): void {
    this.#written.clear();
    this.#left = [];
    this.forget();
  }

  /** Writes and reads what is new until the signal is aborted. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, wake, log } = this.#control;
    const watched = [presenceTopic, topics.agents, topics.jobs];
    while (!signal.aborted) {
      const seen = wake.version(...watched);
      const startedMs = clock.monotonicMs();
      await this.look().catch((err: unknown) =>
        log.warn({ err }, "who is connected to which replica could not be shared"),
      );
      const tookMs = clock.monotonicMs() - startedMs;
      await clock.sleep(Math.max(gatherMs, restFactor * tookMs), signal).catch(() => {});
      await wake.changedSince(watched, seen, { timeoutMs: lookMs, signal }).catch(() => {});
    }
  }

  /** One look at both sides. */
  async look(): Promise<void> {
    if (this.#control.replicas.isAlone) return this.#reset();
    await this.#write();
    await this.#read();
  }

  /** The last other one has gone: nobody is connected to it, and who comes next must not read what is old by then. */
  async #reset(): Promise<void> {
    const { presence, store, replicas } = this.#control;
    this.#marks.clear();
    if (this.#rows.size > 0) presence.seeElsewhere(new Map());
    this.#rows.clear();
    if (this.#written.size + this.#left.length === 0) return;
    await store.step((tx) => tx.presences.deleteOf([replicas.id]));
    this.#written.clear();
    this.#left = [];
  }

  async #write(): Promise<void> {
    const { presence, replicas, store, wake, clock } = this.#control;
    const now = this.#here();
    const version = this.#version + 1;
    const rowOf = (agentId: AgentId, sessionEpoch: number, facts: ToldAgent | null): PresenceRow => ({
      ...{ agentId, replicaId: replicas.id, sessionEpoch, version, facts },
    });
    const written = new Map<AgentId, Written>();
    const rows: PresenceRow[] = [];
    for (const [agentId, { sessionEpoch, facts }] of now) {
      const text = JSON.stringify([sessionEpoch, facts]);
      written.set(agentId, { sessionEpoch, text });
      if (this.#written.get(agentId)?.text !== text) rows.push(rowOf(agentId, sessionEpoch, facts));
    }
    const left = [...this.#written].filter(([agentId]) => !now.has(agentId) && presence.get(agentId) === undefined);
    for (const [agentId, { sessionEpoch }] of left) rows.push(rowOf(agentId, sessionEpoch, null));
    if (rows.length > 0) {
      await store.step((tx) => tx.presences.put(rows));
      this.#version = version;
      this.#written = written;
      if (left.length > 0) this.#left = [...this.#left, { version, atMs: clock.monotonicMs() }];
      wake.notify(presenceTopic);
    }
    await this.#deleteLeft();
  }

  /** Who is connected here, or has registered here. */
  #here(): ReadonlyMap<AgentId, { readonly sessionEpoch: number; readonly facts: ToldAgent }> {
    const { presence, clock } = this.#control;
    const arrivals = presence
      .arrivalsHere(clock.monotonicMs())
      .map((arrival) => [arrival.agentId, { sessionEpoch: 0, facts: toldArrival(arrival) }] as const);
    const connected = presence
      .all()
      .map((one) => [one.agentId, { sessionEpoch: one.sessionEpoch, facts: toldOf(presence, one) }] as const);
    return new Map([...arrivals, ...connected]);
  }

  async #deleteLeft(): Promise<void> {
    const { clock, store, replicas } = this.#control;
    const old = this.#left.filter(({ atMs }) => clock.monotonicMs() - atMs > keptMs).at(-1);
    if (old === undefined) return;
    await store.step((tx) => tx.presences.deleteLeft({ replicaId: replicas.id, version: old.version }));
    this.#left = this.#left.filter(({ version }) => version > old.version);
  }

  async #read(): Promise<void> {
    const { replicas, store, clock, presence, wake } = this.#control;
    const nowMs = clock.monotonicMs();
    if (nowMs - this.#readMs > staleMs) {
      this.#marks.clear();
      this.#rows.clear();
    }
    const marks = replicas.others.map(({ id }) => ({ replicaId: id, version: this.#marks.get(id) ?? 0 }));
    const news = await store.read((q) => q.presences.since(marks));
    this.#readMs = nowMs;
    const known = new Set(marks.map(({ replicaId }) => replicaId));
    const gone = [...this.#rows.values()].filter(({ replicaId }) => !known.has(replicaId));
    for (const { agentId } of gone) this.#rows.delete(agentId);
    for (const row of news) {
      this.#marks.set(row.replicaId, Math.max(row.version, this.#marks.get(row.replicaId) ?? 0));
      if (row.facts === null) this.#rows.delete(row.agentId);
      else this.#rows.set(row.agentId, row);
    }
    for (const id of [...this.#marks.keys()]) if (!known.has(id)) this.#marks.delete(id);
    if (news.length + gone.length === 0) return;
    const elsewhere = [...this.#rows].flatMap(([agentId, row]): readonly (readonly [AgentId, ElsewhereAgent])[] => {
      const told = elsewhereOf(row);
      return told === undefined ? [] : [[agentId, told]];
    });
    presence.seeElsewhere(new Map(elsewhere));
    wake.hear(topics.agents);
  }
}
