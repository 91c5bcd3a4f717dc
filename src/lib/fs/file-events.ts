import { type FSWatcher, watch } from "node:fs";
import { linkSignals } from "../async/abort.ts";
import type { Clock } from "../clock.ts";

/** Tells when something about a path may have changed; carries no data and never misses a change for longer than a poll. */
export interface ChangeSignal extends Disposable {
  /**
   * Resolves at the next change, at once if there was one since the last wait, and at the latest after the poll
   * interval.
   */
  wait(signal?: AbortSignal): Promise<void>;
}

export interface WatchOptions {
  readonly clock: Clock;
  /** The floor: a lost notification costs this much. */
  readonly pollMs: number;
}

/** Without notifications (the system's limit of watches is reached) the poll alone has to be quick enough. */
const pollAloneMs = 100;

/** Watches a file or a directory (not what is below it) until disposed. The path must exist. */
export const watchPath = (path: string, options: WatchOptions): ChangeSignal => new WatchedPath(path, options);

class WatchedPath implements ChangeSignal {
  readonly #clock: Clock;
  readonly #watcher: FSWatcher | undefined;
  #pollMs: number;
  #isChanged = false;
  #wake: () => void = () => {};

  constructor(path: string, { clock, pollMs }: WatchOptions) {
    this.#clock = clock;
    this.#pollMs = pollMs;
    this.#watcher = this.#open(path);
  }

  async wait(signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    if (!this.#isChanged) await this.#changeOrPoll(signal);
    this.#isChanged = false;
  }

  [Symbol.dispose](): void {
    this.#watcher?.close();
  }

  async #changeOrPoll(signal: AbortSignal | undefined): Promise<void> {
    using timer = linkSignals(signal);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    try {
      await Promise.race([promise, this.#clock.sleep(this.#pollMs, timer.signal)]);
    } finally {
      timer.abort();
    }
  }

  #open(path: string): FSWatcher | undefined {
    const pollAlone = (): void => {
      this.#pollMs = Math.min(this.#pollMs, pollAloneMs);
    };
    try {
      const watcher = watch(path, { persistent: false }, () => {
        this.#isChanged = true;
        this.#wake();
      });
      watcher.on("error", pollAlone);
      return watcher;
    } catch {
      pollAlone();
      return undefined;
    }
  }
}
