import type { Person, Principal } from "../../domain/people/principal.ts";
import { Budget } from "../../lib/async/budget.ts";
import { WakeUps } from "../../lib/async/wake-ups.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import type { OrganizationId } from "../../lib/words/ids.ts";
import type { ChangeFeed } from "../../store/ports/change-feed.ts";
import { asPerson, demand, findOrganization } from "../core/access.ts";
import type { Control } from "../core/control.ts";
import { type ChangedThing, keyOf } from "./changed-things.ts";
import { type PlacedChange, SharedThings } from "./shared-things.ts";
import { WaitLooks, type Watched } from "./waits.ts";

/** What a watcher is told, and where it stands then. */
export interface ChangedThings {
  readonly things: readonly ChangedThing[];
  readonly cursor: string;
}

export interface EventWish {
  /** Id or name; empty is the caller's only one, and all of them for site admins. */
  readonly organization: string;
  /** Empty is from now on. */
  readonly cursor: string;
  readonly signal: AbortSignal;
}

/** What happens within this time is told together; longer where it takes long to read. */
const gatherMs = 50;
const mostGatherMs = 2_000;
const restFactor = 4;
/** Changes that are looked at in one go: a reader that is slow is told the last of them only. */
const mostChanges = 5_000;
/** After so many changes of others a watcher is told where it stands: its cursor stays good. */
const mostUntold = 1_000;
/** Things that are read in one transaction. */
const mostThings = 50;
/** Streams at once. The end of one that was left is known soon. */
const places = { waitMs: 2_000, maxWaiting: 32 };
const perKey = { what: "streams of events of one API key", total: 10_000, perKey: 32, ...places };
const perOrganization = { what: "streams of events of one organization", total: 10_000, perKey: 1_000, ...places };

/** Tells what changes to all who watch it. What has changed is read once for all of them. */
export class EventWatch {
  readonly #control: Control;
  readonly #things: SharedThings;
  readonly #waits: WaitLooks;
  readonly #wake: WakeUps;
  readonly #ofKeys: Budget;
  readonly #ofOrganizations: Budget;
  #watchers = 0;
  #stopListening = () => {};

  constructor(control: Control) {
    this.#control = control;
    this.#things = new SharedThings(control);
    this.#waits = new WaitLooks(control);
    this.#wake = new WakeUps(control.clock);
    this.#ofKeys = new Budget({ ...perKey, clock: control.clock });
    this.#ofOrganizations = new Budget({ ...perOrganization, clock: control.clock });
  }

  /** How many watch. */
  get watchers(): number {
    return this.#watchers;
  }

  /** Where things stand, and then whatever changes of what the caller may see, as it is when it is told. */
  async *watch(who: Principal, { organization, cursor, signal }: EventWish): AsyncGenerator<ChangedThings, void> {
    const person = asPerson(who);
    demand(person, "read");
    const watched = await this.#scopeOf(person, organization);
    using _ofKey = await this.#ofKeys.take(person.id, 1, signal);
    using _ofOrganization = await this.#ofOrganizations.take(person.organizationId ?? person.id, 1, signal);
    using _waits = await this.#waits.enter(watched);
    using _listening = this.#listen();
    const { changes } = this.#control.store;
    const position = cursor === "" ? changes.position : positionIn(changes, cursor);
    if (cursor === "") yield { things: [], cursor: cursorAt(changes, position) };
    yield* this.#follow({ person, watched, position }, signal);
  }

  async *#follow(
    { person, watched, position: begin }: Watcher,
    signal: AbortSignal,
  ): AsyncGenerator<ChangedThings, void> {
    const { store, clock } = this.#control;
    const { id } = store.changes;
    let toldAt = begin;
    for (let position = begin; ; ) {
      signal.throwIfAborted();
      const seen = this.#wake.version(topic);
      if (store.changes.id !== id) throw expired();
      const found = changesAfter(store.changes, position);
      const cursor = cursorAt(store.changes, found.position);
      const startedMs = clock.monotonicMs();
      const told = newestOf(found.changes.filter(({ organizationId }) => isSeen(person, watched, organizationId)));
      for (let from = 0; from < told.length; from += mostThings) {
        const things = await this.#things.of(told.slice(from, from + mostThings));
        const isLast = from + mostThings >= told.length;
        yield { things, cursor: isLast ? cursor : cursorAt(store.changes, position) };
      }
      if (told.length === 0 && found.position - toldAt >= mostUntold) yield { things: [], cursor };
      if (told.length > 0 || found.position - toldAt >= mostUntold) toldAt = found.position;
      const tookMs = clock.monotonicMs() - startedMs;
      position = found.position;
      if (found.isAll) await this.#wake.changedSince(topic, seen, { signal });
      await clock.sleep(Math.min(mostGatherMs, Math.max(gatherMs, restFactor * tookMs)), signal);
    }
  }

  /** The organization whose things are told; undefined is all that the caller sees. */
  async #scopeOf(person: Person, reference: string): Promise<Watched> {
    if (reference === "" && person.organizationId === null) return undefined;
    return (await this.#control.store.read((q) => findOrganization(q, person, reference))).id;
  }

  /** The feed wakes all who watch by one call. */
  #listen(): Disposable {
    if (this.#watchers === 0) this.#stopListening = this.#control.store.changes.listen(() => this.#wake.notify(topic));
    this.#watchers += 1;
    return {
      [Symbol.dispose]: () => {
        this.#watchers -= 1;
        if (this.#watchers === 0) this.#stopListening();
      },
    };
  }
}

interface Watcher {
  readonly person: Person;
  readonly watched: Watched;
  readonly position: number;
}

const topic = "changes";

/** Site admins see the server's own agent beside the things of an organization. */
const isSeen = (person: Person, watched: Watched, owner: OrganizationId | null): boolean =>
  owner === null ? person.role === "site_admin" : watched === undefined || owner === watched;

const cursorAt = ({ id }: ChangeFeed, position: number): string => `${id}.${position}`;

function positionIn({ id }: ChangeFeed, cursor: string): number {
  const [feed, position, ...more] = cursor.split(".");
  const isOurs = feed === id && more.length === 0 && /^\d{1,15}$/.test(position ?? "");
  if (!isOurs) throw expired();
  return Number(position);
}

function changesAfter(feed: ChangeFeed, from: number) {
  const found = feed.since(from, mostChanges);
  if (found === undefined) throw expired();
  const changes = found.changes.map((change, at): PlacedChange => ({ ...change, position: from + at }));
  return { changes, position: found.position, isAll: found.changes.length < mostChanges };
}

const expired = () =>
  new WindlassError(
    "cursor_expired",
    "what happened after this cursor is not known any more: read everything again, and watch without a cursor",
  );

/** Of each thing its last change, in the order of these. */
function newestOf(changes: readonly PlacedChange[]): readonly PlacedChange[] {
  const newest = new Map<string, PlacedChange>();
  for (const change of changes) {
    const key = keyOf(change);
    newest.delete(key);
    newest.set(key, change);
  }
  return [...newest.values()];
}
