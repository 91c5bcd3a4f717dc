import type { Clock } from "../../lib/clock.ts";

/** How often a line is said again of which only the numbers have changed. */
const numbersMs = 30_000;

/** What was said last of something that goes on: how far it is, is no news for a while. */
export class ProgressLines {
  readonly #clock: Clock;
  #line = "";
  #saidMs = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** True if the line is to be said now. */
  isNews(line: string): boolean {
    const nowMs = this.#clock.monotonicMs();
    const isOther = withoutNumbers(line) !== withoutNumbers(this.#line);
    if (line === this.#line || (!isOther && nowMs - this.#saidMs < numbersMs)) return false;
    this.#line = line;
    this.#saidMs = nowMs;
    return true;
  }
}

/** `downloads from the server (12 of 30 MB, 0.4 MB/s)` without what stands in the brackets. */
const withoutNumbers = (line: string): string => line.replaceAll(/ \(\d[^()]* of \d[^()]*\)/g, "");
