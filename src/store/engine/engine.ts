/** Runs callbacks in transactions of one database; `Q` is what a callback may do in one. */
export interface StoreEngine<Q extends object> extends AsyncDisposable {
  /** One snapshot; cannot write. */
  read<T>(run: (queries: Q) => Promise<T>): Promise<T>;
  /**
   * Decides as if alone, and is durable when it resolves. May run more than once: no effects but through `queries`. What
   * it is about has names, the best one first, by which writes about other things need not wait for it; without any it
   * is alone indeed.
   */
  write<T>(run: (queries: Q) => Promise<T>, ...about: readonly string[]): Promise<T>;
  /** For statements that decide by their own WHERE (claims, compare-and-set); durable when it resolves. */
  step<T>(run: (queries: Q) => Promise<T>): Promise<T>;
}

/** What a store takes where it lies. */
export interface Space {
  readonly bytes: number;
  /** Of these, what holds nothing now and is used before the store grows; null if the engine does not tell. */
  readonly freeBytes: number | null;
}

/** What can be said and done about the place that a store takes. */
export interface Spacious {
  space(): Promise<Space>;
  /** Gives free room back to the disk, at most so many pages; true if more is left. PostgreSQL does so by itself. */
  giveBack(pages: number): Promise<boolean>;
}

/** The least an engine says to whoever watches it. */
export interface StoreLog {
  warn(fields: Readonly<Record<string, unknown>>, message: string): void;
  error(fields: Readonly<Record<string, unknown>>, message: string): void;
}

export const silentLog: StoreLog = { warn: () => {}, error: () => {} };
