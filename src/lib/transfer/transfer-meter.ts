import type { Clock } from "../clock.ts";

/** The pace is that of the last seconds. */
const windowMs = 10_000;
/** What is over sooner needs no words. */
const quietMs = 2_000;

/** How far a transfer is and how fast it goes, for people. */
export class TransferMeter {
  readonly #clock: Clock;
  readonly #startedMs: number;
  readonly #samples: { readonly atMs: number; readonly bytes: number }[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#startedMs = clock.monotonicMs();
  }

  /** `12 of 30 MB, 0.4 MB/s`; empty in the first seconds. */
  text(done: number, total: number): string {
    const nowMs = this.#clock.monotonicMs();
    this.#samples.push({ atMs: nowMs, bytes: done });
    while ((this.#samples[1]?.atMs ?? nowMs) < nowMs - windowMs) this.#samples.shift();
    if (nowMs - this.#startedMs < quietMs) return "";
    const [first = { atMs: nowMs, bytes: done }] = this.#samples;
    const seconds = (nowMs - first.atMs) / 1000;
    const pace = seconds <= 0 ? "" : `, ${megabytes((done - first.bytes) / seconds)} MB/s`;
    return `${megabytes(done)} of ${megabytes(total)} MB${pace}`;
  }
}

/** `0.04`, `0.4`, `3.6`, `30`: two digits that count. */
function megabytes(bytes: number): string {
  const value = Math.max(0, bytes) / 1e6;
  if (value >= 9.95) return String(Math.round(value));
  if (value >= 0.095 || value === 0) return value.toFixed(1);
  return value.toFixed(2);
}
