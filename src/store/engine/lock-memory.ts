import type { LockSet } from "../../lib/async/keyed-locks.ts";

/** As many are remembered; each takes some hundred bytes. */
const maxRemembered = 20_000;

/**
 * What writes about something needed the last time, so that the next one begins with the right locks. A guess: what is wrong or
 * forgotten costs one attempt more.
 */
export class LockMemory {
  readonly #known = new Map<string, LockSet>();

  get(about: string): LockSet | undefined {
    return this.#known.get(about);
  }

  set(about: string, locks: LockSet): void {
    this.#known.delete(about);
    this.#known.set(about, locks);
    for (const oldest of this.#known.keys()) {
      if (this.#known.size <= maxRemembered) return;
      this.#known.delete(oldest);
    }
  }
}
