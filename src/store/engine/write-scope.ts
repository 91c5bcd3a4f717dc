import type { LockMode, LockSet } from "../../lib/async/keyed-locks.ts";

/** The key that every write has at least a share of. Who has it alone writes alone. */
export const everything = "everything";

/** What a write locks that does not say what it is about: it is the only one. */
export const alone: LockSet = new Map([[everything, "alone"]]);
/** What a write locks of which nothing is known yet. */
export const beside: LockSet = new Map([[everything, "shared"]]);

/** Thrown through a write that touches what it has not locked: it is begun again with wider locks. */
export class WiderLocksNeeded extends Error {
  readonly wanted: LockSet;

  constructor(wanted: LockSet) {
    super("a write touched what it had not locked: it is begun again");
    this.wanted = wanted;
  }
}

/**
 * What one attempt of a write has locked, and what it turned out to need. Everything that a write reads to decide, and
 * everything that it writes, belongs to a key; an attempt is committed only if it had locked all of them before its first
 * statement. So two writes that could change each other's decision are never under way at once, on any server.
 */
export class WriteScope {
  #locks: LockSet = alone;
  #hasChanges = false;
  readonly #used = new Map<string, LockMode>();
  readonly #wanted = new Map<string, LockMode>();
  readonly #sent: Promise<unknown>[] = [];
  /** Which key the row of an id belongs to, of the rows that this attempt has seen. */
  readonly places = new Map<string, string>();
  /** What rules remember of rows that this attempt has seen. */
  readonly facts = new Map<string, unknown>();

  /** Another attempt begins on this connection. */
  begin(locks: LockSet): void {
    this.#locks = locks;
    for (const part of [this.#used, this.#wanted, this.places, this.facts]) part.clear();
    this.#sent.length = 0;
    this.#hasChanges = false;
  }

  /** What the attempt needed in truth. */
  get used(): LockSet {
    return new Map([...beside, ...this.#used]);
  }

  /** The attempt goes on, so that all is known that it needs, up to its first change. */
  need(key: string, mode: LockMode = "alone"): void {
    if (this.#used.get(key) !== "alone") this.#used.set(key, mode);
    if (!this.#has(key, mode)) this.#wanted.set(key, this.#used.get(key) ?? mode);
  }

  /** The place of a row by its id; of one that was not seen nothing is known, and nobody else may write. */
  needPlaceOf(id: string): void {
    this.need(this.places.get(id) ?? everything);
  }

  /** Called before every change: nothing is changed that is not locked. */
  demandLocks(): void {
    this.#hasChanges = true;
    this.demandAllLocks();
  }

  /** Called before the commit: what changes nothing has seen one moment, and needs no locks. */
  demandAllLocks(): void {
    if (this.#hasChanges && this.#wanted.size > 0) throw new WiderLocksNeeded(new Map(this.#wanted));
  }

  /** Takes a statement whose answer nobody waits for: the commit does, and fails with it. */
  send(statement: Promise<unknown>): void {
    statement.catch(() => {});
    this.#sent.push(statement);
  }

  /** Rejects with the error of the first of these statements that failed. */
  async settled(): Promise<void> {
    for (const outcome of await Promise.allSettled(this.#sent)) if (outcome.status === "rejected") throw outcome.reason;
  }

  #has(key: string, mode: LockMode): boolean {
    if (this.#locks.get(everything) === "alone") return true;
    const held = this.#locks.get(key);
    return held === "alone" || held === mode;
  }
}

/** Both together, each key as the stronger of them. */
export const widened = (locks: LockSet, more: LockSet): LockSet =>
  new Map([...locks, ...[...more].filter(([key, mode]) => mode === "alone" || !locks.has(key))]);
