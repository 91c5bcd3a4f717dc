import type { Clock } from "../lib/clock.ts";
import { failpoint } from "../lib/failpoint.ts";
import type { Log } from "../lib/log.ts";
import { removeTree } from "./durable-files.ts";
import type { Job } from "./job.ts";
import type { Conduct, JobEnd } from "./job-table.ts";

/** After a fault, before the work on a job is taken up again. */
const faultPauseMs = 5_000;

export interface WorkOptions {
  readonly conduct: Conduct;
  readonly clock: Clock;
  readonly log: Log;
}

/** The work can be taken up at any point: after a fault of this machine it is, as after a restart. Rejects when stopped. */
export async function workToEnd(job: Job, { conduct, clock, log }: WorkOptions, signal: AbortSignal): Promise<JobEnd> {
  for (;;) {
    try {
      return await conduct(job, signal);
    } catch (error) {
      signal.throwIfAborted();
      log.error({ err: error, job: job.key }, "the work on a job failed");
      const reason = error instanceof Error ? error.message : String(error);
      if (!job.journal.has("exec") && !job.journal.has("result")) return { kind: "declined", reason };
      await clock.sleep(faultPauseMs, signal);
    }
  }
}

/** Removes a job that is over from the disk. */
export async function removeJob({ files }: Job, log: Log): Promise<void> {
  failpoint("agent.before-removal");
  await removeTree(files.root).catch((error: unknown) =>
    log.warn(
      { err: error, directory: files.root },
      "a job directory cannot be removed: it is tried again at the next start",
    ),
  );
}
