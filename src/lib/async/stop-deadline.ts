import type { Clock } from "../clock.ts";

/** What a stop has to write takes no longer where the database answers. */
const leastMs = 4_000;

/** When a stop is over, whoever does not answer: then nothing is waited for any more. */
export class StopDeadline {
  readonly #clock: Clock;
  readonly #withinMs: number;
  readonly #passed = new AbortController();
  readonly #over = new AbortController();
  #running: Promise<void> | undefined;

  constructor(clock: Clock, withinMs: number) {
    this.#clock = clock;
    this.#withinMs = withinMs;
  }

  /** Aborted at the deadline, or when all is over. */
  get signal(): AbortSignal {
    return this.#passed.signal;
  }

  /** How long calls get to end: what follows them has to be done by then, too. */
  get callsMs(): number {
    return Math.ceil((this.#withinMs * 3) / 4);
  }

  /** The stop begins, unless it has. */
  begin(): void {
    this.#running ??= this.#clock.sleep(Math.max(this.#withinMs, leastMs), this.#over.signal).then(
      () => this.#passed.abort(),
      () => {},
    );
  }

  /** All has ended that was to end by itself. */
  async end(): Promise<void> {
    this.#over.abort();
    await this.#running;
    this.#passed.abort();
  }
}
