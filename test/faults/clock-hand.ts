import { rename, writeFile } from "node:fs/promises";

/**
 * Moves the wall clock of programs that were started with its environment; their monotonic clock goes on as it does in
 * life.
 */
export class ClockHand {
  readonly #path: string;

  private constructor(path: string) {
    this.#path = path;
  }

  static async at(path: string): Promise<ClockHand> {
    const hand = new ClockHand(path);
    await hand.set(0);
    return hand;
  }

  get environment(): Readonly<Record<string, string>> {
    const preload = new URL("./moved-clock.ts", import.meta.url).href;
    return { FAULTS_CLOCK_FILE: this.#path, NODE_OPTIONS: `--import=${preload}` };
  }

  /** From now on the clock is so far ahead; less than 0 is behind. */
  async set(aheadMs: number): Promise<void> {
    await writeFile(`${this.#path}.new`, String(aheadMs));
    await rename(`${this.#path}.new`, this.#path);
  }
}
