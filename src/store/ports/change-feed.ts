import type { OrganizationId } from "../../lib/words/ids.ts";

/** What is told of when it changes; the parts of a run are the run, what a workspace owns is the workspace. */
export type ChangedKind = "run" | "workspace" | "pool" | "agent" | "token";

/** Something that a transaction has changed, made or deleted. It says what, never how: readers read again. */
export interface RowChange {
  readonly kind: ChangedKind;
  readonly id: string;
  /** Null for what belongs to the server itself. */
  readonly organizationId: OrganizationId | null;
  /** Of what was deleted, if it had one. */
  readonly name?: string | undefined;
}

/** What changed after a position, and the position after it. */
export interface ChangesSince {
  readonly changes: readonly RowChange[];
  readonly position: number;
}

/** How many changes are kept; who is further behind reads everything again. */
const keptChanges = 50_000;

/**
 * The last changes that this process has committed, or has heard of from others, by position. They are in memory: the rows are
 * the truth.
 */
export class ChangeFeed {
  readonly #kept: number;
  readonly #changes: RowChange[] = [];
  readonly #listeners = new Set<() => void>();
  #id: string;
  #relay: ((changes: readonly RowChange[]) => void) | undefined;
  #hearing: ((changes: readonly RowChange[]) => void) | undefined;
  /** Position of the first of those that are kept. */
  #first = 0;

  constructor(id: string, kept = keptChanges) {
    this.#id = id;
    this.#kept = kept;
  }

  /** Of this process alone, and until it begins anew: positions in another feed say nothing in this one. */
  get id(): string {
    return this.#id;
  }

  /** The position after all that is known. */
  get position(): number {
    return this.#first + this.#changes.length;
  }

  /** Takes what this process has committed. */
  publish(changes: readonly RowChange[]): void {
    if (changes.length === 0) return;
    this.show(changes);
    this.#relay?.(changes);
  }

  /** From now on what is published is told to this as well. */
  relay(relay: (changes: readonly RowChange[]) => void): void {
    this.#relay = relay;
  }

  /** From now on this is told of what others have committed, before anybody can read it. */
  onHeard(hearing: (changes: readonly RowChange[]) => void): void {
    this.#hearing = hearing;
  }

  /** Takes what another process has committed. */
  hear(changes: readonly RowChange[]): void {
    this.#hearing?.(changes);
    this.show(changes);
  }

  /** Something may have changed that nobody has told of: who reads on has to read everything again. */
  renew(id: string): void {
    this.#id = id;
    this.#first = this.position;
    this.#changes.length = 0;
    for (const tell of this.#listeners) tell();
  }

  /** Takes what only this process sees otherwise than before, though no row has changed. */
  show(changes: readonly RowChange[]): void {
    if (changes.length === 0) return;
    this.#changes.push(...changes);
    // In large steps: each moves what is left.
    if (this.#changes.length > 2 * this.#kept) {
      const surplus = this.#changes.length - this.#kept;
      this.#changes.splice(0, surplus);
      this.#first += surplus;
    }
    for (const tell of this.#listeners) tell();
  }

  /** At most `limit` changes from a position on; undefined if they are not kept any longer, or the position never was. */
  since(position: number, limit: number): ChangesSince | undefined {
    if (position < this.#first || position > this.position) return undefined;
    const from = position - this.#first;
    const changes = this.#changes.slice(from, from + limit);
    return { changes, position: position + changes.length };
  }

  /** Calls back after each publication, until what it answers is called. */
  listen(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
