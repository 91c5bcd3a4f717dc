import type { Clock } from "../../lib/clock.ts";
import type { Log } from "../../lib/program/log.ts";
import { messageOf } from "../../lib/values/errors.ts";
import type { AgentJob } from "./job.ts";

/** How the work on a claim ended on this agent. */
export type JobEnd =
  /** The control plane has everything, or never wants anything: the directory goes. */
  | { readonly kind: "forgotten" }
  /** It was given back before it was started. */
  | { readonly kind: "declined"; readonly reason: string }
  /** Something could not be delivered: the directory stays, and nobody is told of it again. */
  | { readonly kind: "kept"; readonly reason: string };

/** Does the work of a job from where its journal stands. Rejects only when stopped, or for a fault of this machine. */
export type RunJob = (job: AgentJob, stopping: AbortSignal) => Promise<JobEnd>;

/** After a fault, before the work on a job is taken up again. */
const faultPauseMs = 5_000;

export interface WorkOptions {
  readonly runJob: RunJob;
  readonly clock: Clock;
  readonly log: Log;
}

/** The work can be taken up at any point: after a fault of this machine it is, as after a restart. Rejects when stopped. */
export async function workToEnd(
  job: AgentJob,
  { runJob, clock, log }: WorkOptions,
  signal: AbortSignal,
): Promise<JobEnd> {
  for (;;) {
    try {
      return await runJob(job, signal);
    } catch (error) {
      signal.throwIfAborted();
      log.error({ err: error, job: job.key }, "the work on a job failed");
      const reason = messageOf(error);
      if (!job.journal.has("exec") && !job.journal.has("result")) return { kind: "declined", reason };
      await clock.sleep(faultPauseMs, signal);
    }
  }
}
