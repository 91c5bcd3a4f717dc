import type { RowChange } from "../../store/ports/change-feed.ts";
import type { Control } from "../core/control.ts";
import { type ChangedThing, keyOf, readThings } from "./changed-things.ts";

/** A change, and its position in the feed. */
export interface PlacedChange extends RowChange {
  readonly position: number;
}

interface Reading {
  /** Every change before this position is in what is read. */
  readonly knows: number;
  readonly thing: Promise<ChangedThing>;
}

/** Of how many things the last reading is kept: pools can be large. */
const mostKept = 256;

/**
 * Things that have changed, read once for all who watch: whoever asks for a change that a reading knows gets that reading,
 * while it goes on or later.
 */
export class SharedThings {
  readonly #control: Control;
  readonly #readings = new Map<string, Reading>();

  constructor(control: Control) {
    this.#control = control;
  }

  /** The things of these changes, in their order. */
  async of(changes: readonly PlacedChange[]): Promise<readonly ChangedThing[]> {
    const unknown = changes.filter((change) => (this.#readings.get(keyOf(change))?.knows ?? 0) <= change.position);
    if (unknown.length > 0) this.#read(unknown);
    const things = changes.map((change) => this.#readings.get(keyOf(change))?.thing);
    this.#forgetOldest();
    const read: ChangedThing[] = [];
    for (const thing of things) if (thing !== undefined) read.push(await thing);
    return read;
  }

  /** Reads some together; what is asked for until they are there waits for them. */
  #read(changes: readonly PlacedChange[]): void {
    const { store } = this.#control;
    const knows = store.changes.position;
    const all = store.read((q) => readThings(this.#control, q, changes));
    for (const [at, change] of changes.entries()) {
      const key = keyOf(change);
      const thing = all.then((things) => {
        const found = things[at];
        if (found === undefined) throw new Error("a thing for each change was expected");
        return found;
      });
      const reading = { knows, thing };
      thing.catch(() => {
        if (this.#readings.get(key) === reading) this.#readings.delete(key);
      });
      this.#readings.delete(key);
      this.#readings.set(key, reading);
    }
  }

  #forgetOldest(): void {
    for (const key of this.#readings.keys()) {
      if (this.#readings.size <= mostKept) return;
      this.#readings.delete(key);
    }
  }
}
