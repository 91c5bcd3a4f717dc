import { isEnded, type Job } from "../../domain/runs/job.ts";
import { DesiredState } from "../../gen/windlass/agent/v1/job_pb.ts";

/** What is wanted of a job, seen from one claim on it. */
export function desiredOf(job: Job | undefined): DesiredState {
  if (job === undefined) return DesiredState.GONE;
  // An interrupted apply may still run: nothing may end it but a person, and whoever distrusts its agent has decided that.
  if (job.status === "interrupted" && !job.isLogClosed)
    return job.distrustedBy === null ? DesiredState.RUN : DesiredState.CANCEL;
  if (isEnded(job.status) || job.status === "queued") return DesiredState.GONE;
  return job.desired === "force"
    ? DesiredState.FORCE
    : job.desired === "cancel"
      ? DesiredState.CANCEL
      : DesiredState.RUN;
}
