import type { LockSet } from "../../lib/async/keyed-locks.ts";
import { beside } from "./write-scope.ts";

/** As many are remembered; each takes some hundred bytes. */
const maxRemembered = 20_000;

/**
 * What writes about something needed the last time, so that the next one begins with the right locks. A guess: what is wrong or
 * forgotten costs one attempt more.
 */
export class LockMemory {
  readonly #known = new Map<string, LockSet>();

  /** By the first of these names that is known. */
  guess(about: readonly string[]): LockSet {
    const known = about.find((name) => this.#known.has(name));
    return (known === undefined ? undefined : this.#known.get(known)) ?? beside;
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
