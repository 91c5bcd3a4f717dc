import type { Job } from "../domain/job.ts";
import type { Labels } from "../domain/label-selector.ts";
import type { HeldJob } from "../gen/windlass/agent/v1/job_pb.ts";
import type { AgentId, JobId, PoolId } from "../lib/ids.ts";
import { Turns } from "./turns.ts";

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
  readonly turns = new Turns();
  readonly #seats = new Map<AgentId, Seat>();
  /** How many resources each apply has dealt with, as its agent said last. */
  readonly #progress = new Map<AgentId, ReadonlyMap<string, number>>();

  get(agentId: AgentId): Seat | undefined {
    return this.#seats.get(agentId);
  }

  all(): readonly Seat[] {
    return [...this.#seats.values()];
  }

  /** Remembers how far an agent's jobs are. */
  noteProgress(agentId: AgentId, jobs: readonly Pick<HeldJob, "claim" | "resourcesDone">[]): void {
    this.#progress.set(agentId, new Map(jobs.map(({ claim, resourcesDone }) => [claim?.jobId ?? "", resourcesDone])));
  }

  /** How many resources a job has dealt with; 0 if that is not known. */
  progressOf({ id, agentId }: Pick<Job, "id" | "agentId">): number {
    return agentId === null ? 0 : (this.#progress.get(agentId)?.get(id) ?? 0);
  }

  /** Takes the place of an older stream of the same agent, which the caller has closed. */
  enter(seat: Seat): void {
    this.#seats.set(seat.agentId, seat);
  }

  /** Leaves, unless a newer stream has taken the place. */
  leave(seat: Seat): void {
    if (this.#seats.get(seat.agentId) !== seat) return;
    this.#seats.delete(seat.agentId);
    this.#progress.delete(seat.agentId);
  }
}
