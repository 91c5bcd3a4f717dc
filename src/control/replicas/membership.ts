import { messageOf } from "../../lib/values/errors.ts";
import type { ReplicaRow, ReplicaWord } from "../../store/ports/replicas.ts";
import type { Queries } from "../../store/ports/store.ts";
import type { Control } from "../core/control.ts";
import { graceAfterStart } from "../runs/sweeper.ts";

/** Notified when a replica has come, so that the others see it at once. */
const arrivalTopic = "replicas";

/** How often a replica says that it lives. */
export const beatMs = 5_000;
/** One that has said nothing for so long, while this one could read, is gone. */
const lostAfterMs = 15_000;
/** How long one that is gone is still listed. */
const listedMs = 3_600_000;
/** Without a beat for so long, the database is away. */
const awayMs = 12_000;
/** How long a stop waits to say that it stops. */
const leaveMs = 3_000;
/** How far the clock of a replica may be from the database's. */
export const maxSkewMs = 30_000;

/** With others there, streams of agents end when the database has been away for so long: the others may have it. */
const cutOffMs = 60_000;

/** What is to be done when the replicas have changed. */
export interface MembershipEvents {
  /** One has come that does not know what this one has told before. */
  onArrival(): void;
  /** What another one has told may not have come here. */
  onGap(): void;
  /** The others counted this one as gone: what it has told of its agents was deleted. */
  onBack(): void;
  /** These are gone, or have stopped. */
  onGone(ids: readonly string[]): void;
  /** It was looked whether the database is there, and what it shows. */
  onLook(): void;
}

/** What others were last seen to say, and since when by the monotonic clock. */
interface Sighting {
  readonly beats: number;
  readonly losses: number;
  readonly sinceMs: number;
}

/** This process among those that serve the database: it says that it lives, and finds out which others do not any more. */
export class Membership {
  readonly #control: Control;
  readonly #events: MembershipEvents;
  #seen: ReadonlyMap<string, Sighting> = new Map();
  #address = "";
  #beats = 0;
  #losses = 0;
  #lastBeatMs: number;
  #skewMs = 0;
  #refusal = "";

  constructor(control: Control, events: MembershipEvents) {
    this.#control = control;
    this.#events = events;
    this.#lastBeatMs = control.clock.monotonicMs();
  }

  /** Where it can be reached, from the next beat on. */
  set address(address: string) {
    this.#address = address;
  }

  /** The others were not told something: they have to hear of that in another way. */
  noteLoss(): void {
    this.#losses += 1;
  }

  /** For how long the database has not taken a beat. */
  get awayMs(): number {
    return this.#control.clock.monotonicMs() - this.#lastBeatMs;
  }

  /** Why this process is of no use for now; undefined if it is. */
  get trouble(): string | undefined {
    if (this.awayMs > awayMs) return `the database cannot be used${this.#refusal === "" ? "" : `: ${this.#refusal}`}`;
    return skewText(this.#skewMs);
  }

  /**
   * Enters. `isLiving` tells of those who are entered whether their processes are there. If none is, what ran when the last one
   * stopped gets time to come back.
   */
  async enter(isLiving: (id: string) => boolean): Promise<void> {
    const { store, replicas, clock } = this.#control;
    const isAlone = await store.write(async (tx) => {
      const others = (await tx.replicas.all()).filter((row) => isOther(row, replicas.id));
      const dead = others.filter((row) => !isLiving(row.id));
      await buryAll(tx, dead, clock.now());
      await tx.replicas.enter(this.#word());
      await tx.agents.disconnectBut(others.filter((row) => isLiving(row.id)).map(({ id }) => id));
      return dead.length === others.length;
    });
    if (isAlone) await graceAfterStart(this.#control);
    await this.beat();
    this.#control.wake.notify(arrivalTopic);
  }

  /** Says that this process lives until the signal is aborted, and then that it stops. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, wake } = this.#control;
    let beating: Promise<void> | undefined;
    while (!signal.aborted) {
      const seen = wake.version(arrivalTopic);
      await wake.changedSince(arrivalTopic, seen, { timeoutMs: beatMs, signal }).catch(() => {});
      if (signal.aborted) break;
      // One that gets no answer is waited for; what it means is judged meanwhile.
      beating ??= this.#tryToBeat().finally(() => {
        beating = undefined;
      });
      await Promise.race([beating, clock.sleep(beatMs, signal).catch(() => {})]);
      this.#partIfCutOff();
      this.#events.onLook();
    }
    // A database that does not answer holds up no stop: the others see soon enough that this one is gone.
    const patience = new AbortController();
    await Promise.race([
      Promise.allSettled([beating]).then(() => this.#leave()),
      clock.sleep(leaveMs, patience.signal).catch(() => {}),
    ]);
    patience.abort();
  }

  async #tryToBeat(): Promise<void> {
    try {
      await this.beat();
    } catch (err) {
      this.#refusal = messageOf(err);
      this.#control.log.warn({ err }, "this replica could not say that it lives: it is tried again");
    }
  }

  #partIfCutOff(): void {
    const { presence, replicas, log } = this.#control;
    const connectedAgents = presence.all();
    if (this.awayMs < cutOffMs || replicas.isAlone || connectedAgents.length === 0) return;
    log.error(
      { agents: connectedAgents.length },
      "this replica has been cut off from the database for long: its agents are sent to the others",
    );
    for (const connected of connectedAgents) connected.close("draining", "this server is cut off from its database");
  }

  /** One beat, and what it shows of the others. */
  async beat(): Promise<void> {
    const { store, replicas, clock, log } = this.#control;
    this.#beats += 1;
    const { rows, isBack } = await store.step(async (tx) => {
      const isMember = await tx.replicas.beat(this.#word());
      if (!isMember) await tx.replicas.enter(this.#word());
      return { rows: await tx.replicas.all(), isBack: !isMember };
    });
    const nowMs = clock.monotonicMs();
    const wasAway = nowMs - this.#lastBeatMs > awayMs;
    this.#lastBeatMs = nowMs;
    this.#refusal = "";
    this.#seeOwn(rows.find(({ id }) => id === replicas.id));
    const others = rows.filter((row) => isOther(row, replicas.id));
    const dead = this.#look(rows, others, { nowMs, wasAway });
    if (isBack) log.warn({}, "the other replicas counted this one as gone: it is back");
    if (isBack) this.#events.onBack();
    if (dead.length > 0) await this.#bury(dead);
  }

  #seeOwn(own: ReplicaRow | undefined): void {
    if (own === undefined) return;
    const skewMs = own.clockAt.getTime() - own.seenAt.getTime();
    const [before, now] = [skewText(this.#skewMs), skewText(skewMs)];
    this.#skewMs = skewMs;
    if (now !== undefined && before === undefined) this.#control.log.error({ skewMs }, now);
  }

  /** Compares with what was seen before; answers which of the others have not moved for long. */
  #look(
    rows: readonly ReplicaRow[],
    others: readonly ReplicaRow[],
    { nowMs, wasAway }: { readonly nowMs: number; readonly wasAway: boolean },
  ): readonly ReplicaRow[] {
    const { replicas, log } = this.#control;
    const before = this.#seen;
    const sightings = others.map(({ id, beats, losses }): readonly [string, Sighting] => {
      const known = before.get(id);
      const hasMoved = known === undefined || known.beats !== beats || wasAway;
      return [id, { beats, losses, sinceMs: hasMoved ? nowMs : known.sinceMs }];
    });
    this.#seen = new Map(sightings);
    const gone = [...before.keys()].filter((id) => !this.#seen.has(id));
    const arrived = others.filter(({ id }) => !before.has(id));
    for (const { id, name, address } of arrived)
      log.info({ replica: id, name, address }, "another replica serves this database");
    replicas.see(others);
    if (gone.length > 0) this.#events.onGone(gone);
    // One that was lost may have left something untold.
    const isLost = rows.some(({ id }) => gone.includes(id));
    const hasLosses = sightings.some(([id, { losses }]) => losses !== (before.get(id)?.losses ?? losses));
    if (isLost || hasLosses) this.#events.onGap();
    if (arrived.length > 0) this.#events.onArrival();
    return others.filter(({ id }) => nowMs - (this.#seen.get(id)?.sinceMs ?? nowMs) >= lostAfterMs);
  }

  async #bury(dead: readonly ReplicaRow[]): Promise<void> {
    const { store, clock, log, replicas } = this.#control;
    const lost = await store.step((tx) => buryAll(tx, dead, clock.now()));
    for (const { id, name } of dead)
      if (lost.includes(id)) log.warn({ replica: id, name }, "a replica is gone: it said nothing for long");
    this.#seen = new Map([...this.#seen].filter(([id]) => !lost.includes(id)));
    replicas.see(replicas.others.filter(({ id }) => !lost.includes(id)));
    if (lost.length === 0) return;
    this.#events.onGone(lost);
    this.#events.onGap();
  }

  async #leave(): Promise<void> {
    const { store, replicas, log } = this.#control;
    await store
      .step(async (tx) => {
        await tx.presences.deleteOf([replicas.id]);
        await tx.replicas.leave(replicas.id);
      })
      .catch((err: unknown) => log.warn({ err }, "this replica could not say that it stops: the others see it soon"));
  }

  #word(): ReplicaWord {
    const { replicas, name, version, clock } = this.#control;
    return {
      ...{ id: replicas.id, name, version, address: this.#address },
      ...{ startedAt: replicas.startedAt, clockAt: clock.now(), beats: this.#beats, losses: this.#losses },
    };
  }
}

const isOther = ({ id, lostAt }: ReplicaRow, own: string): boolean => id !== own && lostAt === null;

/** Counts processes as gone that have not moved since, with what they have told; answers which of them it did. */
async function buryAll(tx: Queries, dead: readonly ReplicaRow[], at: Date): Promise<readonly string[]> {
  const lost = await tx.replicas.lose(dead, at);
  await tx.agents.disconnectFrom(lost);
  await tx.presences.deleteOf(lost);
  await tx.replicas.forget(new Date(at.getTime() - listedMs));
  return lost;
}

/** What is wrong with a clock that differs by so much from the database's; undefined if nothing is. */
export function skewText(skewMs: number): string | undefined {
  if (Math.abs(skewMs) <= maxSkewMs) return undefined;
  const seconds = Math.round(Math.abs(skewMs) / 1_000);
  return `the clock of this machine is ${seconds} s ${skewMs > 0 ? "ahead of" : "behind"} the database's: set one of them, and let a time service keep them (at most ${maxSkewMs / 1_000} s are taken)`;
}
