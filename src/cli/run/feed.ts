import type { Run } from "../../gen/windlass/v1/run_pb.ts";
import { abortable } from "../../lib/async/abort.ts";
import { isFinal } from "./states.ts";

/**
 * The newest snapshot of one run, and a way to wait for it to become something. Slow readers skip snapshots, never the
 * last.
 */
export class RunFeed {
  #latest: Run;
  #failure: { readonly error: unknown } | undefined;
  #next = Promise.withResolvers<void>();

  constructor(run: Run) {
    this.#latest = run;
  }

  get latest(): Run {
    return this.#latest;
  }

  /**
   * Takes a snapshot; after a final one nothing changes any more. What was asked of the run never does: not every
   * snapshot says it.
   */
  update(run: Run): void {
    if (isFinal(this.#latest.state)) return;
    this.#latest = { ...run, options: this.#latest.options ?? run.options };
    this.#wake();
  }

  /** Ends every wait, present and future, with this error. */
  fail(error: unknown): void {
    this.#failure ??= { error };
    this.#wake();
  }

  /** The first snapshot from now on that passes the test. */
  async until(test: (run: Run) => boolean, signal: AbortSignal): Promise<Run> {
    while (!test(this.#latest)) {
      if (this.#failure !== undefined) throw this.#failure.error;
      await abortable(this.#next.promise, signal);
    }
    return this.#latest;
  }

  /** The latest snapshot, then the latest after each change; ends after a final one. */
  async *changes(signal: AbortSignal): AsyncGenerator<Run, void> {
    for (;;) {
      const seen = this.#latest;
      yield seen;
      if (isFinal(seen.state)) return;
      await this.until((run) => run !== seen, signal);
    }
  }

  #wake(): void {
    const { resolve } = this.#next;
    this.#next = Promise.withResolvers<void>();
    resolve();
  }
}
