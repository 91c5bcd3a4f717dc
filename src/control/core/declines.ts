import type { JobId } from "../../lib/words/ids.ts";

/** After the first decline of a job, and each time as much longer; the longest. */
const firstMs = 5_000;
const growth = 3;
const longestMs = 300_000;
/** How many jobs are remembered of one agent. */
const mostJobs = 100;

interface Declined {
  readonly reason: string;
  readonly count: number;
  readonly untilMs: number;
  readonly forgetMs: number;
}

/**
 * Which jobs one agent has declined lately, and until when it is not asked again: longer after each decline of the same
 * job.
 */
export class Declines {
  readonly #jobs = new Map<JobId, Declined>();

  #any = { reason: "", untilMs: 0 };

  note(jobId: JobId, reason: string, nowMs: number): void {
    this.#any = { reason, untilMs: nowMs + firstMs };
    const count = (this.#jobs.get(jobId)?.count ?? 0) + 1;
    const pauseMs = Math.min(longestMs, firstMs * growth ** (count - 1));
    this.#jobs.delete(jobId);
    this.#jobs.set(jobId, { reason, count, untilMs: nowMs + pauseMs, forgetMs: nowMs + pauseMs + longestMs });
    const [oldest] = this.#jobs.keys();
    if (this.#jobs.size > mostJobs && oldest !== undefined) this.#jobs.delete(oldest);
  }

  /** Why the job is not offered to the agent now; undefined if it may be. */
  reasonOf(jobId: JobId, nowMs: number): string | undefined {
    const declined = this.#jobs.get(jobId);
    return declined === undefined || declined.untilMs <= nowMs ? undefined : declined.reason;
  }

  /** Why it gets no job at all for now: it has just declined one; empty otherwise. */
  pause(nowMs: number): string {
    return nowMs < this.#any.untilMs ? this.#any.reason : "";
  }

  /** Why it declined last; empty if nothing is kept from it. */
  last(nowMs: number): string {
    for (const [jobId, { forgetMs }] of this.#jobs) if (forgetMs <= nowMs) this.#jobs.delete(jobId);
    return [...this.#jobs.values()].findLast(({ untilMs }) => untilMs > nowMs)?.reason ?? "";
  }

  /** Those that are remembered. */
  get jobIds(): readonly JobId[] {
    return [...this.#jobs.keys()];
  }

  has(jobId: JobId): boolean {
    return this.#jobs.has(jobId);
  }

  get isEmpty(): boolean {
    return this.#jobs.size === 0;
  }
}
