import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../../lib/clock.ts";
import { failpoint } from "../../lib/program/failpoint.ts";
import type { Log } from "../../lib/program/log.ts";
import type { ClaimKey } from "../contract/claim.ts";
import { removeTree } from "../disk/durable-files.ts";
import { forceRemove } from "../disk/force-remove.ts";
import { isLeftOver } from "./stored-jobs.ts";

/** A directory that is to go waits this long, and again as long as a job is hurried, up to the longest time. */
const restMs = 20;
const longestRestMs = 2_000;

/** How often directories that belong to no job are looked for. */
const lookEveryMs = 60_000;

export interface JobDirectoriesOptions {
  /** Where they are, each with the name of its claim. */
  readonly root: string;
  /** True while somebody works with a directory, or keeps it. */
  readonly isInUse: (key: ClaimKey) => boolean;
  /** True while another job is brought on its way. */
  readonly isHurried: (key: ClaimKey) => boolean;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Removes the directories of jobs that are over. What could not be removed at once, and whatever else belongs to no
 * job, is looked for now and then: as at a start, but while the agent lives.
 */
export class JobDirectories implements AsyncDisposable {
  readonly #options: JobDirectoriesOptions;
  readonly #restless = new AbortController();
  #lookedAtMs: number;
  #looking: Promise<void> | undefined;

  constructor(options: JobDirectoriesOptions) {
    this.#options = options;
    this.#lookedAtMs = options.clock.monotonicMs();
  }

  /**
   * Removes the directory of a job that is over, and that nothing writes to any more. The next job of the run mostly comes
   * just now: it goes first, and the directory when terraform runs. A failure is said, and it is tried again.
   */
  async remove(key: ClaimKey): Promise<void> {
    failpoint("agent.before-removal");
    await this.#rest(key);
    const directory = join(this.#options.root, key);
    // File by file: who prepares a job wants the threads.
    await forceRemove(directory).catch((error: unknown) => tellRemains(this.#options.log)(directory, error));
  }

  /** The agent is about to end: from now on nothing waits before it goes. */
  restNoMore(): void {
    this.#restless.abort();
  }

  /** Removes what belongs to no job, at most once a minute; to be called now and then. */
  tidy(): void {
    const nowMs = this.#options.clock.monotonicMs();
    if (this.#looking !== undefined || nowMs - this.#lookedAtMs < lookEveryMs) return;
    this.#lookedAtMs = nowMs;
    this.#looking = this.#look()
      .catch((error: unknown) => this.#options.log.error({ err: error }, "job directories could not be looked through"))
      .then(() => {
        this.#looking = undefined;
      });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#looking;
  }

  async #rest(key: ClaimKey): Promise<void> {
    const { clock, isHurried } = this.#options;
    const { signal } = this.#restless;
    for (let rested = 0; rested < longestRestMs && !signal.aborted; rested += restMs) {
      await clock.sleep(restMs, signal).catch(() => {});
      if (!isHurried(key)) return;
    }
  }

  async #look(): Promise<void> {
    const { root, isInUse, log } = this.#options;
    const entries = await readdir(root, { withFileTypes: true });
    for (const { name: key } of entries.filter((entry) => entry.isDirectory())) {
      const directory = join(root, key);
      if (isInUse(key) || !(await isLeftOver(directory))) continue;
      // It may have become a job's while it was looked at.
      if (isInUse(key)) continue;
      try {
        await removeTree(directory);
        log.warn({ directory }, "a directory that belonged to no job was removed");
      } catch (error) {
        tellRemains(log)(directory, error);
      }
    }
  }
}

/** A directory that cannot be removed is no reason to end: it is said, and it is tried again. */
export const tellRemains =
  (log: Log) =>
  (directory: string, error: unknown): void =>
    log.warn({ err: error, directory }, "a job directory cannot be removed: it is tried again in a minute");
