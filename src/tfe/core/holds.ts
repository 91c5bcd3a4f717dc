/** How many answers may be held back at a time, of all callers and of one; more are answered at once. */
const maxHolds = 10_000;
const maxHoldsOfOne = 200;

/** A place to wait in; disposing gives it back. */
export interface Hold extends Disposable {
  /** How long an answer may be held, in milliseconds. */
  readonly forMs: number;
}

/** How many states that callers have been given are remembered. */
const maxGiven = 10_000;

/** The state of an apply that was looked at. */
export const seenApply = "seen";

/** What callers were given last: whoever asks again for what they know may be let wait until there is something new. */
export class GivenStates {
  readonly #last = new Map<string, string>();

  /** Whether this caller has been told this state last. */
  knows(who: string, id: string, state: string): boolean {
    return this.#last.get(`${who}/${id}`) === state;
  }

  note(who: string, id: string, state: string): void {
    const key = `${who}/${id}`;
    this.#last.delete(key);
    this.#last.set(key, state);
    if (this.#last.size <= maxGiven) return;
    for (const oldest of this.#last.keys()) {
      this.#last.delete(oldest);
      return;
    }
  }
}

/** Answers that are held back until something happens: bounded in time and number. */
export class Holds {
  /** Of runs. */
  readonly given = new GivenStates();
  /** Whose applies were looked at, with `seenApply` for a state. */
  readonly seenApplies = new GivenStates();
  readonly #forMs: number;
  readonly #of = new Map<string, number>();
  #all = 0;

  /** With 0 nothing is ever held. */
  constructor(forMs: number) {
    this.#forMs = forMs;
  }

  /** A place for one whom `who` names; undefined if there is none, and the answer is to be given at once. */
  enter(who: string): Hold | undefined {
    const own = this.#of.get(who) ?? 0;
    if (this.#forMs === 0 || this.#all >= maxHolds || own >= maxHoldsOfOne) return undefined;
    this.#all += 1;
    this.#of.set(who, own + 1);
    let isOpen = true;
    return {
      forMs: this.#forMs,
      [Symbol.dispose]: () => {
        if (!isOpen) return;
        isOpen = false;
        this.#leave(who);
      },
    };
  }

  /** How many answers are held. */
  get count(): number {
    return this.#all;
  }

  #leave(who: string): void {
    this.#all -= 1;
    const left = (this.#of.get(who) ?? 1) - 1;
    if (left === 0) this.#of.delete(who);
    else this.#of.set(who, left);
  }
}
