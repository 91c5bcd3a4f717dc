/**
 * How much space is free, as it was last seen: the disk may hang, and a heartbeat must not wait for it. Each question
 * has the figure measured anew, once at a time.
 */
export class FreeSpace {
  readonly #measure: () => Promise<bigint>;
  #known = 0n;
  #measuring: Promise<void> | undefined;

  constructor(measure: () => Promise<bigint>) {
    this.#measure = measure;
  }

  /** 0 until it was seen for the first time. */
  lastKnown(): bigint {
    void this.refresh();
    return this.#known;
  }

  /** Resolves when it was measured, or could not be. */
  refresh(): Promise<void> {
    this.#measuring ??= this.#look().finally(() => {
      this.#measuring = undefined;
    });
    return this.#measuring;
  }

  async #look(): Promise<void> {
    try {
      this.#known = await this.#measure();
    } catch {
      // What was known stays: the next look may do better.
    }
  }
}
