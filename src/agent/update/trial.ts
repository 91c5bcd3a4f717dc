import type { Clock } from "../../lib/clock.ts";
import { failpoint } from "../../lib/program/failpoint.ts";
import type { Log } from "../../lib/program/log.ts";
import type { Slots } from "./slots.ts";

export interface TrialOptions {
  readonly slots: Pick<Slots, "confirm" | "fail">;
  readonly version: string;
  readonly trialMs: number;
  readonly clock: Clock;
  readonly log: Log;
}

/** How many answered heartbeats prove that a session is held. */
const neededBeats = 2;
/** Uptime that a version needs, and when it gives itself up: parts of the trial. The launcher, which counts the start of the program too, ends it after all of it. */
const proofShare = 1 / 3;
const giveUpShare = 0.75;
const lookMs = 500;

export type TrialEnd = "confirmed" | "failed" | "stopped";

/** A version that has to prove itself: it registers, holds a session, and lives for a while. */
export class Trial {
  readonly #options: TrialOptions;
  readonly #startedMs: number;
  #beats = 0;
  #end: TrialEnd | undefined;

  constructor(options: TrialOptions) {
    this.#options = options;
    this.#startedMs = options.clock.monotonicMs();
  }

  /** A heartbeat was answered. */
  answered(): void {
    this.#beats++;
  }

  /** True once enough was answered: whatever comes, the server is reached. */
  get holdsSession(): boolean {
    return this.#beats >= neededBeats;
  }

  /** Resolves when the version is confirmed, has failed, or is stopped. */
  async run(signal: AbortSignal): Promise<TrialEnd> {
    const { clock, trialMs, slots, log, version } = this.#options;
    while (!signal.aborted && this.#end === undefined) {
      const forMs = clock.monotonicMs() - this.#startedMs;
      if (this.holdsSession && forMs >= trialMs * proofShare) return this.confirm();
      if (!this.holdsSession && forMs >= trialMs * giveUpShare) {
        log.error({ version }, "this version has not held a session in its trial: the version before it goes on");
        await slots.fail("no-session");
        this.#end = "failed";
        return this.#end;
      }
      await clock.sleep(Math.min(lookMs, trialMs / 10), signal).catch(() => {});
    }
    return this.#end ?? "stopped";
  }

  /** What is stopped in good order after a session was held has proved enough. */
  async confirm(): Promise<TrialEnd> {
    if (this.#end !== undefined) return this.#end;
    this.#end = "confirmed";
    await this.#options.slots.confirm(this.#options.version);
    failpoint("updater.confirmed");
    this.#options.log.info({ version: this.#options.version }, "Core update is confirmed");
    return this.#end;
  }
}
