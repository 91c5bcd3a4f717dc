import type { JobPhase } from "../../domain/runs/job.ts";
import type { JobId } from "../../lib/words/ids.ts";

/** Hears of what happens to jobs, once it is committed: for metrics and traces. It never fails and never waits. */
export interface Observer {
  /** A job was started after it had waited for this long. */
  jobStarted(phase: JobPhase, waitedMs: number): void;
  /** A job's result is stored. */
  jobEnded(jobId: JobId): void;
}

/** Hears nothing. */
export const noObserver: Observer = { jobStarted: () => {}, jobEnded: () => {} };
