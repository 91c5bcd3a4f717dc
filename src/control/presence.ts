import type { Job } from "../domain/job.ts";
import type { Labels } from "../domain/label-selector.ts";
import type { AgentId, JobId, PoolId } from "../lib/ids.ts";

/** One connected agent, as its session keeps it in memory. */
export interface Seat {
  readonly agentId: AgentId;
  readonly name: string;
  readonly poolId: PoolId | null;
  readonly bootId: string;
  readonly sessionEpoch: number;
  readonly concurrency: number;
  /** What selectors see of it. */
  readonly labels: Labels;
  /** Jobs it was offered or runs: id to epoch. */
  readonly jobs: ReadonlyMap<JobId, number>;
  /** True while it may get offers: connected, resumed, neither paused nor draining. */
  readonly takesJobs: boolean;
  /** Monotonic milliseconds of the last message that proves life. */
  readonly heardAtMs: number;
  /** Counts a job against its concurrency; false if there is no room or the stream is gone. */
  reserve(jobId: JobId, epoch: number): boolean;
  /** Takes a reservation back. */
  release(jobId: JobId, epoch: number): void;
  /** Sends it a job that was claimed for it. A lost offer goes back to the queue by its lease. */
  offer(job: Job): Promise<void>;
  /** Shows operators a problem with this agent, for as long as it is connected. */
  warn(text: string): void;
  /** Ends the stream, with a reason for the agent. */
  close(reason: "superseded" | "revoked" | "deleted" | "draining", detail: string): void;
}

/** Who is connected to this process: a cache of the truth in the database, for speed only. */
export class Presence {
  readonly #seats = new Map<AgentId, Seat>();

  get(agentId: AgentId): Seat | undefined {
    return this.#seats.get(agentId);
  }

  all(): readonly Seat[] {
    return [...this.#seats.values()];
  }

  /** Takes the place of an older stream of the same agent, which the caller has closed. */
  enter(seat: Seat): void {
    this.#seats.set(seat.agentId, seat);
  }

  /** Leaves, unless a newer stream has taken the place. */
  leave(seat: Seat): void {
    if (this.#seats.get(seat.agentId) === seat) this.#seats.delete(seat.agentId);
  }
}
