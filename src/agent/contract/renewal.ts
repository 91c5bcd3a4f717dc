/**
 * The wish to register anew with the token as it is now, without touching any job. It can be asked for any number of
 * times.
 */
export class Renewal {
  #asked = new AbortController();

  /** Aborted at the next wish. Take it anew for each connection. */
  get signal(): AbortSignal {
    return this.#asked.signal;
  }

  ask(): void {
    const asked = this.#asked;
    this.#asked = new AbortController();
    asked.abort(new Error("the agent registers anew"));
  }
}
