import type { ReplicaRow } from "../../store/ports/replicas.ts";

/** The processes that serve the database of this one, as it saw them last. */
export class Replicas {
  /** Of this process alone. */
  readonly id: string;
  readonly startedAt: Date;
  #others: ReadonlyMap<string, ReplicaRow> = new Map();

  constructor(id: string, startedAt = new Date(0)) {
    this.id = id;
    this.startedAt = startedAt;
  }

  /** True while no other process serves the database. */
  get isAlone(): boolean {
    return this.#others.size === 0;
  }

  /** The others that live. */
  get others(): readonly ReplicaRow[] {
    return [...this.#others.values()];
  }

  /** Whether this is another process that lives. */
  isElsewhere(id: string): boolean {
    return this.#others.has(id);
  }

  /** Remembers the others as they are now. */
  see(others: readonly ReplicaRow[]): void {
    this.#others = new Map(others.map((row) => [row.id, row]));
  }
}
